package notifier

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"souk/subgraphs/internal/database"
	"souk/subgraphs/notification/deliver"
)

const (
	// workerCount is how many notifications of a channel are sent
	// concurrently. Each channel has its own workers, so that one that hangs
	// does not delay the others.
	workerCount = 8
	// claimDelay is how long idle workers wait for others, to claim notifications
	// together: a statement for each would take more of Postgres than all else does.
	claimDelay = 20 * time.Millisecond
	// pollInterval is how long an idle worker waits before it looks for work
	// again.
	pollInterval = 250 * time.Millisecond
	// claimLease is how long a claimed notification is hidden from other
	// workers. It exceeds the time that an attempt takes, so that only the
	// claims of dead processes expire.
	claimLease = time.Minute
	// sendTimeout bounds one attempt.
	sendTimeout = 20 * time.Second
	// recordTimeout bounds one attempt to write a result. It is also how long
	// a stopping process still tries.
	recordTimeout = 10 * time.Second
	// maxRecordTime bounds how long a worker tries to write a result.
	maxRecordTime    = 15 * time.Minute
	minRecordBackoff = 50 * time.Millisecond
	maxRecordBackoff = time.Second
	minBackoff       = time.Second
	maxBackoff       = 5 * time.Minute
)

// Work sends due notifications until ctx ends.
func (s *Service) Work(ctx context.Context) error {
	var group sync.WaitGroup
	for _, channel := range []Channel{Email, SMS} {
		group.Go(func() { s.work(ctx, channel) })
	}
	group.Wait()
	return nil
}

// work sends the notifications of a channel. Each that is claimed has a worker that sends it at once.
func (s *Service) work(ctx context.Context, channel Channel) {
	var sending sync.WaitGroup
	defer sending.Wait()
	idle := make(chan struct{}, workerCount)
	for range workerCount {
		idle <- struct{}{}
	}
	for {
		workers := awaitWorkers(ctx, idle)
		if ctx.Err() != nil {
			return
		}
		claimed, err := s.claim(ctx, channel, workers)
		if err != nil && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "could not claim notifications; will retry", "error", err)
		}
		for _, n := range claimed {
			sending.Go(func() {
				defer func() { idle <- struct{}{} }()
				if err := s.deliver(ctx, n); err != nil && ctx.Err() == nil {
					s.Logger.WarnContext(ctx, "could not process a notification; will retry", "error", err)
				}
			})
		}
		for range workers - len(claimed) {
			idle <- struct{}{}
		}
		if len(claimed) == workers {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollInterval):
		}
	}
}

// awaitWorkers takes idle workers, at least one. To claim several notifications together, it waits a
// moment for half of them to be idle.
func awaitWorkers(ctx context.Context, idle chan struct{}) (n int) {
	moment := time.NewTimer(claimDelay)
	defer moment.Stop()
	late := false
	for n < workerCount {
		if n >= workerCount/2 || late && n > 0 {
			select {
			case <-idle:
				n++
				continue
			default:
				return n
			}
		}
		select {
		case <-idle:
			n++
		case <-moment.C:
			late = true
		case <-ctx.Done():
			return n
		}
	}
	return n
}

// deliver makes an attempt to deliver a claimed notification. A failed attempt is recorded in the
// notification; it is not an error.
func (s *Service) deliver(ctx context.Context, n Notification) error {
	if !s.unrecorded.add(n.ID) {
		return nil // another worker has sent it and is about to record that
	}
	defer s.unrecorded.remove(n.ID)
	// From here on the receiver may have the message. Finish even if ctx ends,
	// so that the result is recorded.
	stopping := ctx
	ctx = traceContext.Extract(context.WithoutCancel(ctx), propagation.MapCarrier{"traceparent": n.traceparent})
	ctx, span := s.Tracer.Start(ctx, "send "+string(n.Channel), trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(attribute.Int64("souk.notification.id", n.ID), attribute.Int("souk.notification.attempt", n.Attempts)))
	defer span.End()
	failure := s.send(ctx, n)
	s.Metrics.attempted(n.Channel, failure)
	if failure == nil {
		return s.record(ctx, stopping, func(ctx context.Context) error { return s.markSent(ctx, n) })
	}
	span.SetStatus(codes.Error, failure.Error())
	return s.record(ctx, stopping, func(ctx context.Context) error { return s.markFailed(ctx, n, failure) })
}

