package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
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

// A sharedFeed is a gateway without a network, whose clients share one stream of a feed. Its methods
// belong into a bubble of synctest.
type sharedFeed struct {
	feed
	*gateway.Gateway
	metrics *prometheus.Registry
	clients context.Context // ends all subscriptions
}

// shareFeed returns a gateway with a queue of some events for each client, and patience with slow ones.
func shareFeed(t *testing.T, queue int, patience time.Duration) *sharedFeed {
	t.Helper()
	return shareFeedWith(t, queue, patience, 0)
}

// shareFeedWith is like shareFeed, with heartbeats.
func shareFeedWith(t *testing.T, queue int, patience, heartbeat time.Duration) *sharedFeed {
	t.Helper()
	s := &sharedFeed{metrics: prometheus.NewRegistry()}
	c := config.Default()
	c.Subscriptions.QueueEvents, c.Subscriptions.SlowClientTimeout, c.Subscriptions.Heartbeat = queue, patience, heartbeat
	var err error
	s.Gateway, err = gateway.New(t.Context(), c, gateway.Options{
		Supergraph: sdl, Metrics: telemetry.New(s.metrics),
		Transport: func(*supergraph.Model) (execute.Transport, func(), error) { return &s.feed, func() {}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	var leave context.CancelFunc
	s.clients, leave = context.WithCancel(t.Context())
	t.Cleanup(func() {
		leave()
		synctest.Wait()
		s.Close()
	})
	return s
}

// dropped returns how many clients are counted as dropped.
func (s *sharedFeed) dropped(t *testing.T) float64 {
	t.Helper()
	return figures(t, s.metrics)["subscriptions_dropped_total{}"]
}

// subscribe opens a subscription that blocks at an event; see streamClient.
func (s *sharedFeed) subscribe(blockAt int) *streamClient {
	c := &streamClient{ResponseRecorder: httptest.NewRecorder(), blockAt: blockAt, left: s.clients}
	s.subscribeWith(c)
	return c
}

func (s *sharedFeed) subscribeWith(w http.ResponseWriter) {
	r := httptest.NewRequestWithContext(s.clients, http.MethodPost, "/graphql", strings.NewReader(subscription))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	go s.Handler().ServeHTTP(w, r)
	synctest.Wait()
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
				s := shareFeed(t, 4, patience)
				reader := s.subscribe(0)
				for i := range silent {
					s.subscribe(blockAt(i))
				}
				u := s.upstream(t, 0)
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
				if got := s.dropped(t); got != silent {
					t.Errorf("%v clients are counted as dropped, want %d", got, silent)
				}
			})
		})
	}
}

// Clients that do not read leave an event to the others, at once.
func TestClientsThatDoNotReadDoNotDelayOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shareFeed(t, 4, time.Minute)
		var readers []*streamClient
		for range 100 {
			s.subscribe(1)
			readers = append(readers, s.subscribe(0))
		}
		began := time.Now()
		s.upstream(t, 0).send(t, "1")
		synctest.Wait()
		for i, c := range readers {
			if c.received() != 1 {
				t.Errorf("reader %d has %d events, want 1", i, c.received())
			}
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("they waited for %v", waited)
		}
	})
}

// An event to many clients takes few goroutines if the clients read: the memory of their stacks
// would outlast the event.
func TestEventToManyClientsTakesFewGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shareFeed(t, 4, time.Minute)
		const clients, few = 1000, 100
		var most atomic.Int64
		for range clients {
			s.subscribeWith(&countingClient{ResponseRecorder: httptest.NewRecorder(), most: &most})
		}
		u := s.upstream(t, 0)
		idle := runtime.NumGoroutine()
		u.send(t, "1")
		synctest.Wait()
		if got := int(most.Load()); got < idle || got > idle+few {
			t.Errorf("an event to %d clients takes %d goroutines, want at most %d", clients, got-idle, few)
		}
	})
}

// A countingClient finds out how many goroutines there are when it gets an event.
type countingClient struct {
	*httptest.ResponseRecorder
	most *atomic.Int64
}

func (c *countingClient) Write(b []byte) (int, error) {
	if n := int64(runtime.NumGoroutine()); strings.HasPrefix(string(b), "event: next") {
		for old := c.most.Load(); old < n && !c.most.CompareAndSwap(old, n); old = c.most.Load() {
		}
	}
	return len(b), nil
}

// A client that catches up while others wait for it stays, however often it does.
func TestSubscriberThatCatchesUpStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shareFeed(t, 1, time.Second)
		reader := s.subscribe(0)
		s.subscribeWith(&lateClient{ResponseRecorder: httptest.NewRecorder()})
		u := s.upstream(t, 0)
		const events = 20
		for i := range events {
			u.send(t, fmt.Sprint(i))
		}
		synctest.Wait()
		time.Sleep(time.Minute) // of the bubble
		if got := reader.received(); got != events {
			t.Errorf("the reader has %d events of %d", got, events)
		}
		if got := s.dropped(t); got != 0 {
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
