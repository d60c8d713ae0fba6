package subgraph_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// send sends a query and returns the code of its error, or "".
func send(t *testing.T, tr *subgraph.Transport) string {
	resp, err := tr.Send(t.Context(), request(operation.Query, `{}`))
	var e *execute.TransportError
	if errors.As(err, &e) {
		return e.Code
	}
	resp.Body.Release()
	return ""
}

// transport makes a Transport with one subgraph "a", which the handler serves over
// HTTP/1.1.
func transport(t *testing.T, s subgraph.Subgraph, hooks subgraph.Hooks, handler http.HandlerFunc) *subgraph.Transport {
	t.Helper()
	return transportKinds[0].transport(t, s, hooks, handler)
}

func request(kind operation.Kind, body string) *execute.SubgraphRequest {
	b := execute.NewBuffer(len(body))
	b.B = append(b.B, body...)
	return &execute.SubgraphRequest{Subgraph: "a", Kind: kind, Body: b, Header: http.Header{}}
}

func answer(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func TestSendReturnsTheResponse(t *testing.T) { overEachTransport(t, testSend) }

func testSend(t *testing.T, over transportKind) {
	var header http.Header
	tr := over.transport(t, subgraph.Subgraph{Headers: []subgraph.HeaderRules{{
		Propagate: []subgraph.Propagation{{From: "authorization"}, {From: "X-Old", To: "X-New"}, {From: "X-Gone"}},
		Defaults:  map[string]string{"X-Absent": "none", "X-New": "not used"},
		Remove:    []string{"x-gone"},
		Set:       map[string]string{"x-fixed": "1"},
	}}}, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ := io.ReadAll(r.Body)
		answer(w, 200, "application/graphql-response+json; charset=utf-8", string(body))
	})
	for _, size := range []int{0, 10, 100_000} {
		want := `{"query":"` + strings.Repeat("x", size) + `"}`
		r := request(operation.Query, want)
		r.Header = http.Header{"Authorization": {"secret"}, "X-Old": {"old"}, "X-Gone": {"1"}, "X-Other": {"1"}, "Connection": {"close"}, "Accept-Encoding": {"deflate"}}
		resp, err := tr.Send(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Status != 200 || string(resp.Body.B) != want {
			t.Errorf("got status %d, %d bytes, want 200, %d", resp.Status, len(resp.Body.B), len(want))
		}
		resp.Body.Release()
	}
	for name, want := range map[string]string{
		"Authorization": "secret", "X-Old": "", "X-New": "old", "X-Absent": "none", "X-Gone": "", "X-Other": "",
		"X-Fixed": "1", "Connection": "", "Content-Type": "application/json", "Accept-Encoding": "gzip, br, zstd", "User-Agent": "souk",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("header %s = %q, want %q", name, got, want)
		}
	}
}

func TestSendDescribesInvalidResponses(t *testing.T) { overEachTransport(t, testSendErrors) }

