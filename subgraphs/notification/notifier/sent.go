package notifier

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"souk/subgraphs/internal/events"
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

// A sentQueue has the notifications that are sent and not marked as such: while a statement marks some,
// those that are sent meanwhile wait for the next one, as in the group commit of a database.
type sentQueue struct {
	mu      sync.Mutex
	waiting []*sentNotification // as many as there are workers, at most
	writing bool
}

type sentNotification struct {
	id            int64
	data          string // of the event
	parent, state string // its trace context
	at            time.Time
	result        chan error
}

// markSent marks a notification as sent, and publishes that, together with those of other workers.
func (s *Service) markSent(ctx context.Context, n Notification) error {
	now := s.Now().UTC()
	data, err := json.Marshal(sentEvent{
		NotificationID: n.ID, Channel: n.Channel, Template: n.Template,
		UserID: n.UserID, OrderID: n.OrderID, SentAt: now,
	})
	if err != nil {
		return fmt.Errorf("encoding that notification %d was sent: %w", n.ID, err)
	}
	mine := &sentNotification{id: n.ID, data: string(data), at: now, result: make(chan error, 1)}
	mine.parent, mine.state = events.Trace(ctx)
	s.sent.mu.Lock()
	s.sent.waiting = append(s.sent.waiting, mine)
	writes := !s.sent.writing
	s.sent.writing = true
	s.sent.mu.Unlock()
	if writes {
		s.writeSent(ctx)
	}
	select {
	case err = <-mine.result:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("marking notification %d as sent: %w", n.ID, err)
	}
	return nil
}

// writeSent marks all that wait, until none does.
func (s *Service) writeSent(ctx context.Context) {
	// Others wait for the result, so it must not end with the caller.
	ctx = context.WithoutCancel(ctx)
	for {
		s.sent.mu.Lock()
		all := s.sent.waiting
		s.sent.waiting, s.sent.writing = nil, len(all) > 0
		s.sent.mu.Unlock()
		if len(all) == 0 {
			return
		}
		err := s.markAllSent(ctx, all)
		for _, n := range all {
			n.result <- err
		}
	}
}

func (s *Service) markAllSent(ctx context.Context, all []*sentNotification) error {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	// In order, so that two processes cannot wait for each other.
	slices.SortFunc(all, func(a, b *sentNotification) int { return cmp.Compare(a.id, b.id) })
	var (
		ids                   []int64
		times                 []time.Time
		data, parents, states []string
	)
	for _, n := range all {
		ids, times, data = append(ids, n.id), append(times, n.at), append(data, n.data)
		parents, states = append(parents, n.parent), append(states, n.state)
	}
	return events.AppendChanged(ctx, s.DB, events.NotificationSent, `changed AS (
		UPDATE notifications n SET status = 'SENT', sent_at = sent.at, last_error = NULL
		FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[]) AS sent (id, at, data, traceparent, tracestate)
		WHERE n.id = sent.id AND n.status <> 'SENT'
		RETURNING n.id::text AS subject, sent.data::json AS data, sent.traceparent, sent.tracestate)`, ids, times, data, parents, states)
}
