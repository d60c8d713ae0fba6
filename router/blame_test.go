package router_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"souk/internal/loopback/loopbacktest"
	"souk/router"
	"souk/router/auth"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// A hangingRouter is a router on an address of its own. Its subgraph responds with text or, if
// that is empty, not before the router gives up.
type hangingRouter struct {
	*router.Router
	text  string
	asked chan struct{}
	url   string
	stop  func()
	done  chan struct{} // closed when Serve has returned
}

func newHangingRouter(t *testing.T, change func(*config.Config), x router.Extensions) *hangingRouter {
	t.Helper()
	h := &hangingRouter{asked: make(chan struct{}, 1), done: make(chan struct{})}
	subgraph := httptest.NewServer(h)
	t.Cleanup(subgraph.Close)
	log := new(lockedBuffer)
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: log})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Listen, c.Admin.Listen = "127.0.0.1:0", loopbacktest.Address(t)
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {subgraph.URL}}
	if change != nil {
		change(&c)
	}
	if h.Router, err = router.New(t.Context(), c, router.Options{Supergraph: smallSDL, Telemetry: tel, Extensions: x}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	h.stop = stop
	go func() {
		defer close(h.done)
		_ = h.Serve(ctx) // a shutdown that takes too long is an error
	}()
	t.Cleanup(func() {
		stop()
		<-h.done
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	address := regexp.MustCompile(`"address":"([^"]+)"`)
	eventually(t, func() bool { return address.MatchString(log.String()) })
	h.url = "http://" + address.FindStringSubmatch(log.String())[1] + "/graphql"
	return h
}

func (h *hangingRouter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // otherwise, net/http does not notice that the router gives up
	select {
	case h.asked <- struct{}{}:
	default: // a retry
	}
	if h.text == "" {
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, h.text)
}

// begin sends a query. It returns the body of the response, or the error, when there is one.
func (h *hangingRouter) begin(ctx context.Context, t *testing.T, accept string) <-chan string {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"?query={hello}", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Apollo-Require-Preflight", "true")
	r.Header.Set("Accept", accept)
	got := make(chan string, 1)
	go func() {
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			got <- err.Error()
			return
		}
		defer response.Body.Close()
		var b lockedBuffer
		_ = response.Write(&b)
		got <- b.String()
	}()
	return got
}

// wants waits until one operation has ended, with the outcome, and the code of one error.
func (h *hangingRouter) wants(t *testing.T, outcome, code string) {
	t.Helper()
	var text string
	eventually(t, func() bool {
		w := httptest.NewRecorder()
		h.Admin().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		text = w.Body.String()
		return regexp.MustCompile(`(?m)^souk_router_operations_total\{outcome="\w+"\} 1$`).MatchString(text)
	})
	for _, want := range []string{
		fmt.Sprintf("souk_router_operations_total{outcome=%q} 1\n", outcome),
		fmt.Sprintf("souk_router_graphql_errors_total{code=%q} 1\n", code),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s; they have\n%s", want, regexp.MustCompile(`(?m)^souk_router_(operations|graphql_errors)_total\{.*\} [1-9]$`).FindAllString(text, -1))
		}
	}
}

// An operation that the client ends does not count against the service level objective. One
// that the router ends does: at its own timeout, or because it shuts down.
func TestOnlyClientsThatLeaveAreToBlame(t *testing.T) {
	t.Parallel()
	const one, events = "application/graphql-response+json", "text/event-stream"
	t.Run("the client disconnects", func(t *testing.T) {
		h := newHangingRouter(t, nil, router.Extensions{})
		ctx, leave := context.WithCancel(t.Context())
		got := h.begin(ctx, t, one)
		<-h.asked
		leave()
		<-got
		h.wants(t, "client_errors", "REQUEST_CANCELLED")
	})
	t.Run("the router's timeout", func(t *testing.T) {
		h := newHangingRouter(t, func(c *config.Config) { c.TrafficShaping.Router.Timeout = 50 * time.Millisecond }, router.Extensions{})
		if got := <-h.begin(t.Context(), t, one); !strings.Contains(got, `"code":"SUBREQUEST_TIMEOUT"`) {
			t.Errorf("got %s", got)
		}
		h.wants(t, "partial", "SUBREQUEST_TIMEOUT")
	})
	t.Run("the timeout of a stream", func(t *testing.T) {
		h := newHangingRouter(t, func(c *config.Config) { c.TrafficShaping.Router.Timeout = 50 * time.Millisecond }, router.Extensions{})
		if got := <-h.begin(t.Context(), t, events); !strings.Contains(got, `"code":"SUBREQUEST_TIMEOUT"`) {
			t.Errorf("got %s", got)
		}
		h.wants(t, "partial", "SUBREQUEST_TIMEOUT")
	})
	t.Run("the end of streams before a shutdown", func(t *testing.T) {
		h := newHangingRouter(t, func(c *config.Config) { c.Subscriptions.DrainPeriod = time.Millisecond }, router.Extensions{})
		got := h.begin(t.Context(), t, events)
		<-h.asked
		h.stop()
		<-got
		h.wants(t, "partial", "SHUTTING_DOWN")
	})
	for _, client := range []string{"direct", "standard"} {
		t.Run("the end of a shutdown, http_client "+client, func(t *testing.T) {
			h := newHangingRouter(t, func(c *config.Config) {
				c.TrafficShaping.Router.ShutdownTimeout = 50 * time.Millisecond
				c.TrafficShaping.All.HTTPClient = client
			}, router.Extensions{})
			got := h.begin(t.Context(), t, one)
			<-h.asked
			h.stop()
			<-got
			h.wants(t, "partial", "SHUTTING_DOWN")
		})
	}
	t.Run("a subgraph that says so", func(t *testing.T) {
		h := newHangingRouter(t, nil, router.Extensions{})
		h.text = `{"data":{"hello":null},"errors":[{"message":"no","path":["hello"],"extensions":{"code":"REQUEST_CANCELLED"}}]}`
		if got := <-h.begin(t.Context(), t, one); !strings.Contains(got, `"code":"DOWNSTREAM_SERVICE_ERROR"`) {
			t.Errorf("got %s", got)
		}
		h.wants(t, "partial", "DOWNSTREAM_SERVICE_ERROR")
	})
}

// A waitingAuthenticator waits until the client disconnects.
type waitingAuthenticator struct{ asked, left chan struct{} }

func (a waitingAuthenticator) Authenticate(r *http.Request) (*auth.Caller, error) {
	close(a.asked)
	<-r.Context().Done()
	defer close(a.left)
	return nil, errors.Join(errors.New("asking the key store"), r.Context().Err())
}

// A client that disconnects while it is authenticated is no failure of authentication.
func TestClientThatLeavesIsNoFailureOfAuthentication(t *testing.T) {
	t.Parallel()
	a := waitingAuthenticator{make(chan struct{}), make(chan struct{})}
	h := newHangingRouter(t, nil, router.Extensions{Authenticator: a})
	ctx, leave := context.WithCancel(t.Context())
	got := h.begin(ctx, t, "application/json")
	<-a.asked
	leave()
	<-got
	<-a.left
	h.stop()
	<-h.done // so that the request has ended
	w := httptest.NewRecorder()
	h.Admin().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{`souk_router_authentication_total{result="unavailable"} 0`, `souk_router_operations_total{outcome="errors"} 0`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