// record writes the result of an attempt. It repeats that while the database is
// unavailable: a message whose delivery is not recorded is sent again. When
// stopping ends, it tries a little longer.
func (s *Service) record(ctx, stopping context.Context, write func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, maxRecordTime)
	defer cancel()
	defer context.AfterFunc(stopping, func() { time.AfterFunc(recordTimeout, cancel) })()
	for wait := minRecordBackoff; ; wait = min(maxRecordBackoff, 2*wait) {
		try, end := context.WithTimeout(ctx, recordTimeout)
		err := write(try)
		end()
		if err == nil || ctx.Err() != nil || !database.Unavailable(err) && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		s.Logger.WarnContext(ctx, "could not record the result of a notification; will retry", "error", err, "retry_in", wait)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// unrecorded is the set of notifications that the workers of this process are
// sending or have sent without having recorded it. If the database is away for
// longer than claimLease, their claims expire although their workers live.
type unrecorded struct {
	mu  sync.Mutex
	ids map[int64]bool // as many as there are workers, at most
}

// add adds a notification, and returns false if it is already in the set.
func (u *unrecorded) add(id int64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ids[id] {
		return false
	}
	if u.ids == nil {
		u.ids = map[int64]bool{}
	}
	u.ids[id] = true
	return true
}

func (u *unrecorded) remove(id int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.ids, id)
}

// claim claims up to most due notifications of a channel.
func (s *Service) claim(ctx context.Context, channel Channel, most int) ([]Notification, error) {
	now := s.Now()
	// Postgres plans it each time: see events.AppendChanged.
	rows, err := s.DB.Query(ctx, `
		UPDATE notifications SET attempts = attempts + 1, due_at = $2
		WHERE id = ANY (ARRAY(
			SELECT id FROM notifications WHERE status = 'PENDING' AND channel = $3 AND due_at <= $1
			ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED))
		RETURNING `+columns, pgx.QueryExecModeCacheDescribe, now, now.Add(claimLease), channel, most)
	if err != nil {
		return nil, fmt.Errorf("claiming notifications: %w", err)
	}
	claimed, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("claiming notifications: %w", err)
	}
	return claimed, nil
}

func (s *Service) send(ctx context.Context, n Notification) error {
	sender := s.Channels[n.Channel]
	if sender == nil {
		return fmt.Errorf("channel %s is not configured", n.Channel)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if err := s.insertToken(ctx, &n); err != nil {
		return err
	}
	return sender.Send(ctx, deliver.Message{
		ID:      n.EventID + "." + string(n.Channel),
		To:      n.Recipient,
		Subject: n.Subject,
		Body:    n.Body,
		HTML:    n.HTML,
	})
}

func (s *Service) markFailed(ctx context.Context, n Notification, failure error) error {
	status := Pending
	if n.Attempts >= n.attemptLimit || deliver.IsPermanent(failure) {
		status = Dead
	}
	s.Logger.WarnContext(ctx, "could not send a notification",
		"notification", n.ID, "channel", n.Channel, "attempt", n.Attempts, "status", status, "error", failure)
	_, err := s.DB.Exec(ctx, `UPDATE notifications SET status = $2, due_at = $3, last_error = $4 WHERE id = $1 AND status = 'PENDING'`,
		n.ID, status, s.Now().Add(backoff(n.Attempts)), failure.Error())
	if err != nil {
		return fmt.Errorf("recording the failure of notification %d: %w", n.ID, err)
	}
	return nil
}

// backoff returns the wait after attempt n (from 1): exponential, at most
// maxBackoff, with jitter.
func backoff(n int) time.Duration {
	wait := maxBackoff
	if n < 10 {
		wait = min(maxBackoff, minBackoff<<(n-1))
	}
	return wait/2 + rand.N(wait/2)
}
