package events

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// parallel is how many subjects are worked on at once: each holds a connection
// of the pool.
const parallel = 4

// reader holds the events a consumer has read and not finished: a queue for
// each subject, so that one that fails holds back its own subject only.
type reader struct {
	bus      *Bus
	consumer Consumer
	token    string // of this reader, and of no other
	last     string // id of the last entry read
	queues   map[string]*queue
	waiting  int // events in all queues
}

type queue struct {
	deliveries []*delivery
	due        time.Time // when to try the first one
}

// delivery is an event and how it fared.
type delivery struct {
	streamID string
	envelope envelope
	text     string // the envelope as it came
	broken   error  // why it is no envelope
	failures int
}

// take puts entries behind the others of their subjects, and acknowledges those
// that nobody here wants.
func (r *reader) take(ctx context.Context, messages []redis.XMessage, tries map[string]int) error {
	var unwanted []string
	for _, message := range messages {
		kind, _ := message.Values[fieldType].(string)
		if kind != "" && !slices.Contains(r.consumer.Types, kind) {
			unwanted = append(unwanted, message.ID)
			continue
		}
		r.enqueue(message, tries[message.ID])
	}
	return r.acknowledge(ctx, unwanted...)
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
	r.waiting++
}

// untilDue is how long until some event is to be tried.
func (r *reader) untilDue() time.Duration {
	next := readBlock
	for _, q := range r.queues {
		next = min(next, time.Until(q.due))
	}
	return max(0, next)
}

// work tries the events that are due, several subjects at once.
func (r *reader) work(ctx context.Context) error {
	now := time.Now()
	var (
		group sync.WaitGroup
		slots = make(chan struct{}, parallel)
		mu    sync.Mutex
		first error
	)
	for _, q := range r.queues {
		if q.due.After(now) {
			continue
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := r.drain(ctx, q); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if first == nil {
					first = err
				}
			}
		})
	}
	group.Wait()
	r.waiting = 0
	for subject, q := range r.queues {
		r.waiting += len(q.deliveries)
		if len(q.deliveries) == 0 {
			delete(r.queues, subject)
		}
	}
	return first
}

// drain finishes a queue's events in order, until one fails. An error is about
// Postgres or Redis: the events are not to blame and stay pending.
func (r *reader) drain(ctx context.Context, q *queue) error {
	for len(q.deliveries) > 0 && ctx.Err() == nil {
		d := q.deliveries[0]
		done, err := r.finish(ctx, d)
		if err != nil {
			return err
		}
		if !done {
			q.due = time.Now().Add(backoff(d.failures, r.consumer.FirstRetry, maxRetry))
			return nil
		}
		q.deliveries = q.deliveries[1:]
	}
	return ctx.Err()
}
