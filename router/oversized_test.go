package router_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"souk/router/gateway/config"
)

// A subgraph response that is too large is reported as such, even if the memory
// for all requests is no larger than max_response_bytes, as by default: it does
// not overload the router. A response within the bound is read, however its end
// is marked.
func TestOversizedResponsesAreNotReportedAsOverload(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	body := func(size int) string {
		head, tail := `{"data":{"product":{"name":"`, `"}}}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	framings := map[string]func(w http.ResponseWriter, body string){
		"gzip": func(w http.ResponseWriter, body string) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, body)
			_ = z.Close()
		},
		"chunked": func(w http.ResponseWriter, body string) {
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, body)
		},
		"length": func(w http.ResponseWriter, body string) {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = io.WriteString(w, body)
		},
	}
	for name, write := range framings {
		for size, want := range map[int]string{
			limit:      `{"data":{"product":{"name":"xxx`,
			limit + 1:  "sent a response larger than max_response_bytes (1048576)",
			16 * limit: "sent a response larger than max_response_bytes (1048576)",
		} {
			t.Run(name+" "+strconv.Itoa(size), func(t *testing.T) {
				text := body(size)
				subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					w.Header().Set("Content-Type", "application/json")
					write(w, text)
				}))
				defer subgraph.Close()
				s := newStore(t, func(c *config.Config) {
					c.OverrideSubgraphURLs["a"] = []string{subgraph.URL}
					c.Limits.MaxInFlightBytes = limit
					c.TrafficShaping.All.MaxResponseBytes = limit
				})
				got := s.ask()
				if !strings.Contains(got, want) || strings.Contains(got, "OVERLOADED") {
					t.Errorf("got %.200s, want %q", got, want)
				}
			})
		}
	}
}

// A query may have less time than its subgraph, so that it is sent apart from its caller. What both reserve for
// the response is the same memory: an idle router has enough for a response of which it can hold one.
func TestQueriesSentApartReserveMemoryOnce(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	text := `{"data":{"product":{"name":"` + strings.Repeat("x", limit/6) + `"}}}`
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, text)
	}))
	defer subgraph.Close()
	s := newStore(t, func(c *config.Config) {
		c.OverrideSubgraphURLs["a"] = []string{subgraph.URL}
		c.Limits.MaxInFlightBytes = limit
		c.TrafficShaping.All.Timeout = 2 * c.TrafficShaping.Router.Timeout
	})
	for range 3 { // the router expects a response as large as the one before
		if got := s.ask(); !strings.Contains(got, `"name":"xxx`) {
			t.Errorf("got %.200s", got)
		}
	}
}
