package subgraph_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"souk/internal/loopback/loopbacktest"
	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

// A replica is a server behind one of several URLs of a subgraph.
type replica struct {
	address string
	label   string
	served  atomic.Int32 // requests
	// status is that of all responses, as text, unless it is 0.
	status atomic.Int32
}

// A replicaSet is a subgraph with several URLs.
type replicaSet struct {
	*subgraph.Transport
	replicas []*replica

	mu       sync.Mutex
	breakers map[string]int // states by URL
	whole    []int          // states of the whole subgraph
	failed   map[string]int // failed requests by URL
	retried  int
}

// serveReplicas starts n servers with one handler, and makes a transport to them. Its random numbers
// have a fixed seed.
func (w transportKind) serveReplicas(t *testing.T, n int, s subgraph.Subgraph, handler http.HandlerFunc) *replicaSet {
	t.Helper()
	set := &replicaSet{}
	for range n {
		r := &replica{}
		r.address = w.listen(t, func(out http.ResponseWriter, in *http.Request) {
			r.served.Add(1)
			if status := int(r.status.Load()); status != 0 {
				_, _ = io.Copy(io.Discard, in.Body)
				answer(out, status, "text/plain", "out of order")
				return
			}
			handler(out, in)
		})
		set.replicas = append(set.replicas, r)
	}
	set.open(t, w, s)
	return set
}

