package peer_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Khan/genqlient/graphql"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"golang.org/x/sync/errgroup"

	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/peer"
)

// serve responds with the statuses in sequence, and repeats the last one.
func serve(t *testing.T, statuses ...int) (client *peer.Client, tries *atomic.Int32) {
	t.Helper()
	tries = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(tries.Add(1))
		if r.URL.Path != "/graphql" || r.Header.Get(identity.ServiceTokenHeader) != "secret" {
			t.Errorf("got request for %s with token %q", r.URL.Path, r.Header.Get(identity.ServiceTokenHeader))
		}
		status := statuses[min(n, len(statuses))-1]
		w.WriteHeader(status)
		switch status {
		case http.StatusOK:
			w.Write([]byte(`{"data": {"answer": 42}}`))
		case http.StatusUnprocessableEntity:
			w.Write([]byte(`{"errors": [{"message": "no such field"}]}`))
		}
	}))
	t.Cleanup(s.Close)
	return peer.New("oracle", s.URL, "secret", nil), tries
}

func ask(t *testing.T, c *peer.Client) (int, error) {
	t.Helper()
	var data struct{ Answer int }
	err := c.MakeRequest(t.Context(), &graphql.Request{OpName: "Ask", Query: "query Ask { answer }"}, &graphql.Response{Data: &data})
	return data.Answer, err
}

func TestRetriesFollowTheKindOfFailure(t *testing.T) {
	for _, test := range []struct {
		name     string
		statuses []int
		tries    int32
		answer   int
	}{
		{name: "at once", statuses: []int{200}, tries: 1, answer: 42},
		{name: "after two failures", statuses: []int{503, 500, 200}, tries: 3, answer: 42},
		{name: "not more than two", statuses: []int{502}, tries: 3, answer: 0},
		{name: "not what was answered", statuses: []int{422}, tries: 1, answer: 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, tries := serve(t, test.statuses...)
			answer, err := ask(t, c)
			if answer != test.answer || tries.Load() != test.tries {
				t.Errorf("got %d after %d attempts, want %d after %d: err %v", answer, tries.Load(), test.answer, test.tries, err)
			}
			var failure *peer.Error
			if test.answer == 0 && (!errors.As(err, &failure) || failure.Service != "oracle" || failure.RetryAfter < 1) {
				t.Errorf("got error %v", err)
			}
		})
	}
}

func TestBreakerOpensAfterFailures(t *testing.T) {
	c, tries := serve(t, 503)
	for range 4 {
		if _, err := ask(t, c); err == nil {
			t.Fatal("got no error")
		}
	}
	before := tries.Load()
	_, err := ask(t, c)
	if !errors.Is(err, circuitbreaker.ErrOpen) || tries.Load() != before {
		t.Errorf("open breaker: got %d more requests, err %v", tries.Load()-before, err)
	}
	if err := c.Ready("Ask"); !errors.Is(err, circuitbreaker.ErrOpen) {
		t.Errorf("Ready() = %v", err)
	}
}

// A service that hangs gets few attempts, each of which takes the whole
// timeout. One caller after the other must be enough to open the breaker.
func TestBreakerOpensWhileAServiceHangs(t *testing.T) {
	for _, attempt := range []time.Duration{time.Second, 1500 * time.Millisecond} { // those of services and of payments
		synctest.Test(t, func(t *testing.T) {
			policy := peer.NewPolicy("inventory", peer.Limits{Call: 4 * time.Second, Attempt: attempt, Retries: 2}, func(err error) bool { return err != nil })
			for range 10 {
				_ = policy.Do(t.Context(), "Stock", func(ctx context.Context) error {
					<-ctx.Done()
					return ctx.Err()
				})
				if policy.Ready("Stock") != nil {
					return
				}
			}
			t.Errorf("ten calls with attempts of %v left the breaker closed", attempt)
		})
	}
}

// A service was away, for less time than its breaker needs to open, and is back. Later, the calls from
// before are out of the breaker's window, and those that failed are not.
func TestServiceThatIsBackIsCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := func(err error) bool { return err != nil }
		policy := peer.NewPolicy("product", peer.Limits{Call: 4 * time.Second, Attempt: time.Second, Retries: 2}, failed)
		var down error
		call := func() error {
			return policy.Do(t.Context(), "Products", func(context.Context) error { return down })
		}
		for range 100 {
			if err := call(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(20 * time.Second)
		down = errors.New("connection refused")
		for range 30 {
			_ = call() // three attempts
		}
		if err := policy.Ready("Products"); err != nil {
			t.Fatalf("most attempts have succeeded: %v", err)
		}
		down = nil
		for range 100 {
			if err := call(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
		}
	})
}

