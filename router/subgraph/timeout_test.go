package subgraph_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"souk/router/operation"
	"souk/router/subgraph"
)

// The header has the time that is left, for each attempt, of the timeout or of the client's
// request, whichever ends first. It replaces what clients and rules send.
func TestSubgraphsReceiveTheTimeThatIsLeft(t *testing.T) {
	for name, tt := range map[string]struct{ request, want time.Duration }{
		"the timeout":          {request: time.Minute, want: 10 * time.Second},
		"the client's request": {request: 7 * time.Second, want: 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got, want []string
				began := time.Now()
				s := subgraph.Subgraph{
					Timeout: 10 * time.Second, TimeoutHeader: "souk-timeout-ms", Retry: subgraph.Retry{MaxAttempts: 2, Interval: 4 * time.Second},
					Headers: []subgraph.HeaderRules{{Propagate: []subgraph.Propagation{{From: "Souk-Timeout-Ms"}}, Set: map[string]string{"Souk-Timeout-Ms": "1"}}},
				}
				tr := overPipes(t, s, func(w http.ResponseWriter, r *http.Request) {
					got = append(got, r.Header.Values("Souk-Timeout-Ms")...)
					want = append(want, strconv.FormatInt((tt.want-time.Since(began)).Milliseconds(), 10))
					answer(w, 503, "text/plain", "no")
				})
				ctx, cancel := context.WithTimeout(t.Context(), tt.request)
				defer cancel()
				r := request(operation.Query, `{}`)
				r.Header.Set("Souk-Timeout-Ms", "999999")
				if _, err := tr.Send(ctx, r); err == nil {
					t.Fatal("the request succeeded")
				}
				if len(got) != 2 || !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		})
	}
}

// A real server receives the header with each HTTP client.
func TestEachClientSendsTheTimeout(t *testing.T) {
	overEachTransport(t, func(t *testing.T, over transportKind) {
		var left atomic.Int64
		tr := over.transport(t, subgraph.Subgraph{Timeout: time.Hour, TimeoutHeader: "Souk-Timeout-Ms", Headers: []subgraph.HeaderRules{{Set: map[string]string{"Souk-Timeout-Ms": "1"}}}}, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
			if values := r.Header.Values("Souk-Timeout-Ms"); len(values) == 1 {
				ms, _ := strconv.ParseInt(values[0], 10, 64)
				left.Store(ms)
			}
			answer(w, 200, "application/json", `{"data":{}}`)
		})
		response, err := tr.Send(t.Context(), request(operation.Mutation, `{}`))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Release()
		if ms := left.Load(); ms <= 1 || ms > time.Hour.Milliseconds() {
			t.Errorf("%d ms are left of an hour", ms)
		}
	})
}
