package orderstore

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// channel is what Postgres sends the ids of changed orders on.
const notifyChannel = "order_changed"

func notify(ctx context.Context, tx pgx.Tx, id int64) error {
	if _, err := tx.Exec(ctx, `SELECT pg_notify($1, $2)`, notifyChannel, strconv.FormatInt(id, 10)); err != nil {
		return fmt.Errorf("telling the watchers of order %d: %w", id, err)
	}
	return nil
}

// Watcher tells of changes to orders as they are committed, by whichever
// replica of the service: it listens on one connection for all who watch.
type Watcher struct {
	db     *pgxpool.Pool
	logger *slog.Logger

	mu       sync.Mutex
	watching map[int64]map[chan struct{}]bool
}

// reconnectPause is how long Run waits when the connection is lost.
const reconnectDelay = time.Second

// NewWatcher makes a Watcher; it tells nothing until it Runs.
func NewWatcher(db *pgxpool.Pool, logger *slog.Logger) *Watcher {
	return &Watcher{db: db, logger: logger, watching: map[int64]map[chan struct{}]bool{}}
}

// Watch gives a channel that receives after changes to an order: once for one
// or several, and sometimes for none. The caller must call stop.
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

// Run listens until ctx ends, over lost connections too.
func (w *Watcher) Run(ctx context.Context) error {
	for {
		err := w.listen(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		w.logger.WarnContext(ctx, "listening for changed orders", "error", err)
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
	conn := pooled.Hijack() // it listens, so it must not go back to the pool
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reconnectDelay)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+notifyChannel); err != nil {
		return err
	}
	w.wakeAll() // what changed before was not heard
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

// signal leaves at most one unread.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