// The service learns how long the caller waits: for an attempt, or for less if the caller's own time
// ends before.
func TestCallsTellHowLongTheyWait(t *testing.T) {
	headers := make(chan string, 1000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers <- r.Header.Get("Souk-Timeout-Ms")
		w.Write([]byte(`{"data": {"answer": 42}}`))
	}))
	defer s.Close()
	c := peer.New("oracle", s.URL, "", nil)
	// On a busy machine, a call can take longer than its caller waits.
	call := func(wait time.Duration) int {
		t.Helper()
		for {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			var data struct{ Answer int }
			err := c.MakeRequest(ctx, &graphql.Request{OpName: "Ask", Query: "query Ask { answer }"}, &graphql.Response{Data: &data})
			cancel()
			if err != nil {
				continue
			}
			n, err := strconv.Atoi(<-headers)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	if n := call(time.Minute); n < 1 || n > 1000 {
		t.Errorf("a caller with time: got %d ms", n)
	}
	if n := call(900 * time.Millisecond); n < 1 || n > 900 {
		t.Errorf("a caller with 900 ms: got %d ms", n)
	}
}

// A service that is overloaded says so. The call is not repeated, and the breaker stays closed.
func TestOverloadedServiceIsLeftAlone(t *testing.T) {
	var tries atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		tries.Add(1)
		w.Write([]byte(`{"errors": [{"message": "busy", "extensions": {"code": "OVERLOADED"}}]}`))
	}))
	defer s.Close()
	c := peer.New("oracle", s.URL, "", nil)
	const calls = 30
	for range calls {
		_, err := ask(t, c)
		var failure *peer.Error
		if !errors.As(err, &failure) || !failure.Temporary() {
			t.Fatalf("got error %v", err)
		}
	}
	if n := tries.Load(); n != calls {
		t.Errorf("got %d requests for %d calls", n, calls)
	}
	if err := c.Ready("Ask"); err != nil {
		t.Error(err)
	}
}

// TestOperationsFailByThemselves: the calls of an operation that succeeds go on
// while another operation of the same service fails.
func TestOperationsFailByThemselves(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct{ OperationName string }
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil || request.OperationName == "Fail" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte(`{"data": {"answer": 42}}`))
	}))
	defer s.Close()
	c := peer.New("oracle", s.URL, "", nil)
	for c.Ready("Fail") == nil {
		var data struct{ Answer int }
		err := c.MakeRequest(t.Context(), &graphql.Request{OpName: "Fail", Query: "query Fail { answer }"}, &graphql.Response{Data: &data})
		if err == nil {
			t.Fatal("got no error")
		}
	}
	if answer, err := ask(t, c); answer != 42 || err != nil {
		t.Errorf("the other operation: got %d, err %v", answer, err)
	}
	if err := c.Ready("Ask"); err != nil {
		t.Error(err)
	}
	if err := c.Ready("Ask", "Fail"); !errors.Is(err, circuitbreaker.ErrOpen) {
		t.Errorf("Ready of both = %v", err)
	}
}

func TestErrorResponsesDoNotOpenTheBreaker(t *testing.T) {
	c, _ := serve(t, 422)
	for range 20 {
		_, _ = ask(t, c)
	}
	if err := c.Ready("Ask"); err != nil {
		t.Error(err)
	}
}

