package subgraph_test

import (
	"context"
	"io"
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

// noRetries is a budget for no more than the ten retries at the start.
const noRetries = 1e-9

// rare is a circuit breaker whose failure rate never counts, and that stays open.
func rare() subgraph.Breaker {
	return subgraph.Breaker{Enabled: true, MinRequests: 1 << 20, Window: time.Hour, Rest: time.Hour}
}

// Most URLs refuse connections. No request fails, even without retries and circuit breakers.
func TestConnectionIsOpenedAtAnyURL(t *testing.T) {
	overEachConnection(t, func(t *testing.T, w transportKind) {
		set := &replicaSet{replicas: []*replica{{address: loopbacktest.Address(t)}, {address: w.listen(t, data)}, {address: loopbacktest.Address(t)}, {address: loopbacktest.Address(t)}}}
		set.open(t, w, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 1, Budget: noRetries}})
		for i := range 60 {
			set.ask(t, []operation.Kind{operation.Query, operation.Mutation}[i%2])
		}
		if set.retried < 30 {
			t.Errorf("%d requests were sent again", set.retried)
		}
	})
}

// If no URL can be reached, each is tried, and the attempts end.
func TestNoURLCanBeReached(t *testing.T) {
	overEachConnection(t, func(t *testing.T, w transportKind) {
		set := &replicaSet{replicas: []*replica{{address: loopbacktest.Address(t)}, {address: loopbacktest.Address(t)}, {address: loopbacktest.Address(t)}}}
		set.open(t, w, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 1, Budget: noRetries}, Breaker: rare()})
		if _, err := set.Send(t.Context(), request(operation.Mutation, `{}`)); err == nil || !strings.Contains(err.Error(), "could not be reached: it refused the connection") {
			t.Errorf("got error %v", err)
		}
		for _, r := range set.replicas {
			if set.failed[r.label] != 1 {
				t.Errorf("a URL was tried %d times, want once", set.failed[r.label])
			}
		}
		for range 30 {
			_, _ = set.Send(t.Context(), request(operation.Query, `{}`))
		}
		if len(set.breakers) != 0 {
			t.Errorf("breakers have the states %v, although no URL works", set.breakers)
		}
	})
}

// The same is true of subscriptions.
func TestSubscriptionIsOpenedAtAnyURL(t *testing.T) {
	w := transportKinds[0]
	for protocol, handler := range map[string]http.HandlerFunc{
		"sse": events,
		"ws": serveSocket(t, func(_ context.Context, _ *websocket.Conn, _ string, send func(string)) {
			send(`{"id":"1","type":"next","payload":{"data":{"a":1}}}`)
			send(`{"id":"1","type":"complete"}`)
		}),
	} {
		t.Run(protocol, func(t *testing.T) {
			s := subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{Protocol: protocol, ConnectAttempts: 1}}
			set := &replicaSet{replicas: []*replica{{address: loopbacktest.Address(t)}, {address: w.listen(t, handler)}, {address: loopbacktest.Address(t)}}}
			set.open(t, w, s)
			for range 20 {
				if events, err := set.follow(t); events != 1 || err != nil {
					t.Fatalf("%d events, error %v", events, err)
				}
			}
			set = &replicaSet{replicas: []*replica{{address: loopbacktest.Address(t)}, {address: loopbacktest.Address(t)}}}
			set.open(t, w, s)
			if _, err := set.follow(t); err == nil || !strings.Contains(err.Error(), "it refused the connection") {
				t.Errorf("without any server: error %v", err)
			}
			for _, r := range set.replicas {
				if set.failed[r.label] != 1 {
					t.Errorf("without any server, a URL was tried %d times, want once", set.failed[r.label])
				}
			}
		})
	}
}

// One of three servers refuses subscriptions in one of several ways. None fails, and the URL is cut
// off after a few of them.
func TestSubscriptionsSucceedAtAnotherURL(t *testing.T) {
	w := transportKinds[0]
	for _, name := range []string{"503", "500", "500, JSON", "page", "redirect", "404", "drop"} {
		set := &replicaSet{replicas: []*replica{{address: w.listen(t, events)}, {address: w.listen(t, drained(failures[name]))}, {address: w.listen(t, events)}}}
		set.open(t, w, subgraph.Subgraph{Breaker: rare(), Subscriptions: subgraph.Subscriptions{Protocol: "sse", Interval: time.Microsecond}})
		for range 60 {
			if events, err := set.follow(t); events != 1 || err != nil {
				t.Fatalf("%s: %d events, error %v", name, events, err)
			}
		}
		if n := set.failed[set.replicas[1].label]; set.breaker(set.replicas[1]) != 2 || n < 5 || n > 12 {
			t.Errorf("%s: after %d failures, the breaker of the URL has state %d", name, n, set.breaker(set.replicas[1]))
		}
	}
}

