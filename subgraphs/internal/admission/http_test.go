package admission_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"souk/subgraphs/internal/admission"
)

const tokenHeader, token = "Token", "secret"

func options() admission.Options {
	return admission.Options{Limit: 1, Reserve: 1, TokenHeader: tokenHeader, Token: token, Registry: prometheus.NewRegistry()}
}

func post(handler http.Handler, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/graphql", http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// The response to a refused request is one that neither a router nor a circuit breaker takes for
// a failure.
func TestRefusalIsAGraphQLResponse(t *testing.T) {
	o := options()
	running, end := make(chan struct{}), make(chan struct{})
	handler := admission.Handler(o, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Long") != "" {
			running <- struct{}{}
			<-end
		}
		_, _ = io.WriteString(w, "ran")
	}))
	ended := make(chan struct{})
	go func() { defer close(ended); post(handler, "Long", "1") }()
	<-running
	w := post(handler)
	if w.Code != http.StatusOK || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), `"code":"OVERLOADED"`) {
		t.Errorf("got status %d, %v, %s", w.Code, w.Header(), w.Body)
	}
	picture := httptest.NewRecorder()
	handler.ServeHTTP(picture, httptest.NewRequest(http.MethodGet, "/images/1.png", http.NoBody))
	if picture.Code != http.StatusServiceUnavailable {
		t.Errorf("a picture: got status %d", picture.Code)
	}
	for _, test := range []struct {
		name   string
		header []string
		runs   bool
	}{
		{"another service", []string{tokenHeader, token}, true},
		{"a wrong token", []string{tokenHeader, "guess"}, false},
		{"an event stream", []string{"Accept", "text/event-stream"}, true},
		{"a WebSocket", []string{"Upgrade", "websocket"}, true},
	} {
		if got := post(handler, test.header...).Body.String() == "ran"; got != test.runs {
			t.Errorf("%s: runs is %t, want %t", test.name, got, test.runs)
		}
	}
	close(end)
	<-ended
	if got := post(handler).Body.String(); got != "ran" {
		t.Errorf("afterwards: got %s", got)
	}
	if got := shed(t, o.Registry.(prometheus.Gatherer)); got["full"] != 3 || got["waited"]+got["deadline"] != 0 || len(got) != 3 {
		t.Errorf("counted %v", got)
	}
}

// shed reads how many requests were refused, by reason.
func shed(t *testing.T, registry prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, family := range families {
		for _, series := range family.GetMetric() {
			counts[series.GetLabel()[0].GetValue()] = series.GetCounter().GetValue()
		}
	}
	return counts
}

// A request ends when its caller no longer waits for it.
func TestRequestEndsAtTheDeadlineOfItsCaller(t *testing.T) {
	var got error
	handler := admission.Handler(options(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := r.Context().Deadline(); ok {
			<-r.Context().Done()
		}
		got = r.Context().Err()
	}))
	for _, test := range []struct {
		value string
		want  error
	}{
		{"1", context.DeadlineExceeded}, {"0", context.DeadlineExceeded},
		{"", nil}, {"-1", nil}, {"soon", nil},
	} {
		got = errors.New("the request did not run")
		w := post(handler, admission.TimeoutHeader, test.value)
		if !errors.Is(got, test.want) && (test.value != "0" || !strings.Contains(w.Body.String(), "OVERLOADED")) {
			t.Errorf("%s %q: got %v, want %v", admission.TimeoutHeader, test.value, got, test.want)
		}
	}
}
