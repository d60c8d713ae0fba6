package subgraph_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

// A recovering subgraph has one or several URLs. It is in synthetic time.
type recovering struct {
	*subgraph.Transport
	mode  atomic.Value  // of all URLs: how they respond
	takes time.Duration // to respond with data
	calls atomic.Int32
	mu    sync.Mutex
	// states are those of the circuit breaker of each URL.
	states map[string][]int
}

const (
	unwell = "503"
	broken = "500"
	hangs  = "hangs"
	back   = "back"
)

// recovers starts a subgraph. Its breakers rest for 5 s, and open after three timeouts or four failures.
func recovers(t *testing.T, urls int, s subgraph.Subgraph) *recovering {
	t.Helper()
	r := &recovering{states: map[string][]int{}}
	r.mode.Store(unwell)
	listener := newPipeListener()
	server := &http.Server{Handler: r}
	go func() { _ = server.Serve(listener) }()
	s.Dial, s.Timeout, s.Client = listener.dial, 10*time.Second, "direct"
	s.Breaker = subgraph.Breaker{Enabled: true, MinRequests: 4, ConsecutiveTimeouts: 3, Window: time.Minute, Rest: 5 * time.Second}
	for n := range urls {
		s.URLs = append(s.URLs, fmt.Sprintf("http://%c/", 'a'+n))
	}
	note := func(url string, state int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.states[url] = append(r.states[url], state)
	}
	hooks := subgraph.Hooks{URLBreaker: func(_, url string, state int) { note(url, state) }}
	if urls == 1 {
		hooks = subgraph.Hooks{Breaker: func(_ string, state int) { note(s.URLs[0], state) }}
	}
	tr, err := subgraph.New(subgraph.Options{
		Subgraphs: map[string]subgraph.Subgraph{"a": s}, Jitter: func() float64 { return 0 }, Hooks: hooks, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Transport = tr
	t.Cleanup(func() {
		tr.Close()
		_ = server.Shutdown(context.Background())
	})
	return r
}

func (r *recovering) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	r.calls.Add(1)
	body, _ := io.ReadAll(in.Body)
	switch mode := r.mode.Load(); {
	case mode == unwell:
		answer(w, 503, "text/plain", "")
	case mode == broken && in.Host == "a", strings.HasPrefix(string(body), "broken"):
		answer(w, 500, "text/plain", "")
	case mode == hangs, strings.HasPrefix(string(body), "hangs"):
		<-in.Context().Done()
		panic(http.ErrAbortHandler)
	default:
		select {
		case <-time.After(r.takes):
		case <-in.Context().Done():
			panic(http.ErrAbortHandler)
		}
		answer(w, 200, "application/json", `{"data":null}`)
	}
}

// ask sends a request and returns the code of its error.
func (r *recovering) ask(ctx context.Context, kind operation.Kind, body string) string {
	response, err := r.Send(ctx, request(kind, body))
	var failed *execute.TransportError
	switch {
	case err == nil:
		response.Body.Release()
		return ""
	case errors.As(err, &failed):
		return failed.Code
	}
	return err.Error()
}

// opens fails until all circuit breakers are open, and lets them rest.
func (r *recovering) opens(t *testing.T) {
	t.Helper()
	for n := 0; r.ask(t.Context(), operation.Query, `{}`) != execute.CodeCircuitOpen; n++ {
		if n == 100 {
			t.Fatal("the breakers stay closed")
		}
	}
	time.Sleep(5 * time.Second)
}

// state returns the state of the circuit breaker of a URL, and all that it has had.
func (r *recovering) state(url string) (last int, all []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if all = slices.Clone(r.states[url]); len(all) > 0 {
		last = all[len(all)-1]
	}
	return last, all
}

// impatience are the ways in which a client has less time than a response takes.
var impatience = map[string]func(context.Context, time.Duration) (context.Context, context.CancelFunc){
	"deadline": context.WithTimeout,
	"leaves": func(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(after, cancel)
		return ctx, cancel
	},
}

// overEachImpatience runs a test for clients of each kind, with and without deduplication, for up to so many URLs.
func overEachImpatience(t *testing.T, most int, test func(*testing.T, *recovering, func(time.Duration) context.Context)) {
	for name, limit := range impatience {
		for urls := 1; urls <= most; urls++ {
			for _, shared := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d/%t", name, urls, shared), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						test(t, recovers(t, urls, subgraph.Subgraph{Deduplicate: shared}), func(patience time.Duration) context.Context {
							ctx, cancel := limit(t.Context(), patience)
							t.Cleanup(cancel)
							return ctx
						})
					})
				})
			}
		}
	}
}