func (set *replicaSet) open(t *testing.T, w transportKind, s subgraph.Subgraph) {
	t.Helper()
	for _, r := range set.replicas {
		s = w.subgraph(t, s, r.address)
		r.label = subgraph.URLLabel(s.URL)
		s.URLs = append(s.URLs, s.URL)
		s.URL = ""
	}
	set.breakers, set.failed, set.whole, set.retried = map[string]int{}, map[string]int{}, nil, 0
	source := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	tr, err := subgraph.New(subgraph.Options{
		Subgraphs: map[string]subgraph.Subgraph{"a": s}, Logger: slog.New(slog.DiscardHandler),
		Jitter: func() float64 {
			mu.Lock()
			defer mu.Unlock()
			return source.Float64()
		},
		Hooks: subgraph.Hooks{
			Retried:    func(string) { set.note(func() { set.retried++ }) },
			Breaker:    func(_ string, state int) { set.note(func() { set.whole = append(set.whole, state) }) },
			URLBreaker: func(_, url string, state int) { set.note(func() { set.breakers[url] = state }) },
			Attempted: func(_ context.Context, _, url string, err error) {
				if err != nil {
					set.note(func() { set.failed[url]++ })
				}
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.Close)
	set.Transport = tr
}

func (set *replicaSet) note(change func()) {
	set.mu.Lock()
	defer set.mu.Unlock()
	change()
}

// breaker returns the state of the circuit breaker of a replica.
func (set *replicaSet) breaker(r *replica) int {
	set.mu.Lock()
	defer set.mu.Unlock()
	return set.breakers[r.label]
}

// ask sends a request that must succeed.
func (set *replicaSet) ask(t *testing.T, kind operation.Kind) {
	t.Helper()
	response, err := set.Send(t.Context(), request(kind, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	if response.Status != 200 {
		t.Errorf("status %d", response.Status)
	}
	response.Body.Release()
}

func data(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	answer(w, 200, "application/json", `{"data":{}}`)
}

// overEachConnection runs a test for each kind of transport without a proxy.
func overEachConnection(t *testing.T, test func(*testing.T, transportKind)) {
	overEachTransport(t, func(t *testing.T, w transportKind) {
		if !w.proxy {
			test(t, w)
		}
	})
}

// opening is a breaker that stays open for the rest of a test.
func opening() subgraph.Breaker {
	return subgraph.Breaker{Enabled: true, MinRequests: 5, Window: time.Hour, Rest: time.Hour}
}

func TestURLsShareTheRequests(t *testing.T) {
	overEachConnection(t, func(t *testing.T, w transportKind) {
		set := w.serveReplicas(t, 3, subgraph.Subgraph{Breaker: opening()}, data)
		const requests = 300
		for range requests {
			set.ask(t, operation.Mutation)
		}
		for i, r := range set.replicas {
			if n := r.served.Load(); n < requests/5 || n > requests/2 {
				t.Errorf("replica %d got %d of %d requests", i, n, requests)
			}
		}
	})
}

// Of two URLs, a request goes to the one with fewer in flight.
func TestBusyURLGetsFewerRequests(t *testing.T) {
	overEachConnection(t, func(t *testing.T, w transportKind) {
		arrived, release := make(chan struct{}), make(chan struct{})
		set := w.serveReplicas(t, 2, subgraph.Subgraph{}, func(out http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			<-release
			data(out, r)
		})
		var running sync.WaitGroup
		for range 10 {
			running.Go(func() { set.ask(t, operation.Query) })
			<-arrived
		}
		for i, r := range set.replicas {
			if n := r.served.Load(); n != 5 {
				t.Errorf("replica %d has %d of 10 requests in flight, want 5", i, n)
			}
		}
		close(release)
		running.Wait()
	})
}

// If a server does not accept connections, no client notices, not even with a mutation: it was not
// sent. The circuit breaker of the URL opens, and that of the subgraph stays closed.
func TestURLThatIsDownIsCutOff(t *testing.T) {
	overEachConnection(t, func(t *testing.T, w transportKind) {
		set := &replicaSet{replicas: []*replica{{address: w.listen(t, data)}, {address: loopbacktest.Address(t)}, {address: w.listen(t, data)}}}
		set.open(t, w, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 2, Budget: noRetries}, Breaker: rare()})
		for i := range 300 {
			set.ask(t, []operation.Kind{operation.Query, operation.Mutation}[i%2])
		}
		down := set.replicas[1]
		if set.breaker(down) != 2 || len(set.whole) != 0 {
			t.Errorf("the breaker of the URL has state %d, and the subgraph's %v", set.breaker(down), set.whole)
		}
		if n := set.failed[down.label]; n != 2 || set.retried != n {
			t.Errorf("%d requests failed at the URL, and %d were retried; want 2", n, set.retried)
		}
	})
}

// A URL with errors of the server is cut off, because the same queries succeed at another URL.
// Clients do not notice. It gets requests again when it has recovered.
func TestURLThatFailsIsCutOffUntilItRecovers(t *testing.T) {
	overEachConnection(t, func(t *testing.T, w transportKind) {
		for _, status := range []int32{500, 503} {
			breaker := opening()
			breaker.Rest = time.Millisecond
			set := w.serveReplicas(t, 2, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 2, Budget: 1}, Breaker: breaker}, data)
			sick := set.replicas[1]
			sick.status.Store(status)
			for set.breaker(sick) == 0 {
				set.ask(t, operation.Query)
			}
			for range 20 { // the URL is tried in between, and fails
				set.ask(t, operation.Query)
			}
			if len(set.whole) != 0 {
				t.Errorf("%d: the breaker of the subgraph has the states %v", status, set.whole)
			}
			sick.status.Store(0)
			for set.breaker(sick) != 0 {
				set.ask(t, operation.Query)
			}
			before := sick.served.Load()
			for range 40 {
				set.ask(t, operation.Query)
			}
			if sick.served.Load() == before {
				t.Errorf("%d: the URL that has recovered gets no requests", status)
			}
		}
	})
}

// A query that fails everywhere is not the fault of a URL, and a mutation is not repeated: the server
// may have executed it.
func TestRequestThatFailsEverywhereOpensNoBreaker(t *testing.T) {
	overEachConnection(t, func(t *testing.T, w transportKind) {
		set := w.serveReplicas(t, 3, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 3, Budget: 2}, Breaker: opening()}, data)
		for _, r := range set.replicas {
			r.status.Store(500)
		}
		for kind, attempts := range map[operation.Kind]int32{operation.Query: 3, operation.Mutation: 1} {
			for range 30 {
				before := set.served()
				_, err := set.Send(t.Context(), request(kind, `{}`))
				var failed *execute.TransportError
				if !errors.As(err, &failed) || failed.Status != 500 {
					t.Fatalf("got error %v", err)
				}
				if n := set.served() - before; n != attempts {
					t.Errorf("a %v was sent %d times, want %d", kind, n, attempts)
				}
			}
		}
		if len(set.breakers) != 0 {
			t.Errorf("breakers have the states %v", set.breakers)
		}
	})
}

func (set *replicaSet) served() (n int32) {
	for _, r := range set.replicas {
		n += r.served.Load()
	}
	return n
}

// Without a healthy URL, the subgraph is unavailable.
func TestSubgraphIsUnavailableWithoutURLs(t *testing.T) {
	overEachConnection(t, func(t *testing.T, w transportKind) {
		set := w.serveReplicas(t, 2, subgraph.Subgraph{Breaker: opening()}, data)
		for _, r := range set.replicas {
			r.status.Store(503)
		}
		code := ""
		for n := 0; code != execute.CodeCircuitOpen; n++ {
			if code = send(t, set.Transport); n > 100 {
				t.Fatalf("after %d requests, the code is %q", n, code)
			}
		}
		if len(set.whole) != 1 || set.whole[0] != 2 {
			t.Errorf("the breaker of the subgraph has the states %v, want open", set.whole)
		}
		for _, r := range set.replicas {
			if set.breaker(r) != 2 {
				t.Errorf("the breaker of a URL has state %d", set.breaker(r))
			}
		}
	})
}