// events serves a subscription with one event.
func events(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, "event: next\ndata: {\"data\":{\"a\":1}}\n\nevent: complete\ndata:\n\n")
}

// follow runs a subscription and returns the number of its events.
func (set *replicaSet) follow(t *testing.T) (events int, err error) {
	err = set.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), func(r *execute.SubgraphResponse) error {
		events++
		r.Body.Release()
		return nil
	})
	return events, err
}

// failures are responses of a server that is out of order.
var failures = map[string]http.HandlerFunc{
	"503": func(w http.ResponseWriter, _ *http.Request) { answer(w, 503, "text/plain", "") },
	"500": func(w http.ResponseWriter, _ *http.Request) { answer(w, 500, "text/plain", "") },
	"500, JSON": func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 500, "application/json", `{"errors":[{"message":"no"}]}`)
	},
	"404": func(w http.ResponseWriter, _ *http.Request) { answer(w, 404, "text/html", "<p>") },
	"404, JSON": func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 404, "application/json", `{"message":"no route"}`)
	},
	"page":    func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "text/html", "<p>") },
	"no JSON": func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "application/json", "<p>") },
	"other JSON": func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, "application/json", `{"message":{"data":"welcome"},"n":[1]}`)
	},
	"list":  func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "application/json", `[{"data":{}}]`) },
	"part":  func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "application/json", `{"data":{"a":`) },
	"empty": func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "application/json", "") },
	"redirect": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/login", http.StatusFound)
	},
	"drop": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
}

// One of three servers is out of order. No query fails, although the budget for retries is small, and
// the URL is cut off after a few requests.
func TestQueriesSucceedAtAnotherURL(t *testing.T) {
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			overEachConnection(t, func(t *testing.T, w transportKind) {
				set := &replicaSet{replicas: []*replica{{address: w.listen(t, data)}, {address: w.listen(t, drained(fail))}, {address: w.listen(t, data)}}}
				s := subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 2, Budget: noRetries}}
				set.open(t, w, s)
				for range 60 {
					set.ask(t, operation.Query)
				}
				if n := set.failed[set.replicas[1].label]; n < 12 || n != set.retried {
					t.Errorf("%d requests failed at the URL, and %d were retried", n, set.retried)
				}
				s.Breaker = rare()
				set.open(t, w, s)
				for range 60 {
					set.ask(t, operation.Query)
				}
				if n := set.failed[set.replicas[1].label]; set.breaker(set.replicas[1]) != 2 || n < 5 || n > 10 || len(set.whole) != 0 {
					t.Errorf("after %d failures, the breaker of the URL has state %d, and the subgraph's %v", n, set.breaker(set.replicas[1]), set.whole)
				}
			})
		})
	}
}

// A retry goes to a URL whose last request succeeded, and an attempt without a connection leaves the
// retry.
func TestRetryGoesToAURLThatWorks(t *testing.T) {
	overEachConnection(t, func(t *testing.T, w transportKind) {
		sick := func() *replica { return &replica{address: w.listen(t, drained(failures["503"]))} }
		for n, replicas := range [][]*replica{
			{{address: loopbacktest.Address(t)}, sick(), {address: w.listen(t, data)}},
			{sick(), sick(), sick(), {address: w.listen(t, data)}},
		} {
			set := &replicaSet{replicas: replicas}
			set.open(t, w, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 2, Budget: noRetries}})
			failed := 0
			for range 60 {
				if code := send(t, set.Transport); code != "" {
					failed++
				}
			}
			// In the second set, the router has to learn which servers are out of order.
			if failed > 2*n {
				t.Errorf("set %d: %d queries failed", n, failed)
			}
		}
	})
}

// Connections that cannot be opened leave the retry to a query that then fails.
func TestRetryAfterARefusedConnection(t *testing.T) {
	var n atomic.Int32
	flaky := drained(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%12 == 0 {
			failures["503"](w, r)
			return
		}
		data(w, r)
	})
	w := transportKinds[0]
	set := &replicaSet{replicas: []*replica{{address: loopbacktest.Address(t)}, {address: loopbacktest.Address(t)}, {address: w.listen(t, flaky)}, {address: w.listen(t, flaky)}}}
	set.open(t, w, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 2, Budget: noRetries}})
	for range 600 {
		set.ask(t, operation.Query)
	}
}

// drained reads the request before it calls the handler.
func drained(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		handler(w, r)
	}
}