func testSendErrors(t *testing.T, over transportKind) {
	tests := []struct {
		name    string
		limit   int
		handler http.HandlerFunc
		code    string
		message string
	}{
		{name: "redirect", limit: 0, handler: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, code: execute.CodeHTTP, message: "responded with a redirect (status 307), which is not followed"},
		{name: "page", limit: 0, handler: func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "text/html", "<p>") }, code: execute.CodeMalformed, message: `responded with "text/html" instead of JSON`},
		{name: "status", limit: 0, handler: func(w http.ResponseWriter, _ *http.Request) { answer(w, 500, "text/plain", "no") }, code: execute.CodeHTTP, message: "responded with status 500"},
		{name: "cut", limit: 0, handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			answer(w, 200, "application/json", `{"data":`)
		}, code: execute.CodeHTTP, message: "ended its response early, after 8 bytes"},
		{name: "truncated chunked", limit: 0, handler: func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, "application/json", `{"data":`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, code: execute.CodeHTTP, message: "ended its response early, after 8 bytes"},
		{name: "large", limit: 10, handler: func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "application/json", `{"data":null}`) }, code: execute.CodeHTTP, message: "sent a response larger than max_response_bytes (10)"},
		{name: "large chunked", limit: 10, handler: func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, "application/json", `{"data":`)
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, `null}`)
		}, code: execute.CodeHTTP, message: "sent a response larger than max_response_bytes (10)"},
		{name: "closed", limit: 0, handler: func(_ http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, code: execute.CodeHTTP, message: "could not be reached: the connection was closed before a response arrived"},
		{name: "slow", limit: 0, handler: func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, code: execute.CodeTimeout, message: "did not respond within 50ms"},
		{name: "slow body", limit: 0, handler: func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			answer(w, 200, "application/json", `{"data":`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			panic(http.ErrAbortHandler) // otherwise the response would be complete
		}, code: execute.CodeTimeout, message: "did not respond within 50ms"},
	}
	if over.h2 {
		for i := range tests {
			tests[i].message = strings.Replace(tests[i].message, "the connection was closed", "the HTTP/2 stream was reset", 1)
		}
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := subgraph.Subgraph{MaxResponseBytes: test.limit}
			if strings.HasPrefix(test.name, "slow") {
				s.Timeout = 50 * time.Millisecond
			}
			tr := over.transport(t, s, subgraph.Hooks{}, test.handler)
			resp, err := tr.Send(t.Context(), request(operation.Query, `{}`))
			var got *execute.TransportError
			if resp != nil || !errors.As(err, &got) || got.Code != test.code || got.Message != test.message {
				t.Errorf("got %+v, err %v, want %s %q", resp, err, test.code, test.message)
			}
		})
	}
}

func TestGraphQLBodyIsReturnedWithItsStatus(t *testing.T) {
	overEachTransport(t, testStatusWithGraphQLBody)
}

func testStatusWithGraphQLBody(t *testing.T, over transportKind) {
	const body = `{"errors":[{"message":"no"}]}`
	tr := over.transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, func(w http.ResponseWriter, _ *http.Request) { answer(w, 400, "application/json", body) })
	resp, err := tr.Send(t.Context(), request(operation.Query, `{}`))
	if err != nil || resp.Status != 400 || string(resp.Body.B) != body {
		t.Errorf("got %+v, err %v", resp, err)
	}
}

func TestCanceledRequestReturnsTheContextError(t *testing.T) { overEachTransport(t, testCancel) }

