package gateway_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/hook"
	"souk/router/supergraph"
	"souk/router/telemetry"
)

// holding is a subgraph that holds its responses to queries until they are let go.
type holding struct {
	*subgraph
	hold chan struct{}
	mu   sync.Mutex
	got  []*execute.SubgraphRequest
	// canceled counts the requests that ended before.
	canceled atomic.Int32
}

func (s *holding) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	if strings.Contains(string(r.Body.B), "mutation") {
		return s.subgraph.Send(ctx, r)
	}
	s.mu.Lock()
	s.got = append(s.got, r)
	s.mu.Unlock()
	select {
	case <-s.hold:
		return s.subgraph.Send(ctx, r)
	case <-ctx.Done():
		s.canceled.Add(1)
		return nil, ctx.Err()
	}
}

func (s *holding) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

// startHolding starts a gateway before such a subgraph. asks sends a query with headers, and joined
// returns how many queries have joined others.
func startHolding(t *testing.T, configure func(*config.Config, *gateway.Options)) (s *holding, url string, asks func(headers ...string) <-chan reply, joined func() int) {
	t.Helper()
	s = &holding{subgraph: &subgraph{}, hold: make(chan struct{})}
	registry := prometheus.NewRegistry()
	_, url = start(t, s.subgraph, func(c *config.Config, o *gateway.Options) {
		o.Metrics = telemetry.New(registry)
		o.Now = func() time.Time { return time.Unix(1e9, 0) } // however slow this machine is
		o.Transport = func(*supergraph.Model) (execute.Transport, func(), error) { return s, func() {}, nil }
		if configure != nil {
			configure(c, o)
		}
	})
	asks = func(headers ...string) <-chan reply {
		got := make(chan reply, 1)
		go func() { got <- send(t, "POST", url+"/graphql", query, headers...) }()
		return got
	}
	joined = func() int { return int(figures(t, registry)["operations_joined_total{}"]) }
	return s, url, asks, joined
}

func checkAnswers(t *testing.T, answers ...<-chan reply) {
	t.Helper()
	for _, a := range answers {
		if got := <-a; got.status != http.StatusOK || !strings.Contains(got.body, `"hi"`) {
			t.Errorf("got status %d, %s", got.status, got.body)
		}
	}
}

// By default, only callers who are the same share a response: those with the same identity and the
// same headers.
func TestOnlyEqualCallersShareByDefault(t *testing.T) {
	s, _, asks, joined := startHolding(t, func(c *config.Config, o *gateway.Options) {
		c.Headers.All.Propagate = []string{"X-Tenant"}
		c.TrafficShaping.Router.DeduplicateBy = []string{"X-Key"}
		o.Caller = func(r *http.Request) execute.Caller {
			return execute.Caller{Header: r.Header, Scope: r.Header.Get("X-Scope")}
		}
	})
	callers := [][]string{
		{}, {"Authorization: a"}, {"Authorization: b"}, {"Cookie: a=b"}, {"X-Tenant: x"}, {"X-Tenant: y"},
		{"X-Key: 1"}, {"X-Scope: me"}, {"X-Scope: you"},
	}
	var answers []<-chan reply
	for i, caller := range callers {
		answers = append(answers, asks(caller...))
		eventually(t, func() bool { return s.count() == i+1 })
	}
	for i, caller := range callers {
		answers = append(answers, asks(append(slices.Clone(caller), "X-Other: makes no difference")...))
		eventually(t, func() bool { return joined() == i+1 })
	}
	close(s.hold)
	checkAnswers(t, answers...)
	if n := s.count(); n != len(callers) {
		t.Errorf("the subgraph got %d requests of %d callers", n, len(callers))
	}
}

// A query that has been in flight for long holds no later ones: they share the next one.
func TestQueriesDoNotJoinOneThatTakesLong(t *testing.T) {
	for _, c := range []struct{ timeout, joins time.Duration }{{time.Minute, 2 * time.Second}, {2 * time.Second, time.Second / 2}, {0, 2 * time.Second}} {
		clock := &clock{now: time.Unix(1e9, 0)}
		s, _, asks, joined := startHolding(t, func(config *config.Config, o *gateway.Options) {
			config.TrafficShaping.Router.Timeout, o.Now = c.timeout, clock.Now
		})
		var answers []<-chan reply
		ask := func(requests, joins int) {
			t.Helper()
			answers = append(answers, asks())
			eventually(t, func() bool { return s.count() == requests && joined() == joins })
		}
		ask(1, 0)
		clock.pass(c.joins - 1)
		ask(1, 1)
		clock.pass(1)
		ask(2, 1)
		clock.pass(c.joins - 1)
		ask(2, 2)
		clock.pass(1)
		ask(3, 2)
		close(s.hold)
		checkAnswers(t, answers...)
	}
}

// Queries are identical if their operations are, whether or not their plans and documents are kept, and
// however often they are planned.
func TestQueriesShareWithoutCaches(t *testing.T) {
	s, url, asks, joined := startHolding(t, func(c *config.Config, _ *gateway.Options) { c.Caches.Plans, c.Caches.Documents = 0, 0 })
	answers := []<-chan reply{asks()}
	eventually(t, func() bool { return s.count() == 1 })
	answers = append(answers, asks())
	eventually(t, func() bool { return joined() == 1 })
	other := make(chan reply, 1)
	go func() {
		other <- send(t, "POST", url+"/graphql", strings.Replace(query, "hello", "hello __typename", 1))
	}()
	eventually(t, func() bool { return s.count() == 2 })
	close(s.hold)
	checkAnswers(t, append(answers, other)...)
	if n := joined(); n != 1 {
		t.Errorf("%d queries have joined others", n)
	}
}

