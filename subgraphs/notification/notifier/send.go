package notifier

import (
	"context"
	"encoding/json"
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
	"souk/subgraphs/internal/events"
	"souk/subgraphs/notification/deliver"
)

const (
	// workerCount is how many notifications of a channel are sent
	// concurrently. Each channel has its own workers, so that one that hangs
	// does not delay the others.
	workerCount = 4
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

// sentEvent is the data of notification.sent.
type sentEvent struct {
	NotificationID int64     `json:"notificationId,string"`
	Channel        Channel   `json:"channel"`
	Template       string    `json:"template"`
	UserID         int64     `json:"userId,string"`
	OrderID        *int64    `json:"orderId,string,omitempty"`
	SentAt         time.Time `json:"sentAt"`
}

// Work sends due notifications until ctx ends.
func (s *Service) Work(ctx context.Context) error {
	var group sync.WaitGroup
	for _, channel := range []Channel{Email, SMS} {
		for range workerCount {
			group.Go(func() { s.work(ctx, channel) })
		}
	}
	group.Wait()
	return nil
}

func (s *Service) work(ctx context.Context, channel Channel) {
	for ctx.Err() == nil {
		more, err := s.sendNext(ctx, channel)
		if err != nil && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "could not process a notification; will retry", "error", err)
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollInterval):
		}
	}
}

// sendNext attempts one due notification of a channel and reports whether one
// was due. A failed attempt is recorded in the notification; it is not an error.
func (s *Service) sendNext(ctx context.Context, channel Channel) (bool, error) {
	n, ok, err := s.claim(ctx, channel)
	if err != nil || !ok {
		return false, err
	}
	if !s.unrecorded.add(n.ID) {
		return true, nil // another worker has sent it and is about to record that
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
		return true, s.record(ctx, stopping, func(ctx context.Context) error { return s.markSent(ctx, n) })
	}
	span.SetStatus(codes.Error, failure.Error())
	return true, s.record(ctx, stopping, func(ctx context.Context) error { return s.markFailed(ctx, n, failure) })
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

func (s *Service) claim(ctx context.Context, channel Channel) (Notification, bool, error) {
	now := s.Now()
	rows, err := s.DB.Query(ctx, `
		UPDATE notifications SET attempts = attempts + 1, due_at = $2
		WHERE id = (
			SELECT id FROM notifications WHERE status = 'PENDING' AND channel = $3 AND due_at <= $1
			ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING `+columns, now, now.Add(claimLease), channel)
	if err != nil {
		return Notification{}, false, fmt.Errorf("claiming a notification: %w", err)
	}
	n, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return n, false, nil
	}
	if err != nil {
		return n, false, fmt.Errorf("claiming a notification: %w", err)
	}
	return n, true, nil
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

func (s *Service) markSent(ctx context.Context, n Notification) error {
	now := s.Now().UTC()
	data, err := json.Marshal(sentEvent{
		NotificationID: n.ID, Channel: n.Channel, Template: n.Template,
		UserID: n.UserID, OrderID: n.OrderID, SentAt: now,
	})
	if err != nil {
		return fmt.Errorf("encoding that notification %d was sent: %w", n.ID, err)
	}
	var b pgx.Batch
	events.QueueChanged(ctx, &b, events.NotificationSent, `changed AS (
		UPDATE notifications SET status = 'SENT', sent_at = $2, last_error = NULL
		WHERE id = $1 AND status <> 'SENT' RETURNING id::text AS subject, $3::json AS data)`, n.ID, now, data)
	if err := s.DB.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("marking notification %d as sent: %w", n.ID, err)
	}
	return nil
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
