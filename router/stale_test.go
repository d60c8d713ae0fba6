package router_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/router/gateway/config"
	"souk/router/internal/redistest"
)

// A balanceService has accounts whose balance is the number of changes. It fails on demand, in a
// way that the test chooses.
type balanceService struct {
	changes, fetches atomic.Int32
	fail             atomic.Pointer[http.HandlerFunc]
}

func (s *balanceService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/a" && !strings.Contains(string(body), "mine") {
		fmt.Fprint(w, `{"data":{"account":{"__typename":"Account","id":"1"}}}`)
		return
	}
	s.fetches.Add(1)
	if fail := s.fail.Load(); fail != nil {
		(*fail)(w, r)
		return
	}
	w.Header().Set("Cache-Control", "max-age=1")
	if r.URL.Path == "/a" {
		fmt.Fprintf(w, `{"data":{"mine":"%d"}}`, s.changes.Load())
		return
	}
	if s.changes.Load() < 0 {
		fmt.Fprint(w, `{"data":{"_entities":[null]}}`)
		return
	}
	fmt.Fprintf(w, `{"data":{"_entities":[{"__typename":"Account","balance":"%d"}]}}`, s.changes.Load())
}

// stale starts a router that uses expired entries, with a real Redis.
func (s *balanceService) stale(t *testing.T, configure func(*config.SubgraphCache)) (at string, server *redistest.Server) {
	t.Helper()
	server = redistest.Start(t, redistest.Options{})
	at = serveRouter(t, composed(t, accountsA, accountsB), nil, s.ServeHTTP, func(c *config.Config) {
		c.Dev = true
		c.ResponseCache.Enabled = true
		c.ResponseCache.Redis.URL = "redis://" + server.Addr
		c.ResponseCache.Redis.Timeout = 10 * time.Second // test machines may be busy
		c.ResponseCache.Invalidation = config.CacheInvalidation{Stream: "events", Events: map[string][]string{"changed": {"Account"}}}
		configure(&c.ResponseCache.Subgraph.All)
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"a": {Root: []string{"mine"}}, "b": {Types: []string{"Account"}}}
		c.TrafficShaping.All.Timeout = 100 * time.Millisecond
	})
	return at, server
}

// awaitResponse asks until a response is as wanted.
func awaitResponse(t *testing.T, at, query, what string, holds func(*http.Response, string) bool) *http.Response {
	t.Helper()
	var body string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var r *http.Response
		if r, body = ask(t, "POST", at+"/graphql", `{"query":"`+query+`"}`, posts); holds(r, body) {
			return r
		}
	}
	t.Fatalf("timed out after 30 s: %s; the last response: %s", what, body)
	return nil
}

// awaitValue asks until the value is in Redis. At first, the router does not use Redis yet.
func awaitValue(t *testing.T, at, query string, server *redistest.Server) {
	t.Helper()
	awaitResponse(t, at, query, "a value is cached", func(r *http.Response, body string) bool {
		keys, err := server.Client.Keys(t.Context(), "*}:v:*").Result()
		return err == nil && len(keys) > 0 && hit(r, body)
	})
}

func isFresh(r *http.Response, body string) bool {
	return r.Header.Get("Age") == "" && !strings.Contains(body, `"errors"`)
}

// hit reports whether a response has a value that was in the cache and has not expired.
func hit(r *http.Response, body string) bool {
	return isFresh(r, body) && strings.Contains(body, `"cached":1`)
}

// expired reports whether a response has an expired value, and is marked.
func expired(value string) func(*http.Response, string) bool {
	return func(r *http.Response, body string) bool {
		return r.Header.Get("Age") != "" && r.Header.Get("Cache-Control") == "no-store" && !strings.Contains(body, `"errors"`) &&
			strings.Contains(body, `"`+value+`"`) && strings.Contains(body, `"expired":1`)
	}
}

