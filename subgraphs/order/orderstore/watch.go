package orderstore

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// notifyChannel is the Postgres channel (NOTIFY) for the IDs of changed
// orders.
const notifyChannel = "order_changed"

func notify(b *pgx.Batch, id int64) {
	b.Queue(`SELECT pg_notify($1, $2)`, notifyChannel, strconv.FormatInt(id, 10))
}

// Watcher notifies subscribers of committed changes to orders, made by any
// replica of the service. It listens on one connection for all subscribers.
type Watcher struct {
	db     *pgxpool.Pool
	logger *slog.Logger

	mu       sync.Mutex
	watching map[int64]map[chan struct{}]bool
}

// reconnectDelay is how long Run waits after the connection is lost.
const reconnectDelay = time.Second

// NewWatcher returns a Watcher. It sends nothing until Run is called.
func NewWatcher(db *pgxpool.Pool, logger *slog.Logger) *Watcher {
	return &Watcher{db: db, logger: logger, watching: map[int64]map[chan struct{}]bool{}}
}

// Watch returns a channel that receives after the order changes. It coalesces
// changes and may also receive without a change. The caller must call stop.
func (w *Watcher) Watch(id int64) (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watching[id] == nil {
		w.watching[id] = map[chan struct{}]bool{}
	}
	w.watching[id][c] = true
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.watching[id], c)
		if len(w.watching[id]) == 0 {
			delete(w.watching, id)
		}
	}
}

// Run listens until ctx ends, and reconnects when the connection is lost.
func (w *Watcher) Run(ctx context.Context) error {
	for {
		err := w.listen(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped on purpose
		}
		w.logger.WarnContext(ctx, "lost the connection that listens for changed orders; reconnecting", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(reconnectDelay):
		}
	}
}

func (w *Watcher) listen(ctx context.Context) error {
	pooled, err := w.db.Acquire(ctx)
	if err != nil {
		return err
	}
	conn := pooled.Hijack() // a connection that listens must not return to the pool
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reconnectDelay)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+notifyChannel); err != nil {
		return err
	}
	w.wakeAll() // changes while it was disconnected were missed
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		if id, err := strconv.ParseInt(n.Payload, 10, 64); err == nil {
			w.wake(id)
		}
	}
}

func (w *Watcher) wake(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.watching[id] {
		signal(c)
	}
}

func (w *Watcher) wakeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, watchers := range w.watching {
		for c := range watchers {
			signal(c)
		}
	}
}

// signal sends unless a value is already waiting.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