// A query that follows a mutation reads what that has changed.
func TestQueriesAfterAMutationDoNotJoinEarlierOnes(t *testing.T) {
	s, url, asks, joined := startHolding(t, nil)
	first := asks()
	eventually(t, func() bool { return s.count() == 1 })
	if got := send(t, "POST", url+"/graphql", `{"query":"mutation { add(n: 1) }"}`); got.status != http.StatusOK {
		t.Fatalf("got status %d, %s", got.status, got.body)
	}
	second := asks()
	eventually(t, func() bool { return s.count() == 2 })
	third := asks()
	eventually(t, func() bool { return joined() == 1 })
	close(s.hold)
	checkAnswers(t, first, second, third)
	if n := s.count(); n != 2 {
		t.Errorf("the subgraph got %d requests", n)
	}
}

// The first part of a deferring mutation's response says that the mutation has ended. What its deferred
// fragments fetch may write, too.
func TestQueriesAfterADeferringMutationDoNotJoinEarlierOnes(t *testing.T) {
	s, url, asks, joined := startHolding(t, func(_ *config.Config, o *gateway.Options) {
		o.Supergraph = strings.Replace(sdl, "add(n: Int!): Int }", "add(n: Int!): Int made: Made }\ntype Made @join__type(graph: A) { name: String size: String }", 1)
	})
	first := asks()
	eventually(t, func() bool { return s.count() == 1 })
	got := send(t, "POST", url+"/graphql", `{"query":"mutation { made { name ... @defer { size } } }"}`, "Accept: multipart/mixed;deferSpec=20220824")
	if got.status != http.StatusOK || !strings.Contains(got.body, `"made":`) {
		t.Fatalf("got status %d, %s", got.status, got.body)
	}
	second := asks()
	eventually(t, func() bool { return s.count() == 2 })
	close(s.hold)
	checkAnswers(t, first, second)
	if n := joined(); n != 0 {
		t.Errorf("%d queries have joined others", n)
	}
}

// Where responses may depend on what the router does not know of, or subgraphs shall get each query,
// the default is not to share.
func TestSomeRoutersShareOnlyIfTold(t *testing.T) {
	for name, configure := range map[string]func(*config.Config, *gateway.Options){
		"hooks": func(_ *config.Config, o *gateway.Options) {
			o.Hooks = []hook.Hooks{{Name: "test", SubgraphRequest: func(context.Context, *hook.SubgraphRequest) error { return nil }}}
		},
		"extended": func(_ *config.Config, o *gateway.Options) { o.Extended = true },
		"each":     func(c *config.Config, _ *gateway.Options) { c.TrafficShaping.All.DeduplicateQuery = new(false) },
		"off":      func(c *config.Config, _ *gateway.Options) { c.TrafficShaping.Router.Deduplicate = new(false) },
	} {
		t.Run(name, func(t *testing.T) {
			s, _, asks, _ := startHolding(t, configure)
			first, second := asks(), asks()
			eventually(t, func() bool { return s.count() == 2 })
			close(s.hold)
			checkAnswers(t, first, second)
		})
	}
}

// If the client that began a query leaves, its requests to subgraphs go on while others wait for the
// response. They end with the last client. One that leaves does not disturb the others.
func TestSharedQueriesEndWithTheirLastClient(t *testing.T) {
	for name, stays := range map[string]bool{"one stays": true, "all leave": false} {
		t.Run(name, func(t *testing.T) {
			s, url, asks, joined := startHolding(t, nil)
			left := make(chan error, 2)
			leaving := func(ctx context.Context) {
				r, err := http.NewRequestWithContext(ctx, "POST", url+"/graphql", strings.NewReader(query))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Content-Type", "application/json")
				response, err := http.DefaultClient.Do(r)
				if err == nil {
					_ = response.Body.Close()
				}
				left <- err
			}
			first, leaveFirst := context.WithCancel(t.Context())
			second, leaveSecond := context.WithCancel(t.Context())
			defer leaveSecond()
			go leaving(first)
			eventually(t, func() bool { return s.count() == 1 })
			go leaving(second)
			eventually(t, func() bool { return joined() == 1 })
			var last <-chan reply
			if stays {
				last = asks()
				eventually(t, func() bool { return joined() == 2 })
			}
			for _, leave := range []context.CancelFunc{leaveFirst, leaveSecond} {
				leave()
				if err := <-left; err == nil {
					t.Error("a client that has left got a response")
				}
			}
			if stays {
				close(s.hold)
				checkAnswers(t, last)
			} else {
				eventually(t, func() bool { return s.canceled.Load() == 1 })
				last = asks() // does not join what has ended
				eventually(t, func() bool { return s.count() == 2 })
				close(s.hold)
				checkAnswers(t, last)
			}
			if n, want := s.count(), map[bool]int{true: 1, false: 2}[stays]; n != want {
				t.Errorf("the subgraph got %d requests, want %d", n, want)
			}
		})
	}
}
