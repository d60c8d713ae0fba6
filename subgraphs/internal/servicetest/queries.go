package servicetest

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Queries counts the queries of a pool that CountingPool opened.
type Queries struct{ atomic.Int64 }

// TraceQueryStart implements pgx.QueryTracer.
func (q *Queries) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	q.Add(1)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (q *Queries) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// CountingPool opens a second pool on the service's database, which counts its
// queries.
func (s *Service) CountingPool(t testing.TB) (*pgxpool.Pool, *Queries) {
	t.Helper()
	config := s.DB.Config().Copy()
	queries := &Queries{}
	config.ConnConfig.Tracer = queries
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool, queries
}