// A response of a server is used even if it has an error status and no other URL succeeds.
func TestLastResponseIsUsed(t *testing.T) {
	set := transportKinds[0].serveReplicas(t, 2, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 2}}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, 500, "application/json", `{"errors":[{"message":"no database"}]}`)
	})
	response, err := set.Send(t.Context(), request(operation.Query, `{}`))
	if err != nil || response.Status != 500 || !strings.Contains(string(response.Body.B), "no database") || set.served() != 2 {
		t.Errorf("got %+v, error %v, after %d requests", response, err, set.served())
	}
}

// A URL that hangs is cut off after a few timeouts. The query that tries it again has half of the
// time, and succeeds at another URL in the other half; a mutation does not try it. All is in
// synthetic time.
func TestQueryThatTriesAURLAgainSucceedsElsewhere(t *testing.T) {
	for _, client := range []string{"direct", "standard"} {
		t.Run(client, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var hanging atomic.Int32
				tr := overPipes(t, subgraph.Subgraph{
					URLs: []string{"http://a/", "http://b/"}, Client: client, Timeout: 10 * time.Second,
					Retry: subgraph.Retry{MaxAttempts: 2}, Breaker: subgraph.Breaker{Enabled: true, ConsecutiveTimeouts: 3, Rest: time.Minute},
				}, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					if r.Host == "a" {
						hanging.Add(1)
						<-r.Context().Done()
						return
					}
					answer(w, 200, "application/json", `{"data":null}`)
				})
				for range 3 { // random numbers are 0, so the first URL is preferred
					if code := send(t, tr); code != execute.CodeTimeout {
						t.Fatalf("before the breaker opens: code %q", code)
					}
				}
				for round := range 3 {
					for range 5 {
						if code := send(t, tr); code != "" {
							t.Errorf("while the breaker is open: code %q", code)
						}
					}
					time.Sleep(70 * time.Second)
					if response, err := tr.Send(t.Context(), request(operation.Mutation, `{}`)); err != nil {
						t.Errorf("a mutation tries the URL: %v", err)
					} else {
						response.Body.Release()
					}
					began := time.Now()
					if code := send(t, tr); code != "" || time.Since(began) != 5*time.Second {
						t.Errorf("the query that tries the URL ends after %v with code %q, want 5 s", time.Since(began), code)
					}
					if n := hanging.Load(); n != int32(4+round) {
						t.Errorf("the URL was tried %d times, want %d", n, 4+round)
					}
				}
				time.Sleep(3 * time.Minute) // no query comes, so a mutation tries it
				if _, err := tr.Send(t.Context(), request(operation.Mutation, `{}`)); err == nil || hanging.Load() != 7 {
					t.Errorf("after a long time, a mutation does not try the URL: error %v", err)
				}
			})
		})
	}
}

// The query that tries a URL again fails there, and does not succeed at another URL either: then the URL is not
// taken for one that works, and the next query tries it. All is in synthetic time.
func TestURLIsTriedAgainUntilThatSaysSomething(t *testing.T) {
	for _, client := range []string{"direct", "standard"} {
		t.Run(client, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tried atomic.Int32
				var back atomic.Bool
				tr := overPipes(t, subgraph.Subgraph{
					URLs: []string{"http://a/", "http://b/"}, Client: client, Timeout: 10 * time.Second,
					Retry: subgraph.Retry{MaxAttempts: 2, Budget: 1}, Breaker: subgraph.Breaker{Enabled: true, MinRequests: 5, Rest: time.Minute},
				}, func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					if r.Host == "a" {
						tried.Add(1)
					}
					switch {
					case r.Host == "a" && !back.Load(), string(body) == "bad":
						answer(w, 500, "text/plain", "out of order")
						return
					case string(body) == "slow":
						<-r.Context().Done()
						return
					}
					answer(w, 200, "application/json", `{"data":null}`)
				})
				succeeds := func(kind operation.Kind) {
					t.Helper()
					response, err := tr.Send(t.Context(), request(kind, `{}`))
					if err != nil {
						t.Fatal(err)
					}
					response.Body.Release()
				}
				for range 40 {
					succeeds(operation.Query)
				}
				cutOff := tried.Load()
				time.Sleep(70 * time.Second)
				fails := func(ctx context.Context, body string) {
					t.Helper()
					if _, err := tr.Send(ctx, request(operation.Query, body)); err == nil {
						t.Errorf("a query that is %s succeeds", body)
					}
					for range 5 {
						succeeds(operation.Mutation) // only at b
					}
				}
				fails(t.Context(), "bad")
				fails(t.Context(), "bad")
				fails(t.Context(), "slow")
				leaving, leave := context.WithTimeout(t.Context(), time.Second)
				defer leave()
				fails(leaving, "slow")
				if n := tried.Load() - cutOff; n != 4 {
					t.Errorf("the URL was tried %d times, want 4", n)
				}
				back.Store(true)
				succeeds(operation.Query)
				for range 5 {
					succeeds(operation.Mutation) // random numbers are 0, so the first URL is preferred
				}
				if n := tried.Load() - cutOff; n != 10 {
					t.Errorf("the URL that is back got %d requests, want 6", n-4)
				}
			})
		})
	}
}