func TestErrorIsTemporaryIfTheServiceIsUnavailable(t *testing.T) {
	for _, test := range []struct {
		name, body string
		status     int
		temporary  bool
	}{
		{name: "overloaded", status: 503, body: "busy", temporary: true},
		{name: "its database is away", status: 200, body: `{"errors": [{"message": "away", "extensions": {"code": "UNAVAILABLE"}}]}`, temporary: true},
		{name: "a defect", status: 200, body: `{"errors": [{"message": "oops", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}`},
		{name: "an invalid operation", status: 422, body: `{"errors": [{"message": "no such field"}]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				w.Write([]byte(test.body))
			}))
			defer s.Close()
			_, err := ask(t, peer.New("oracle", s.URL, "", nil))
			var failure *peer.Error
			if !errors.As(err, &failure) || failure.Temporary() != test.temporary {
				t.Errorf("temporary is not %t: %v", test.temporary, err)
			}
		})
	}
}

// A caller that needs two services cancels the call of one when that of the other fails, with its
// error as the cause (see errgroup.WithContext), and net/http returns the cause.
func TestCancelledCallsDoNotOpenTheBreaker(t *testing.T) {
	arrived := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // until then, the server does not notice that the client leaves
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	defer s.Close()
	c := peer.New("oracle", s.URL, "", nil)
	away := errors.New("another service is away")
	for range 20 {
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-arrived
			cancel(away)
		}()
		err := c.MakeRequest(ctx, &graphql.Request{OpName: "Ask", Query: "query Ask { answer }"}, &graphql.Response{})
		if !errors.Is(err, away) && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if err := c.Ready("Ask"); err != nil {
		t.Error(err)
	}
}

// Two services that an order needs were away, and are back. A call that finds one breaker open cancels
// the other call, which may be the one that would close its own breaker.
func TestBreakersDoNotKeepEachOtherOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("away")
		down := true
		attempt := func(ctx context.Context) error {
			if down {
				return away
			}
			select {
			case <-time.After(5 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx) // as net/http does
			}
		}
		failed := func(err error) bool { return err != nil }
		limits := peer.Limits{Call: 4 * time.Second, Attempt: time.Second, Retries: 2}
		users, products := peer.NewPolicy("user", limits, failed), peer.NewPolicy("product", limits, failed)
		both := func() error {
			group, ctx := errgroup.WithContext(t.Context())
			group.Go(func() error { return users.Do(ctx, "Exists", attempt) })
			group.Go(func() error { return products.Do(ctx, "Products", attempt) })
			return group.Wait()
		}
		for users.Ready("Exists") == nil || products.Ready("Products") == nil {
			_ = users.Do(t.Context(), "Exists", attempt)
			_ = products.Do(t.Context(), "Products", attempt)
		}
		down = false
		back := time.Now()
		for both() != nil {
			if time.Since(back) > 10*time.Second {
				t.Fatal("the breakers are still open after ten seconds")
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// Callers who leave hide neither that a service hangs, nor close the breaker as the trial of one that
// has hung.
func TestCancelledCallsDoNotCloseTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := peer.NewPolicy("user", peer.Limits{Call: 4 * time.Second, Attempt: time.Second}, func(err error) bool { return err != nil })
		hang := func(patience time.Duration) {
			ctx, leave := context.WithCancel(t.Context())
			time.AfterFunc(patience, leave)
			_ = policy.Do(ctx, "Exists", func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})
		}
		for n := 0; policy.Ready("Exists") == nil; n++ {
			if n == 100 {
				t.Fatal("the breaker is closed after a hundred calls")
			}
			if n%4 == 0 {
				hang(time.Minute)
			} else {
				hang(10 * time.Millisecond)
			}
		}
		time.Sleep(5 * time.Second)
		hang(10 * time.Millisecond) // the trial, whose caller leaves
		hang(time.Minute)           // the next one
		if policy.Ready("Exists") == nil {
			t.Error("the breaker is closed, although the service hangs")
		}
	})
}

// hang is an attempt at a service that does not respond.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// A caller who has little time says nothing about the service by its deadline. One who has half of the time of an
// attempt or more does: else a service that hangs would keep them all waiting.
func TestDeadlinesOfCallers(t *testing.T) {
	for _, c := range []struct {
		time  time.Duration // that callers have
		opens bool
	}{{10 * time.Millisecond, false}, {500*time.Millisecond - 1, false}, {500 * time.Millisecond, true}, {time.Second, true}} {
		synctest.Test(t, func(t *testing.T) {
			policy := peer.NewPolicy("user", peer.Limits{Call: 4 * time.Second, Attempt: time.Second}, func(err error) bool { return err != nil })
			for range 30 {
				ctx, cancel := context.WithTimeout(t.Context(), c.time)
				_ = policy.Do(ctx, "Exists", hang)
				cancel()
			}
			if opened := policy.Ready("Exists") != nil; opened != c.opens {
				t.Errorf("callers with %v: the breaker is open is %t", c.time, opened)
			}
		})
	}
}

// The trial of a service that is back has too little time. The next call is the next trial.
func TestTrialWithLittleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := peer.NewPolicy("user", peer.Limits{Call: 4 * time.Second, Attempt: time.Second}, func(err error) bool { return err != nil })
		for policy.Ready("Exists") == nil {
			_ = policy.Do(t.Context(), "Exists", hang)
		}
		time.Sleep(5 * time.Second)
		respond := func(ctx context.Context) error {
			select {
			case <-time.After(100 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			if policy.Do(ctx, "Exists", respond) == nil {
				t.Error("a call with 20 ms succeeds")
			}
			cancel()
		}
		if err := policy.Do(t.Context(), "Exists", respond); err != nil {
			t.Errorf("a call with time: %v", err)
		}
	})
}

// Calls from before the breaker opened end later. They decide nothing, neither during the trial nor after it.
func TestOldCallsDecideNothing(t *testing.T) {
	for _, takes := range []time.Duration{time.Millisecond, 6 * time.Second} { // the trial ends before the old calls, or later
		synctest.Test(t, func(t *testing.T) {
			policy := peer.NewPolicy("user", peer.Limits{Call: time.Minute, Attempt: 10 * time.Second}, func(err error) bool { return err != nil })
			var old errgroup.Group
			for range 20 {
				old.Go(func() error { return policy.Do(t.Context(), "Exists", hang) })
			}
			synctest.Wait()
			for policy.Ready("Exists") == nil {
				_ = policy.Do(t.Context(), "Exists", func(context.Context) error { return errors.New("away") })
			}
			time.Sleep(5 * time.Second)
			succeed := func(context.Context) error {
				time.Sleep(takes)
				return nil
			}
			if err := policy.Do(t.Context(), "Exists", succeed); err != nil {
				t.Error(err)
			}
			_ = old.Wait()
			if err := policy.Ready("Exists"); err != nil {
				t.Errorf("a trial of %v: old timeouts have opened the breaker", takes)
			}
			if err := policy.Do(t.Context(), "Exists", succeed); err != nil {
				t.Error(err)
			}
		})
	}
}