func TestExpiredEntriesReplaceTheResponseOfASubgraphThatFails(t *testing.T) {
	week := 7 * 24 * time.Hour
	failures := map[string]http.HandlerFunc{
		"status 503":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"status 500":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"timeout":       func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	for name, fail := range failures {
		for _, query := range []string{"{ account { balance } }", "{ mine }"} {
			t.Run(name+" of "+query, func(t *testing.T) {
				var s balanceService
				at, server := s.stale(t, func(c *config.SubgraphCache) { c.StaleIfError = &week })
				awaitValue(t, at, query, server)
				s.changes.Add(1)
				s.fail.Store(&fail)
				// At first the value has not expired.
				var wrong string
				awaitResponse(t, at, query, "an expired value", func(r *http.Response, body string) bool {
					if strings.Contains(body, `"errors"`) {
						wrong = body
					}
					return wrong != "" || expired("0")(r, body)
				})
				if wrong != "" {
					t.Fatalf("an error although there is a value: %s", wrong)
				}
				if strings.Contains(query, "mine") {
					return // it depends on no entity
				}
				add(t, server, "changed", "1")
				awaitResponse(t, at, query, "an error after the invalidation", func(_ *http.Response, body string) bool {
					return strings.Contains(body, `"errors"`)
				})
				if r, body := ask(t, "POST", at+"/graphql", `{"query":"`+query+`"}`, posts); r.Header.Get("Age") != "" || !strings.Contains(body, `"balance":null`) {
					t.Errorf("after the invalidation: %s", body)
				}
			})
		}
	}
}

// Errors of a subgraph that is available are not replaced.
func TestExpiredEntriesDoNotHideErrors(t *testing.T) {
	week := 7 * 24 * time.Hour
	for name, fail := range map[string]http.HandlerFunc{
		"GraphQL error": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"data":{"_entities":[null]},"errors":[{"message":"no","path":["_entities",0]}]}`)
		},
		"status 403": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
	} {
		t.Run(name, func(t *testing.T) {
			var s balanceService
			at, server := s.stale(t, func(c *config.SubgraphCache) { c.StaleIfError = &week })
			const query = "{ account { balance } }"
			awaitValue(t, at, query, server)
			s.fail.Store(&fail)
			awaitResponse(t, at, query, "the error", func(r *http.Response, body string) bool {
				if r.Header.Get("Age") != "" {
					t.Fatalf("an expired value replaces the error: %s", body)
				}
				return strings.Contains(body, `"errors"`)
			})
		})
	}
}

func TestExpiredEntriesAreUsedWhileTheyAreRefreshed(t *testing.T) {
	week := 7 * 24 * time.Hour
	for _, query := range []string{"{ account { balance } }", "{ mine }"} {
		t.Run(query, func(t *testing.T) {
			var s balanceService
			at, server := s.stale(t, func(c *config.SubgraphCache) { c.StaleWhileRevalidate = &week })
			awaitValue(t, at, query, server)
			for change := range 2 {
				s.changes.Add(1)
				old, changed := fmt.Sprint(change), fmt.Sprint(change+1)
				awaitResponse(t, at, query, "an expired value", expired(old))
				awaitResponse(t, at, query, "the refreshed value from the cache", func(r *http.Response, body string) bool {
					return hit(r, body) && strings.Contains(body, `"`+changed+`"`)
				})
			}
			if n := s.fetches.Load(); n > 20 {
				t.Errorf("%d requests to the subgraph", n)
			}
		})
	}
}

func TestMissingEntitiesAreCached(t *testing.T) {
	minute := time.Minute
	var s balanceService
	s.changes.Store(-1)
	at, server := s.stale(t, func(c *config.SubgraphCache) { c.NegativeTTL = &minute })
	const query = "{ account { balance } }"
	awaitResponse(t, at, query, "null from the cache", func(r *http.Response, body string) bool {
		return hit(r, body) && strings.Contains(body, `"balance":null`)
	})
	s.changes.Store(5)
	add(t, server, "changed", "1")
	awaitResponse(t, at, query, "the entity after its invalidation", func(_ *http.Response, body string) bool {
		return strings.Contains(body, `"balance":"5"`)
	})
}

// add adds a CloudEvent about an account to the stream of events.
func add(t *testing.T, server *redistest.Server, typ, subject string) {
	t.Helper()
	if err := server.Client.XAdd(context.WithoutCancel(t.Context()), &redis.XAddArgs{Stream: "events", Values: []any{"type", typ, "subject", subject}}).Err(); err != nil {
		t.Fatal(err)
	}
}

// A response with expired entries is marked in its extensions, also outside of development mode,
// unless the configuration turns it off. Others have no extensions.
func TestExpiredEntriesAreMarked(t *testing.T) {
	week := 7 * 24 * time.Hour
	for _, marks := range []bool{true, false} {
		var s balanceService
		server := redistest.Start(t, redistest.Options{})
		at := serveRouter(t, composed(t, accountsA, accountsB), nil, s.ServeHTTP, func(c *config.Config) {
			c.ResponseCache.Enabled = true
			c.ResponseCache.Redis.URL = "redis://" + server.Addr
			c.ResponseCache.Redis.Timeout = 10 * time.Second // test machines may be busy
			c.ResponseCache.LocalBytes = -1
			if !marks {
				c.ResponseCache.MarkStale = false
			}
			c.ResponseCache.Subgraph.All.StaleIfError = &week
			c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"b": {Types: []string{"Account"}}}
		})
		const query = "{ account { balance } }"
		awaitResponse(t, at, query, "a value is cached", func(r *http.Response, body string) bool {
			if strings.Contains(body, "extensions") {
				t.Fatalf("a response without expired entries: %s", body)
			}
			keys, err := server.Client.Keys(t.Context(), "*}:v:*").Result()
			return err == nil && len(keys) > 0
		})
		fail := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		s.fail.Store(&fail)
		var body string
		r := awaitResponse(t, at, query, "an expired value is used", func(r *http.Response, got string) bool {
			body = got
			return r.Header.Get("Age") != "" && !strings.Contains(got, `"errors"`)
		})
		want := `,"extensions":{"stale":{"entries":1,"age":` + r.Header.Get("Age") + `}}}`
		if marks && !strings.HasSuffix(strings.TrimSpace(body), want) || !marks && strings.Contains(body, "extensions") {
			t.Errorf("mark_stale: %v, Age: %s, got %s, want %s", marks, r.Header.Get("Age"), body, want)
		}
	}
}
