package server

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// WithConnectionShare returns a context whose users together hold at most a part of
// the pool's connections, so that one operation with many fields leaves some for the
// others. A user that holds a connection may take a second one.
func WithConnectionShare(ctx context.Context) context.Context {
	return context.WithValue(ctx, shareKey{}, &share{})
}

type shareKey struct{}

// A share is the part of the pool that one operation may use.
type share struct {
	once sync.Once
	held chan struct{} // has an item for each connection
}

// partOfPool is the divisor of the share of an operation: a third of the connections,
// but at least two.
const partOfPool = 3

func (s *share) slots(pool *pgxpool.Pool) chan struct{} {
	s.once.Do(func() { s.held = make(chan struct{}, max(2, pool.Config().MaxConns/partOfPool)) })
	return s.held
}

// shares makes operations wait for a connection while their share is in use. It is a
// tracer of the pool, because the pool has no other hook before it waits for a
// connection itself.
type shares struct {
	mu sync.Mutex
	of map[*pgx.Conn]chan struct{} // the shares of connections that are in use
}

func newShares() *shares { return &shares{of: map[*pgx.Conn]chan struct{}{}} }

// takenKey is the context key of the share that a connection was taken from.
type takenKey struct{}

// TraceAcquireStart implements pgxpool.AcquireTracer.
func (s *shares) TraceAcquireStart(ctx context.Context, pool *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	mine, ok := ctx.Value(shareKey{}).(*share)
	if !ok {
		return ctx
	}
	slots := mine.slots(pool)
	select {
	case slots <- struct{}{}:
		return context.WithValue(ctx, takenKey{}, slots)
	case <-ctx.Done(): // for the pool to see, too
		return context.WithValue(ctx, takenKey{}, nil)
	}
}

// TraceAcquireEnd implements pgxpool.AcquireTracer.
func (s *shares) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	slots, ok := ctx.Value(takenKey{}).(chan struct{})
	if !ok {
		return
	}
	if data.Conn == nil {
		<-slots
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[data.Conn] = slots
}

// TraceRelease implements pgxpool.ReleaseTracer.
func (s *shares) TraceRelease(_ *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slots, ok := s.of[data.Conn]; ok {
		delete(s.of, data.Conn)
		<-slots
	}
}

// TraceQueryStart implements pgx.QueryTracer, which every tracer must.
func (*shares) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (*shares) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
