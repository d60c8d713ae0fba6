package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
	"souk/router/telemetry"
)

// A streamClient is a response to a subscription. It blocks at event number blockAt, counted from
// 1, until the client leaves; 0 means never.
type streamClient struct {
	*httptest.ResponseRecorder
	blockAt int
	left    context.Context

	mu     sync.Mutex
	events int
}

func (c *streamClient) Write(b []byte) (int, error) {
	if strings.HasPrefix(string(b), "event: next") {
		c.mu.Lock()
		c.events++
		block := c.events == c.blockAt
		c.mu.Unlock()
		if block {
			<-c.left.Done()
			return 0, c.left.Err()
		}
	}
	return len(b), nil
}

func (c *streamClient) received() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.events
}

// subscribeTo opens a subscription without a network. It ends with ctx.
func subscribeTo(ctx context.Context, gw *gateway.Gateway, blockAt int) *streamClient {
	c := &streamClient{ResponseRecorder: httptest.NewRecorder(), blockAt: blockAt, left: ctx}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", strings.NewReader(subscription))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	go gw.Handler().ServeHTTP(c, r)
	synctest.Wait()
	return c
}

// However many clients do not read, the others wait for slow_client_timeout once, also if the
// queues become full at different events. Each is counted when it is dropped.
func TestManySlowSubscribersCostOneTimeout(t *testing.T) {
	for name, blockAt := range map[string]func(client int) int{
		"at one event":        func(int) int { return 1 },
		"one after the other": func(client int) int { return 1 + client%4 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const silent, patience = 10, time.Second
				m := prometheus.NewRegistry()
				f := &feed{}
				c := config.Default()
				c.Subscriptions.QueueEvents, c.Subscriptions.SlowClientTimeout, c.Subscriptions.Heartbeat = 4, patience, 0
				gw, err := gateway.New(t.Context(), c, gateway.Options{
					Supergraph: sdl, Metrics: telemetry.New(m),
					Transport: func(*supergraph.Model) (execute.Transport, func(), error) { return f, func() {}, nil },
				})
				if err != nil {
					t.Fatal(err)
				}
				defer gw.Close()
				ctx, leave := context.WithCancel(t.Context())
				defer func() { leave(); synctest.Wait() }()
				reader := subscribeTo(ctx, gw, 0)
				for i := range silent {
					subscribeTo(ctx, gw, blockAt(i))
				}
				u := f.upstream(t, 0)
				began := time.Now()
				const events = 20
				for i := range events {
					u.send(t, fmt.Sprint(i))
					synctest.Wait()
					if got := reader.received(); got != i+1 {
						t.Fatalf("the reader has %d events of %d", got, i+1)
					}
				}
				if waited := time.Since(began); waited > patience {
					t.Errorf("the reader waited for %v, want at most %v", waited, patience)
				}
				if got := figures(t, m)["subscriptions_dropped_total{}"]; got != silent {
					t.Errorf("%v clients are counted as dropped, want %d", got, silent)
				}
			})
		})
	}
}

// A client that catches up while others wait for it stays, however often it does.
func TestSubscriberThatCatchesUpStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := prometheus.NewRegistry()
		f := &feed{}
		c := config.Default()
		c.Subscriptions.QueueEvents, c.Subscriptions.SlowClientTimeout, c.Subscriptions.Heartbeat = 1, time.Second, 0
		gw, err := gateway.New(t.Context(), c, gateway.Options{
			Supergraph: sdl, Metrics: telemetry.New(m),
			Transport: func(*supergraph.Model) (execute.Transport, func(), error) { return f, func() {}, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer gw.Close()
		ctx, leave := context.WithCancel(t.Context())
		defer func() { leave(); synctest.Wait() }()
		reader := subscribeTo(ctx, gw, 0)
		late := &lateClient{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", strings.NewReader(subscription))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "text/event-stream")
		go gw.Handler().ServeHTTP(late, r)
		synctest.Wait()
		u := f.upstream(t, 0)
		const events = 20
		for i := range events {
			u.send(t, fmt.Sprint(i))
		}
		synctest.Wait()
		time.Sleep(time.Minute) // of the bubble
		if got := reader.received(); got != events {
			t.Errorf("the reader has %d events of %d", got, events)
		}
		if got := figures(t, m)["subscriptions_dropped_total{}"]; got != 0 {
			t.Errorf("%v clients are dropped", got)
		}
	})
}

// A lateClient takes 600 ms for each event.
type lateClient struct{ *httptest.ResponseRecorder }

func (c *lateClient) Write(b []byte) (int, error) {
	time.Sleep(600 * time.Millisecond)
	return len(b), nil
}