// A subgraph is back, but most of its clients leave before it responds. The first client of each URL makes the router
// know, whether it leaves or not.
func TestClientsWhoLeaveKeepNoCircuitOpen(t *testing.T) {
	overEachImpatience(t, 2, func(t *testing.T, r *recovering, impatient func(time.Duration) context.Context) {
		r.opens(t)
		r.mode.Store(back)
		r.takes = 100 * time.Millisecond
		for n := range 5 {
			began := time.Now()
			if code := r.ask(impatient(20*time.Millisecond), operation.Query, fmt.Sprint(n)); code == "" || time.Since(began) > 20*time.Millisecond {
				t.Errorf("a client who leaves gets %q after %v", code, time.Since(began))
			}
		}
		time.Sleep(100 * time.Millisecond) // the clock of the test
		synctest.Wait()
		if code := r.ask(t.Context(), operation.Query, `{}`); code != "" {
			t.Errorf("a client who stays gets %q", code)
		}
		for url, states := range r.states {
			if !slices.Equal(states, []int{2, 1, 0}) {
				t.Errorf("the breaker of %s has had the states %v", url, states)
			}
		}
	})
}

// One of two URLs is back. The query that tries it goes to the other URL when half of its time has passed, and the
// trial goes on.
func TestTrialLastsLongerThanItsQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recovers(t, 2, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 2, Budget: 1}})
		r.mode.Store(broken)
		for range 40 {
			_ = r.ask(t.Context(), operation.Query, `{}`)
		}
		if state, _ := r.state("http://a/"); state != 2 {
			t.Fatalf("the breaker of a URL out of order has state %d", state)
		}
		r.mode.Store(back)
		r.takes = time.Second
		time.Sleep(5 * time.Second)
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		_ = r.ask(ctx, operation.Query, `{}`)
		if d := time.Since(began); d != 1500*time.Millisecond {
			t.Errorf("the query ends after %v", d)
		}
		if _, states := r.state("http://a/"); !slices.Equal(states, []int{2, 1, 0}) {
			t.Errorf("the breaker has had the states %v", states)
		}
	})
}

// A subgraph that hangs gets one trial at a time, also from clients who leave, until its timeout.
func TestSubgraphThatHangsGetsOneTrial(t *testing.T) {
	overEachImpatience(t, 2, func(t *testing.T, r *recovering, impatient func(time.Duration) context.Context) {
		r.opens(t)
		r.mode.Store(hangs)
		before := r.calls.Load()
		urls := int32(len(r.states))
		for n := range 200 { // 4 s
			_ = r.ask(impatient(20*time.Millisecond), operation.Mutation, fmt.Sprint(n))
			time.Sleep(20 * time.Millisecond)
		}
		if n := r.calls.Load() - before; n != urls {
			t.Errorf("the subgraph got %d trials, want %d", n, urls)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for url, states := range r.states {
			if !slices.Equal(states, []int{2, 1, 2}) {
				t.Errorf("the breaker of %s has had the states %v", url, states)
			}
		}
	})
}

// A trial that nobody waits for ends with the transport, and any other one with its client.
func TestTrialsEndWithTheTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recovers(t, 2, subgraph.Subgraph{})
		r.opens(t)
		r.mode.Store(back)
		r.takes = 3 * time.Second
		leaving, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		if code := r.ask(leaving, operation.Query, "1"); code != context.DeadlineExceeded.Error() {
			t.Errorf("a client who leaves gets %q", code)
		}
		time.AfterFunc(time.Second, r.Close)
		if code := r.ask(t.Context(), operation.Query, "2"); code != "" {
			t.Errorf("a client who stays gets %q", code)
		}
		_, first := r.state("http://a/")
		_, second := r.state("http://b/")
		if !slices.Equal(first, []int{2, 1}) || !slices.Equal(second, []int{2, 1, 0}) {
			t.Errorf("the breakers have had the states %v and %v", first, second)
		}
	})
}

// Requests from before a circuit breaker opened end later. They decide nothing, neither during the trial nor when
// the subgraph is back.
func TestOldRequestsDecideNothing(t *testing.T) {
	old := map[string]func(ctx context.Context, r *recovering){
		"timeouts": func(ctx context.Context, r *recovering) { _ = r.ask(ctx, operation.Mutation, "hangs") },
		"clients who leave": func(ctx context.Context, r *recovering) {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second-time.Millisecond)
			defer cancel()
			_ = r.ask(ctx, operation.Mutation, "hangs")
		},
	}
	for name, send := range old {
		for urls := 1; urls <= 2; urls++ {
			for _, trial := range []time.Duration{time.Millisecond, 6 * time.Second} { // it ends before the old requests, or later
				t.Run(fmt.Sprintf("%s/%d/%v", name, urls, trial), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						r := recovers(t, urls, subgraph.Subgraph{})
						r.mode.Store(back)
						var running sync.WaitGroup
						for range 20 {
							running.Go(func() { send(t.Context(), r) })
						}
						synctest.Wait()
						r.mode.Store(unwell)
						r.opens(t)
						r.mode.Store(back)
						r.takes = trial
						for n := range urls {
							running.Go(func() {
								if code := r.ask(t.Context(), operation.Mutation, fmt.Sprint(n)); code != "" {
									t.Errorf("a trial gets %q", code)
								}
							})
							synctest.Wait()
						}
						running.Wait()
						for url, states := range r.states {
							if !slices.Equal(states, []int{2, 1, 0}) {
								t.Errorf("the breaker of %s has had the states %v", url, states)
							}
						}
					})
				})
			}
		}
	}
}

