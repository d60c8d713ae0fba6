package server_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/server"
)

func TestConnectionShareLeavesConnectionsToOthers(t *testing.T) {
	pools := make(chan *pgxpool.Pool, 1)
	p := launch(t, environment(t), nil, func(_ context.Context, r server.Resources) (*server.Service, error) {
		pools <- r.DB
		return &server.Service{Handler: http.NotFoundHandler()}, nil
	})
	pool := <-pools
	greedy := server.WithConnectionShare(t.Context())
	held := make([]*pgxpool.Conn, pool.Config().MaxConns/3)
	for i := range held {
		var err error
		if held[i], err = pool.Acquire(greedy); err != nil {
			t.Fatal(err)
		}
	}
	late, cancel := context.WithTimeout(greedy, 50*time.Millisecond)
	defer cancel()
	if _, err := pool.Acquire(late); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("connection beyond the share: got error %v", err)
	}
	for _, ctx := range []context.Context{server.WithConnectionShare(t.Context()), t.Context()} {
		other, err := pool.Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		other.Release()
	}
	for _, conn := range held {
		conn.Release()
	}
	for range 100 { // in turn, so that all slots must have come back
		if err := pool.Ping(greedy); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.end(t); err != nil {
		t.Error(err)
	}
}