// If all servers fail, always or often, the budget bounds the retries.
func TestRetriesAreBoundedIfAllURLsFail(t *testing.T) {
	for name, share := range map[string]int32{"always": 1, "by half": 2, "by a third": 3} {
		t.Run(name, func(t *testing.T) {
			for _, status := range []int{500, 503} {
				var n atomic.Int32
				set := transportKinds[0].serveReplicas(t, 3, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 3, Budget: noRetries}}, func(w http.ResponseWriter, r *http.Request) {
					if n.Add(1)%share == 0 {
						status := status
						drained(func(w http.ResponseWriter, _ *http.Request) { answer(w, status, "text/plain", "") })(w, r)
						return
					}
					data(w, r)
				})
				for i := range 1200 {
					if response, err := set.Send(t.Context(), request(operation.Query, `{}`)); err == nil {
						response.Body.Release()
					}
					// At the beginning, the URLs count as working, and the budget is full.
					if i == 200 {
						if set.retried > 100 {
							t.Errorf("%d: %d retries of the first 200 queries", status, set.retried)
						}
						set.retried = 0
					}
				}
				if set.retried > 5 {
					t.Errorf("%d: %d retries of 1000 queries", status, set.retried)
				}
			}
		})
	}
}

// Mutations are not repeated, so nothing but the other URLs tells that one with status 500 is out of
// order.
func TestMutationsConvictAURL(t *testing.T) {
	for _, name := range []string{"500", "500, JSON", "page", "other JSON"} {
		overEachConnection(t, func(t *testing.T, w transportKind) {
			set := &replicaSet{replicas: []*replica{{address: w.listen(t, data)}, {address: w.listen(t, drained(failures[name]))}, {address: w.listen(t, data)}}}
			set.open(t, w, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 2}, Breaker: rare()})
			for range 100 {
				if response, err := set.Send(t.Context(), request(operation.Mutation, `{}`)); err == nil {
					response.Body.Release()
				}
			}
			if n := set.failed[set.replicas[1].label]; set.breaker(set.replicas[1]) != 2 || n < 5 || n > 10 || set.retried != 0 {
				t.Errorf("%s: after %d failures, the breaker has state %d; %d retries", name, n, set.breaker(set.replicas[1]), set.retried)
			}
			for range 20 {
				set.ask(t, operation.Mutation)
			}
		})
	}
}

// Requests that fail at each URL convict none of them, whatever their share.
func TestRequestsThatFailEverywhereConvictNoURL(t *testing.T) {
	for _, percent := range []int{5, 20, 50, 90} {
		for _, kind := range []operation.Kind{operation.Query, operation.Mutation} {
			set := transportKinds[0].serveReplicas(t, 3, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 2}, Breaker: opening()}, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if string(body) == "bad" {
					answer(w, 500, "application/json", `{"errors":[{"message":"no"}]}`)
					return
				}
				answer(w, 200, "application/json", `{"data":{}}`)
			})
			source := rand.New(rand.NewPCG(3, 4))
			for range 2000 {
				body := "good"
				if source.IntN(100) < percent {
					body = "bad"
				}
				response, err := set.Send(t.Context(), request(kind, body))
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Release()
			}
			if len(set.breakers) != 0 {
				t.Errorf("%d%% of kind %v: breakers have the states %v", percent, kind, set.breakers)
			}
		}
	}
}

// Slow queries of one client time out at each URL. They cut off none, so other clients are served.
// All is in synthetic time.
func TestSlowRequestsCutOffNoURL(t *testing.T) {
	for _, client := range []string{"direct", "standard"} {
		t.Run(client, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := rand.New(rand.NewPCG(5, 6))
				var mu sync.Mutex
				tr := overPipesWith(t, subgraph.Subgraph{
					URLs: []string{"http://a/", "http://b/", "http://c/"}, Client: client, Timeout: 2 * time.Second,
					Retry: subgraph.Retry{MaxAttempts: 2}, Breaker: subgraph.Breaker{Enabled: true},
				}, func() float64 {
					mu.Lock()
					defer mu.Unlock()
					return source.Float64()
				}, func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					if string(body) == "slow" {
						<-r.Context().Done()
						return
					}
					answer(w, 200, "application/json", `{"data":null}`)
				})
				for round := range 5 {
					var slow sync.WaitGroup
					for range 90 {
						slow.Go(func() { _, _ = tr.Send(t.Context(), request(operation.Query, "slow")) })
					}
					synctest.Wait()
					for n := range 2 {
						for range 10 {
							if code := send(t, tr); code != "" {
								t.Errorf("round %d: a query of another client has code %q", round, code)
							}
						}
						if n == 0 {
							slow.Wait()
						}
					}
				}
			})
		})
	}
}