// A subgraph hangs, and all clients have less time than it. It is cut off if that is half of its time or more, unless
// they leave.
func TestDeadlinesOfClients(t *testing.T) {
	overEachImpatience(t, 1, func(t *testing.T, r *recovering, impatient func(time.Duration) context.Context) {
		r.mode.Store(hangs)
		for n := range 10 {
			_ = r.ask(impatient(5*time.Second-time.Nanosecond), operation.Query, fmt.Sprint(n))
		}
		synctest.Wait()
		if _, states := r.state("http://a/"); len(states) > 0 {
			t.Errorf("after short requests, the breaker has had the states %v", states)
		}
		for n := range 3 {
			_ = r.ask(impatient(5*time.Second), operation.Query, fmt.Sprint(n))
		}
		synctest.Wait()
		_, states := r.state("http://a/")
		if cutOff, late := len(states) > 0, strings.HasPrefix(t.Name(), "TestDeadlinesOfClients/deadline"); cutOff != late {
			t.Errorf("after requests with half of the time, the breaker has had the states %v", states)
		}
	})
}

// The clients of a subgraph that hangs all have less time than half of its timeout.
func TestShortTimeoutOfClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recovers(t, 1, subgraph.Subgraph{ClientTimeout: 2 * time.Second, Deduplicate: true})
		r.mode.Store(hangs)
		for n := range 6 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1-n%2)*1100*time.Millisecond+900*time.Millisecond)
			_ = r.ask(ctx, operation.Query, fmt.Sprint(n))
			cancel()
			synctest.Wait()
			if state, _ := r.state("http://a/"); (state == 2) != (n >= 4) {
				t.Errorf("after %d requests, of which each other one has 2 s, the breaker has state %d", n+1, state)
			}
		}
	})
}

// A trial that ends before the subgraph has accepted or refused it says nothing: the next request is the next trial.
func TestTrialsThatSayNothing(t *testing.T) {
	trials := map[string]func(t *testing.T, r *recovering){
		"a subscription whose client leaves": func(t *testing.T, r *recovering) {
			ctx, leave := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, leave)
			if err := r.Subscribe(ctx, request(operation.Subscription, subscribeBody), func(*execute.SubgraphResponse) error { return nil }); err == nil {
				t.Error("the subscription ends without an error")
			}
		},
		"files whose client leaves": func(t *testing.T, r *recovering) {
			ctx, leave := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, leave)
			out := request(operation.Mutation, `{}`)
			out.Files = &uploaded{deadline: time.Now().Add(time.Minute)}
			if _, err := r.Send(ctx, out); err == nil {
				t.Error("the request succeeds")
			}
		},
		"files that do not arrive": func(t *testing.T, r *recovering) {
			out := request(operation.Mutation, `{}`)
			out.Files = &uploaded{deadline: time.Now().Add(time.Minute), failed: errors.New("the client is gone")}
			if _, err := r.Send(t.Context(), out); err == nil {
				t.Error("the request succeeds")
			}
		},
		"a request with an invalid header": func(t *testing.T, r *recovering) {
			out := request(operation.Query, `{}`)
			out.Header = http.Header{"X-Bad": {"a\nb"}}
			if _, err := r.Send(t.Context(), out); err == nil {
				t.Error("the request succeeds")
			}
		},
	}
	for name, trial := range trials {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recovers(t, 2, subgraph.Subgraph{
					Headers:       []subgraph.HeaderRules{{Propagate: []subgraph.Propagation{{From: "X-Bad"}}}},
					Subscriptions: subgraph.Subscriptions{Protocol: "sse"},
				})
				r.opens(t)
				r.mode.Store(back)
				r.takes = 2 * time.Second
				trial(t, r)
				for url, states := range r.states {
					if state := states[len(states)-1]; state == 0 || len(states) > 2 {
						t.Errorf("the breaker of %s has had the states %v", url, states)
					}
				}
				for n := range 2 {
					if code := r.ask(t.Context(), operation.Mutation, fmt.Sprint(n)); code != "" {
						t.Errorf("the next request gets %q", code)
					}
				}
				if state, states := r.state("http://a/"); state != 0 {
					t.Errorf("the breaker has had the states %v", states)
				}
			})
		})
	}
}

// uploaded are files that have arrived, unless that failed.
type uploaded struct {
	deadline time.Time
	failed   error
}

func (u *uploaded) ContentType() string { return "multipart/form-data; boundary=x" }

func (u *uploaded) Open(context.Context, []byte) io.ReadCloser {
	return io.NopCloser(strings.NewReader("--x--"))
}

func (u *uploaded) Failed() error { return u.failed }

func (u *uploaded) Deadline() time.Time { return u.deadline }
