package events

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// maxParallelSubjects bounds how many subjects are processed concurrently.
// Each takes a connection of the pool.
const maxParallelSubjects = 4

// reader holds the events that a consumer has read and not finished. Each
// subject has a queue, so that a failing event blocks only its own subject.
type reader struct {
	bus      *Bus
	consumer Consumer
	token    string // unique to this reader
	last     string // ID of the last entry read
	queues   map[string]*queue
	queued   int // events in all queues
}

type queue struct {
	deliveries []*delivery
	due        time.Time // when to attempt the first one
}

// delivery is a received event and its failures so far.
type delivery struct {
	streamID string
	envelope envelope
	text     string // the envelope as received
	broken   error  // why the envelope is invalid
	failures int
	// waits counts the attempts that failed because something was unavailable.
	waits int
}

// attempts returns how often the event was attempted.
func (d *delivery) attempts() int { return d.failures + d.waits }

// enqueueAll adds entries to the queues of their subjects. It acknowledges
// entries that are not for the consumer.
func (r *reader) enqueueAll(ctx context.Context, messages []redis.XMessage, tries map[string]int) error {
	var unwanted []string
	for _, message := range messages {
		if !r.wants(message) {
			unwanted = append(unwanted, message.ID)
			continue
		}
		r.enqueue(message, tries[message.ID])
	}
	return r.acknowledge(ctx, unwanted...)
}

// wants reports whether an entry has a type that the consumer handles and is
// not a redelivery to another group.
func (r *reader) wants(message redis.XMessage) bool {
	kind, _ := message.Values[fieldType].(string)
	if kind != "" && !slices.Contains(r.consumer.Types, kind) {
		return false
	}
	group, _ := message.Values[fieldGroup].(string)
	return group == "" || group == r.consumer.Group
}

func (r *reader) enqueue(message redis.XMessage, failures int) {
	d := &delivery{streamID: message.ID, failures: failures}
	d.text, _ = message.Values[fieldEvent].(string)
	d.envelope, d.broken = parseEnvelope(d.text)
	q := r.queues[d.envelope.Subject]
	if q == nil {
		q = &queue{}
		r.queues[d.envelope.Subject] = q
	}
	q.deliveries = append(q.deliveries, d)
	r.queued++
}

// untilDue returns how long until an event is due.
func (r *reader) untilDue() time.Duration {
	next := readBlock
	for _, q := range r.queues {
		next = min(next, time.Until(q.due))
	}
	return max(0, next)
}

// processDue processes the due events, several subjects concurrently.
func (r *reader) processDue(ctx context.Context) error {
	now := time.Now()
	var due []*queue
	for _, q := range r.queues {
		if !q.due.After(now) && len(q.deliveries) > 0 {
			due = append(due, q)
		}
	}
	r.processTogether(ctx, due)
	var (
		group sync.WaitGroup
		slots = make(chan struct{}, maxParallelSubjects)
		mu    sync.Mutex
		first error
	)
	for _, q := range r.queues {
		if q.due.After(now) || len(q.deliveries) == 0 {
			continue
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := r.processQueue(ctx, q); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if first == nil {
					first = err
				}
			}
		})
	}
	group.Wait()
	r.queued = 0
	for subject, q := range r.queues {
		r.queued += len(q.deliveries)
		if len(q.deliveries) == 0 {
			delete(r.queues, subject)
		}
	}
	return first
}

// processQueue processes a queue's events in order, until one fails. The error
// is one of Postgres or Redis: the events stay pending.
func (r *reader) processQueue(ctx context.Context, q *queue) error {
	for len(q.deliveries) > 0 && ctx.Err() == nil {
		d := q.deliveries[0]
		done, err := r.process(ctx, d)
		if err != nil {
			return err
		}
		if !done {
			q.due = time.Now().Add(backoff(d.attempts(), r.consumer.FirstRetry, maxRetry))
			return nil
		}
		q.deliveries = q.deliveries[1:]
	}
	return ctx.Err()
}