func testCancel(t *testing.T, over transportKind) {
	arrived, gone := make(chan struct{}), make(chan struct{})
	tr := over.transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(arrived)
		<-r.Context().Done()
		close(gone)
		panic(http.ErrAbortHandler) // otherwise it would be a response
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := tr.Send(ctx, request(operation.Query, `{}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	<-gone
}

func TestRetryOnlyQueriesUntilMaxAttempts(t *testing.T) { overEachTransport(t, testRetry) }

func testRetry(t *testing.T, over transportKind) {
	tests := []struct {
		kind  operation.Kind
		fails int // how often the subgraph responds with 503
		calls int
		ok    bool
	}{
		{kind: operation.Query, fails: 0, calls: 1, ok: true},
		{kind: operation.Query, fails: 2, calls: 3, ok: true},
		{kind: operation.Query, fails: 3, calls: 3, ok: false},
		{kind: operation.Mutation, fails: 1, calls: 1, ok: false},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.kind, test.fails), func(t *testing.T) {
			var calls, retried atomic.Int32
			tr := over.transport(t, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 3, Interval: time.Microsecond}},
				subgraph.Hooks{Retried: func(string) { retried.Add(1) }},
				func(w http.ResponseWriter, r *http.Request) {
					if int(calls.Add(1)) <= test.fails {
						answer(w, 503, "text/plain", "")
						return
					}
					body, _ := io.ReadAll(r.Body)
					answer(w, 200, "application/json", string(body))
				})
			resp, err := tr.Send(t.Context(), request(test.kind, `{"query":"q"}`))
			if test.ok != (err == nil) || int(calls.Load()) != test.calls || int(retried.Load()) != test.calls-1 {
				t.Errorf("got %d calls, %d retries, err %v, want %d calls", calls.Load(), retried.Load(), err, test.calls)
			}
			if err == nil && string(resp.Body.B) != `{"query":"q"}` {
				t.Errorf("got body %s", resp.Body.B)
			}
		})
	}
}

func TestRetryStopsAtBudget(t *testing.T) { overEachTransport(t, testRetryBudget) }

func testRetryBudget(t *testing.T, over transportKind) {
	var calls atomic.Int32
	tr := over.transport(t, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 2, Interval: time.Microsecond, Budget: 0.1}}, subgraph.Hooks{},
		func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			answer(w, 503, "text/plain", "")
		})
	for range 100 {
		if _, err := tr.Send(t.Context(), request(operation.Query, `{}`)); err == nil {
			t.Fatal("got no error")
		}
	}
	// The initial budget is ten retries, and a hundred requests earn ten more.
	if got := calls.Load() - 100; got < 19 || got > 21 {
		t.Errorf("got %d retries for 100 requests, want 19 to 21", got)
	}
}

func TestBreakerOpensAndRecovers(t *testing.T) { overEachTransport(t, testBreaker) }

func testBreaker(t *testing.T, over transportKind) {
	var calls atomic.Int32
	var well atomic.Bool
	var mu sync.Mutex
	var states []int
	rest := 20 * time.Millisecond
	tr := over.transport(t, subgraph.Subgraph{Breaker: subgraph.Breaker{Enabled: true, MinRequests: 4, Rest: rest}},
		subgraph.Hooks{Breaker: func(_ string, state int) {
			mu.Lock()
			defer mu.Unlock()
			states = append(states, state)
		}},
		func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			if well.Load() {
				answer(w, 200, "application/json", `{"data":null}`)
				return
			}
			answer(w, 503, "text/plain", "")
		})
	send := func() string { return send(t, tr) }
	for range 4 {
		if code := send(); code != execute.CodeHTTP {
			t.Fatalf("got code %q", code)
		}
	}
	if code := send(); code != execute.CodeCircuitOpen || calls.Load() != 4 {
		t.Errorf("got code %q after %d calls, want an open circuit", code, calls.Load())
	}
	well.Store(true)
	deadline := time.Now().Add(5 * time.Second)
	for send() != "" {
		if time.Now().After(deadline) {
			t.Fatal("the circuit never closed")
		}
		time.Sleep(time.Millisecond)
	}
	mu.Lock()
	defer mu.Unlock()
	if fmt.Sprint(states) != "[2 1 0]" {
		t.Errorf("got states %v", states)
	}
}

func TestIdenticalQueriesShareOneRequest(t *testing.T) { overEachTransport(t, testDeduplicate) }

func testDeduplicate(t *testing.T, over transportKind) {
	const followers = 5
	var calls, shared atomic.Int32
	release := make(chan struct{})
	tr := over.transport(t, subgraph.Subgraph{Deduplicate: true, Headers: []subgraph.HeaderRules{{Propagate: []subgraph.Propagation{{From: "Authorization"}}}}},
		subgraph.Hooks{Shared: func(string) { shared.Add(1) }},
		func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			<-release
			answer(w, 200, "application/json", `{"data":"`+r.Header.Get("Authorization")+`"}`)
		})
	send := func(kind operation.Kind, user string) error {
		r := request(kind, `{"query":"q"}`)
		r.Header.Set("Authorization", user)
		resp, err := tr.Send(t.Context(), r)
		if err != nil {
			return err
		}
		defer resp.Body.Release()
		if want := `{"data":"` + user + `"}`; string(resp.Body.B) != want {
			return fmt.Errorf("got %s, want %s", resp.Body.B, want)
		}
		return nil
	}
	var wg sync.WaitGroup
	for range followers {
		wg.Go(func() {
			if err := send(operation.Query, "ada"); err != nil {
				t.Error(err)
			}
		})
	}
	for _, kind := range []operation.Kind{operation.Query, operation.Mutation, operation.Mutation} {
		wg.Go(func() {
			if err := send(kind, "bob"); err != nil {
				t.Error(err)
			}
		})
	}
	// One query for ada, one for bob, and each of his mutations.
	deadline := time.Now().Add(5 * time.Second)
	for calls.Load() < 4 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	close(release)
	wg.Wait()
	// A follower that arrived late sent its own request, which is also correct.
	if got := calls.Load() + shared.Load(); got != followers+3 {
		t.Errorf("got %d calls and %d shared for %d requests", calls.Load(), shared.Load(), followers+3)
	}
}

// Identical queries of different partitions are sent apart.
func TestPartitionsShareNoQuery(t *testing.T) {
	for _, c := range []struct {
		partitions [2]string
		calls      int32
	}{
		{partitions: [2]string{"1", "1"}, calls: 1},
		{partitions: [2]string{"1", "2"}, calls: 2},
		{partitions: [2]string{"1", ""}, calls: 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			var calls atomic.Int32
			release := make(chan struct{})
			listener := newPipeListener()
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				calls.Add(1)
				<-release
				answer(w, 200, "application/json", `{"data":1}`)
			})}
			go func() { _ = server.Serve(listener) }()
			tr, err := subgraph.New(subgraph.Options{
				Subgraphs: map[string]subgraph.Subgraph{"a": {URL: "http://a/", Deduplicate: true, Dial: listener.dial}},
			})
			if err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for _, partition := range c.partitions {
				all.Go(func() {
					r := request(operation.Query, `{}`)
					r.Partition = partition
					resp, err := tr.Send(t.Context(), r)
					if err != nil || string(resp.Body.B) != `{"data":1}` {
						t.Errorf("partition %q: %v", partition, err)
						return
					}
					resp.Body.Release()
				})
			}
			synctest.Wait() // until the subgraph has the queries, and joined ones wait
			if n := calls.Load(); n != c.calls {
				t.Errorf("partitions %q: the subgraph got %d queries, want %d", c.partitions, n, c.calls)
			}
			close(release)
			all.Wait()
			tr.Close()
			_ = server.Close()
		})
	}
}

// A query goes on while somebody waits for it. It ends with the last one, and a later query does not
// join it.
func TestDeduplicatedQueriesEndWithTheLastThatWaits(t *testing.T) {
	for name, c := range map[string]struct {
		leave []int // of the first and the second
		ended int32 // queries that the subgraph was told to end
		calls int32
	}{
		"all stay":                   {calls: 1},
		"the first leaves":           {leave: []int{0}, calls: 1},
		"the other leaves":           {leave: []int{1}, calls: 1},
		"both leave":                 {leave: []int{0, 1}, ended: 1, calls: 2},
		"both leave, the first last": {leave: []int{1, 0}, ended: 1, calls: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newHeld(t)
				var leaves [2]context.CancelFunc
				var results [2]<-chan string
				for i := range leaves {
					var ctx context.Context
					ctx, leaves[i] = context.WithCancel(t.Context())
					results[i] = s.send(ctx)
					synctest.Wait()
				}
				for _, i := range c.leave {
					leaves[i]()
					synctest.Wait()
				}
				if s.ended.Load() != c.ended {
					t.Errorf("%d queries have ended, want %d", s.ended.Load(), c.ended)
				}
				last := s.send(t.Context())
				synctest.Wait()
				close(s.hold)
				for i, result := range append(results[:], last) {
					if got := <-result; got != `{"data":1}` && !slices.Contains(c.leave, i) {
						t.Errorf("%d got %s", i, got)
					}
				}
				if s.calls.Load() != c.calls {
					t.Errorf("the subgraph got %d queries, want %d", s.calls.Load(), c.calls)
				}
				for _, leave := range leaves {
					leave()
				}
			})
		})
	}
}

// Each caller of a shared query waits as long as it has time, and the query goes on for the one that has most,
// within the timeout of the subgraph.
func TestDeduplicatedQueriesHaveTheTimeOfAllThatWait(t *testing.T) {
	const late = "context deadline exceeded"
	for name, c := range map[string]struct {
		limits   [3]time.Duration // of the callers; 0 for none
		responds time.Duration
		want     [3]string
		ended    int32 // queries that the subgraph was told to end
	}{
		"the first has least":    {[3]time.Duration{time.Second, 0, 8 * time.Second}, 6 * time.Second, [3]string{late, `{"data":1}`, `{"data":1}`}, 0},
		"another one has least":  {[3]time.Duration{8 * time.Second, time.Second, 0}, 6 * time.Second, [3]string{`{"data":1}`, late, `{"data":1}`}, 0},
		"none has enough":        {[3]time.Duration{time.Second, 3 * time.Second, 2 * time.Second}, 6 * time.Second, [3]string{late, late, late}, 1},
		"the subgraph is slower": {[3]time.Duration{time.Second, 0, 20 * time.Second}, time.Minute, [3]string{late, "did not respond within 10s", "did not respond within 10s"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newHeld(t)
				var results [3]<-chan string
				for i, limit := range c.limits {
					ctx, cancel := context.WithCancel(t.Context())
					if limit > 0 {
						ctx, cancel = context.WithTimeout(t.Context(), limit)
					}
					defer cancel()
					results[i] = s.send(ctx)
					synctest.Wait()
				}
				time.AfterFunc(c.responds, func() { close(s.hold) })
				for i, result := range results {
					if got := <-result; !strings.HasPrefix(got, c.want[i]) {
						t.Errorf("caller %d got %s, want %s", i, got, c.want[i])
					}
				}
				synctest.Wait()
				if s.calls.Load() != 1 || s.ended.Load() != c.ended {
					t.Errorf("the subgraph got %d queries and ended %d, want %d", s.calls.Load(), s.ended.Load(), c.ended)
				}
				time.Sleep(2 * time.Minute) // the clock of the test
			})
		})
	}
}

// A query that has been in flight for long holds no later ones: they share the next one.
func TestQueriesDoNotJoinOneThatTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newHeld(t)
		var results []<-chan string
		for i, c := range []struct {
			passes time.Duration
			calls  int32 // that the subgraph has got
		}{{0, 1}, {time.Second - 1, 1}, {1, 2}, {time.Second - 1, 2}, {1, 3}} {
			time.Sleep(c.passes) // the clock of the test
			results = append(results, s.send(t.Context()))
			if synctest.Wait(); s.calls.Load() != c.calls {
				t.Errorf("after query %d, the subgraph has got %d, want %d", i, s.calls.Load(), c.calls)
			}
		}
		close(s.hold)
		for i, result := range results {
			if got := <-result; got != `{"data":1}` {
				t.Errorf("%d got %s", i, got)
			}
		}
	})
}

// A panic ends the query, also one that is sent apart from its caller, and not the process.
func TestPanicEndsTheDeduplicatedQuery(t *testing.T) {
	tr, err := subgraph.New(subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{"a": {
		URL: "http://a/", Deduplicate: true, Timeout: 10 * time.Second,
		Dial: func(context.Context, string, string) (net.Conn, error) { panic("hidden") },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	for name, limit := range map[string]time.Duration{"sent by its caller": time.Minute, "sent apart": 5 * time.Second} {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		_, err := tr.Send(ctx, request(operation.Query, `{}`))
		if e := (*execute.TransportError)(nil); !errors.As(err, &e) || e.Code != execute.CodeInternal {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// held is a subgraph that responds when hold is closed.
type held struct {
	hold         chan struct{}
	calls, ended atomic.Int32
	transport    *subgraph.Transport
}

func newHeld(t *testing.T) *held {
	s, listener := &held{hold: make(chan struct{})}, newPipeListener()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		s.calls.Add(1)
		select {
		case <-s.hold:
			answer(w, 200, "application/json", `{"data":1}`)
		case <-r.Context().Done():
			s.ended.Add(1)
		}
	})}
	go func() { _ = server.Serve(listener) }()
	var err error
	s.transport, err = subgraph.New(subgraph.Options{
		Subgraphs: map[string]subgraph.Subgraph{"a": {URL: "http://a/", Deduplicate: true, Timeout: 10 * time.Second, Dial: listener.dial}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.transport.Close()
		_ = server.Close()
	})
	return s
}

// send sends a query and returns where its response or error comes.
func (s *held) send(ctx context.Context) <-chan string {
	result := make(chan string, 1)
	go func() {
		response, err := s.transport.Send(ctx, request(operation.Query, `{}`))
		if err != nil {
			result <- err.Error()
			return
		}
		defer response.Body.Release()
		result <- string(response.Body.B)
	}()
	return result
}

// pipeListener is a listener whose connections are pipes.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestNewRejectsInvalidSubgraphs(t *testing.T) {
	for _, s := range []subgraph.Subgraph{
		{URL: ""}, {URL: "localhost:80"}, {URL: "ftp://a/"}, {URL: "http://a/", Subscriptions: subgraph.Subscriptions{Protocol: "carrier-pigeon"}},
	} {
		if _, err := subgraph.New(subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{"a": s}}); err == nil {
			t.Errorf("%+v is accepted", s)
		}
	}
}
