package subgraph_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

// A response that is not GraphQL and has a status of proxies and overloaded servers
// is a transport failure, whatever its Content-Type: queries are retried, mutations
// are not, and the circuit breaker counts it.
func TestUnavailableIsATransportFailure(t *testing.T) {
	bodies := []struct{ contentType, body string }{
		{contentType: ""},
		{contentType: "text/plain", body: "Service Unavailable"},
		{contentType: "text/html", body: "<html>"},
		{contentType: "application/json"},
		{contentType: "application/json", body: `{"message":"Service Unavailable"}`},
		{contentType: "application/json", body: `{"data":null}`},
		{contentType: "application/json", body: `{"errors":[]}`},
		{contentType: "application/json", body: `{"errors":{"message":"no"}}`},
		{contentType: "application/json", body: `[{"data":{}}]`},
		{contentType: "application/json", body: `"data"`},
		{contentType: "application/graphql-response+json", body: `{`},
	}
	overEachTransport(t, func(t *testing.T, over transportKind) {
		var calls, answers atomic.Int32
		address := over.listen(t, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			_, _ = io.Copy(io.Discard, r.Body)
			n := int(answers.Load())
			b := bodies[n/3]
			w.Header()["Content-Type"] = nil
			if b.contentType != "" {
				w.Header().Set("Content-Type", b.contentType)
			}
			w.WriteHeader(502 + n%3)
			_, _ = io.WriteString(w, b.body)
		})
		s := subgraph.Subgraph{
			Retry:   subgraph.Retry{MaxAttempts: 2, Interval: time.Microsecond},
			Breaker: subgraph.Breaker{Enabled: true, MinRequests: 4},
		}
		for n := range 3 * len(bodies) {
			answers.Store(int32(n))
			for kind, attempts := range map[operation.Kind]int32{operation.Query: 2, operation.Mutation: 1} {
				status, name := 502+n%3, fmt.Sprint(502+n%3, bodies[n/3], kind)
				tr := over.dial(t, s, subgraph.Hooks{}, address)
				calls.Store(0)
				_, err := tr.Send(t.Context(), request(kind, `{}`))
				var e *execute.TransportError
				if !errors.As(err, &e) || e.Status != status || e.Code != execute.CodeHTTP || e.Message != fmt.Sprint("responded with status ", status) {
					t.Errorf("%s: got error %v", name, err)
				}
				if calls.Load() != attempts {
					t.Errorf("%s: sent %d times, want %d", name, calls.Load(), attempts)
				}
				for calls.Load() < 4 && err != nil {
					_, err = tr.Send(t.Context(), request(kind, `{}`))
				}
				if _, err = tr.Send(t.Context(), request(kind, `{}`)); !errors.As(err, &e) || e.Code != execute.CodeCircuitOpen {
					t.Errorf("%s: the circuit is not open after %d failures: got error %v", name, calls.Load(), err)
				}
				tr.Close()
			}
		}
	})
}

// GraphQL errors are a response, even with such a status.
func TestGraphQLResponseWithErrorStatusIsNotRetried(t *testing.T) {
	overEachTransport(t, func(t *testing.T, over transportKind) {
		for _, status := range []int{400, 408, 429, 500, 502, 503, 504} {
			for _, body := range []string{`{"errors":[{"message":"no"}]}`, ` {"data":{"a":1},"errors":[{"message":"no"}]}`, `{"data":{}}`} {
				var calls atomic.Int32
				tr := over.transport(t, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 3, Interval: time.Microsecond}}, subgraph.Hooks{}, func(w http.ResponseWriter, _ *http.Request) {
					calls.Add(1)
					answer(w, status, "application/json", body)
				})
				resp, err := tr.Send(t.Context(), request(operation.Query, `{}`))
				if err != nil || resp.Status != status || string(resp.Body.B) != body || calls.Load() != 1 {
					t.Errorf("%d %s: got %+v, err %v, sent %d times", status, body, resp, err, calls.Load())
				}
			}
		}
	})
}

// The table states whether and when a query is retried, in synthetic time.
func TestRetryAfterDelaysTheRetry(t *testing.T) {
	tests := []struct {
		name       string
		status     int
		retryAfter string
		again      bool
		pause      time.Duration
	}{
		{name: "503 without Retry-After", status: 503, again: true, pause: 50 * time.Millisecond},
		{name: "503 in seconds", status: 503, retryAfter: "2", again: true, pause: 2*time.Second + 50*time.Millisecond},
		{name: "503 at a date", status: 503, retryAfter: "Sat, 01 Jan 2000 00:00:03 GMT", again: true, pause: 3*time.Second + 50*time.Millisecond},
		{name: "503 at a date that has passed", status: 503, retryAfter: "Mon, 01 Jan 1990 00:00:03 GMT", again: true, pause: 50 * time.Millisecond},
		{name: "503 with an invalid value", status: 503, retryAfter: "-1 soon", again: true, pause: 50 * time.Millisecond},
		{name: "503 for longer than the maximum wait", status: 503, retryAfter: "6"},
		{name: "503 with a huge value", status: 503, retryAfter: "99999999999999999999"},
		{name: "408", status: 408, again: true, pause: 50 * time.Millisecond},
		{name: "429 without Retry-After", status: 429},
		{name: "429 in seconds", status: 429, retryAfter: "1", again: true, pause: time.Second + 50*time.Millisecond},
		{name: "429 for longer than the maximum wait", status: 429, retryAfter: "3600"},
		{name: "500", status: 500, retryAfter: "1"},
		{name: "404", status: 404},
	}
	for _, client := range []string{"direct", "standard"} {
		for _, test := range tests {
			t.Run(client+" "+test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var at []time.Time
					tr := overPipes(t, subgraph.Subgraph{Client: client, Retry: subgraph.Retry{MaxAttempts: 2, Interval: 100 * time.Millisecond}},
						func(w http.ResponseWriter, r *http.Request) {
							_, _ = io.Copy(io.Discard, r.Body)
							at = append(at, time.Now())
							if test.retryAfter != "" {
								w.Header().Set("Retry-After", test.retryAfter)
							}
							answer(w, test.status, "application/json", `{"message":"no"}`)
						})
					resp, err := tr.Send(t.Context(), request(operation.Query, `{}`))
					if err == nil {
						resp.Body.Release()
					}
					switch {
					case !test.again && len(at) != 1, test.again && len(at) != 2:
						t.Errorf("sent %d times", len(at))
					case test.again && at[1].Sub(at[0]) != test.pause:
						t.Errorf("retried after %v, want %v", at[1].Sub(at[0]), test.pause)
					}
				})
			})
		}
	}
}