// Each protocol of subscriptions reaches another URL if one is down, and streams are spread.
func TestSubscriptionsUseAllURLs(t *testing.T) {
	for _, protocol := range []string{"ws", "sse"} {
		t.Run(protocol, func(t *testing.T) {
			var open sync.WaitGroup
			release := make(chan struct{})
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, "event: next\ndata: {\"data\":{\"a\":1}}\n\n")
				_ = http.NewResponseController(w).Flush()
				<-release
				_, _ = io.WriteString(w, "event: complete\ndata:\n\n")
			})
			if protocol == "ws" {
				handler = serveSocket(t, func(_ context.Context, _ *websocket.Conn, _ string, send func(string)) {
					send(`{"id":"1","type":"next","payload":{"data":{"a":1}}}`)
					<-release
					send(`{"id":"1","type":"complete"}`)
				})
			}
			w := transportKinds[0]
			s := subgraph.Subgraph{Breaker: opening(), Subscriptions: subgraph.Subscriptions{Protocol: protocol, Interval: time.Microsecond}}
			set := &replicaSet{replicas: []*replica{{address: loopbacktest.Address(t)}}}
			for range 2 {
				r := &replica{}
				r.address = w.listen(t, func(out http.ResponseWriter, in *http.Request) {
					r.served.Add(1)
					handler(out, in)
				})
				set.replicas = append(set.replicas, r)
			}
			set.open(t, w, s)
			for range 20 {
				first := make(chan struct{})
				open.Go(func() {
					err := set.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), func(r *execute.SubgraphResponse) error {
						r.Body.Release()
						close(first)
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				})
				<-first
			}
			if a, b := set.replicas[1].served.Load(), set.replicas[2].served.Load(); a < 8 || b < 8 || a+b != 20 {
				t.Errorf("the URLs have %d and %d of 20 subscriptions", a, b)
			}
			if set.breaker(set.replicas[0]) != 2 {
				t.Error("the breaker of the URL that is down is not open")
			}
			close(release)
			open.Wait()
		})
	}
}

// A request can be for one of the URLs, whatever their load.
func TestRequestToOneURL(t *testing.T) {
	set := transportKinds[0].serveReplicas(t, 3, subgraph.Subgraph{Deduplicate: true}, data)
	for i, r := range set.replicas {
		for n := range int32(4) {
			out := request(operation.Query, `{}`)
			out.URL = i + 1
			response, err := set.Send(t.Context(), out)
			if err != nil || r.served.Load() != n+1 {
				t.Fatalf("URL %d has %d requests, want %d (error %v)", i+1, r.served.Load(), n+1, err)
			}
			response.Body.Release()
		}
	}
}

func TestInvalidURLsAreRefused(t *testing.T) {
	many := make([]string, subgraph.MaxURLs+1)
	for i := range many {
		many[i] = fmt.Sprint("http://a", i)
	}
	for want, urls := range map[string][]string{
		`subgraph "a": the URL "http://a/x" is there twice`:                                                {"http://a/x", "http://u:p@a/x?token=1"},
		`subgraph "a": the URLs "http://a" and "http://A:80/" are the same`:                                {"http://a", "http://b/", "http://A:80/"},
		`subgraph "a": the URLs "https://a:443/x" and "https://A/x" are the same`:                          {"HTTPS://a:443/x", "https://A/x"},
		`subgraph "a": its URLs have different user names or passwords; give all of them the same`:         {"http://u:p@a", "http://u:q@b"},
		`subgraph "a": it has 33 URLs, and may have 32`:                                                    many,
		`subgraph "a": URL "ftp://b" is not of the form http://host/path or https://host/path`:             {"http://a", "ftp://b"},
		`subgraph "a": URL "unix://run/a.sock" is not of the form unix:///run/products.sock?path=/graphql`: {"http://a", "unix://run/a.sock"},
	} {
		if _, err := subgraph.New(subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{"a": {URLs: urls}}}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