// A subgraph that hangs gets few requests: each takes the whole timeout. The
// circuit opens although the window never has the minimum of requests.
func TestTimeoutsInARowOpenTheCircuit(t *testing.T) {
	for _, client := range []string{"direct", "standard"} {
		t.Run(client, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var hangs atomic.Bool
				hangs.Store(true)
				tr := overPipes(t, subgraph.Subgraph{
					Client: client, Timeout: 4500 * time.Millisecond, Retry: subgraph.Retry{MaxAttempts: 2},
					Breaker: subgraph.Breaker{Enabled: true, ConsecutiveTimeouts: 3},
				}, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					if hangs.Load() {
						<-r.Context().Done()
						return
					}
					answer(w, 200, "application/json", `{"data":null}`)
				})
				send := func() string { return send(t, tr) }
				expect := func(codes ...string) {
					t.Helper()
					for i, want := range codes {
						if got := send(); got != want {
							t.Fatalf("request %d: got code %q, want %q", i+1, got, want)
						}
					}
				}
				timeout := execute.CodeTimeout
				expect(timeout, timeout)
				hangs.Store(false)
				expect("") // a response in between: the two before do not count
				hangs.Store(true)
				expect(timeout, timeout, timeout, execute.CodeCircuitOpen)
				time.Sleep(6 * time.Second) // of the fake clock: longer than Rest
				expect(timeout, execute.CodeCircuitOpen)
				hangs.Store(false)
				time.Sleep(6 * time.Second)
				expect("", "")
			})
		})
	}
}

// A subgraph was away, for less time than its circuit needs to open, and is back. Later, the requests
// from before are out of the window, and those that failed are not.
func TestSubgraphThatIsBackIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		tr := overPipes(t, subgraph.Subgraph{
			Retry: subgraph.Retry{MaxAttempts: 1}, Breaker: subgraph.Breaker{Enabled: true, Window: 10 * time.Second},
		}, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if away.Load() {
				answer(w, 503, "text/plain", "")
				return
			}
			answer(w, 200, "application/json", `{"data":null}`)
		})
		expect := func(count int, code string, pause time.Duration) {
			t.Helper()
			for i := range count {
				if got := send(t, tr); got != code {
					t.Fatalf("request %d: got code %q, want %q", i+1, got, code)
				}
				time.Sleep(pause)
			}
		}
		expect(100, "", 0)
		time.Sleep(5 * time.Second)
		away.Store(true)
		expect(90, execute.CodeHTTP, 0)
		away.Store(false)
		expect(100, "", 200*time.Millisecond)
	})
}

// The client does not start a wait that would exceed the timeout.
func TestRetryAfterBeyondTimeoutIsNotAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		tr := overPipes(t, subgraph.Subgraph{Timeout: time.Second, Retry: subgraph.Retry{MaxAttempts: 2}}, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Retry-After", "2")
			answer(w, 503, "text/plain", "")
		})
		_, err := tr.Send(t.Context(), request(operation.Query, `{}`))
		var e *execute.TransportError
		if !errors.As(err, &e) || e.Status != 503 || time.Since(began) != 0 {
			t.Errorf("got error %v after %v", err, time.Since(began))
		}
	})
}

// 408 and 429 come from a subgraph that is up, so the breaker does not count them.
func TestBreakerIgnoresStatusesOfTheCaller(t *testing.T) {
	for _, status := range []int{400, 404, 408, 429} {
		tr := transportKinds[0].transport(t, subgraph.Subgraph{Breaker: subgraph.Breaker{Enabled: true, MinRequests: 2}}, subgraph.Hooks{}, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, status, "text/plain", "")
		})
		for range 10 {
			_, err := tr.Send(t.Context(), request(operation.Query, `{}`))
			var e *execute.TransportError
			if !errors.As(err, &e) || e.Status != status {
				t.Errorf("%d: got error %v", status, err)
			}
		}
	}
}

// overPipes makes a Transport to a server over pipes, for synthetic time. Its
// random numbers are 0.
func overPipes(t *testing.T, s subgraph.Subgraph, handler http.HandlerFunc) *subgraph.Transport {
	t.Helper()
	return overPipesWith(t, s, func() float64 { return 0 }, handler)
}

// overPipesWith is like overPipes, with other random numbers.
func overPipesWith(t *testing.T, s subgraph.Subgraph, jitter func() float64, handler http.HandlerFunc) *subgraph.Transport {
	t.Helper()
	listener := newPipeListener()
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	if s.Dial = listener.dial; len(s.URLs) == 0 {
		s.URL = "http://a/"
	}
	tr, err := subgraph.New(subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{"a": s}, Jitter: jitter})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tr.Close()
		_ = server.Shutdown(context.Background())
	})
	return tr
}
