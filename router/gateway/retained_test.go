package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"souk/internal/memory"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/telemetry"
)

// subscribers open a subscription over each transport. They return once the request has
// been sent.
var subscribers = map[string]func(t *testing.T, url, body string){
	"event stream": func(t *testing.T, url, body string) { openStream(t, url, body) },
	"multipart": func(t *testing.T, url, body string) {
		openStream(t, url, body, "Accept: multipart/mixed;subscriptionSpec=1.0")
	},
	"WebSocket": func(t *testing.T, url, body string) {
		initialised(t, url, `null`).send(`{"id":"1","type":"subscribe","payload":` + body + `}`)
	},
	"reserved stream": func(t *testing.T, url, body string) {
		token := tokenHeader + reserved(t, url)
		openReserved(t, url, token)
		if got := send(t, http.MethodPost, url, body, token); got.status != http.StatusAccepted {
			t.Fatalf("got %d %s", got.status, got.body)
		}
	},
}

// subscribeBody returns a request with a document, the variable n, and padding in its
// extensions.
func subscribeBody(t *testing.T, document string, padding int) string {
	t.Helper()
	quoted, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"query":%s,"variables":{"n":3},"extensions":{"operationId":"1","padding":%q}}`, quoted, strings.Repeat("x", padding))
}

// A subscription may stay open for hours, so that it is charged only for what it retains
// of its request.
func TestSubscriptionIsChargedForWhatItRetains(t *testing.T) {
	const document = "subscription($n: Int!) { count(to: $n) }"
	large := document + " #" + strings.Repeat("x", 100<<10)
	for _, c := range []struct {
		name, body string
		want       int64
	}{
		{name: "large extensions", body: subscribeBody(t, document, 300<<10), want: 0},
		{name: "large document", body: subscribeBody(t, large, 300<<10), want: int64(len(large) + len("3"))},
	} {
		for transport, subscribe := range subscribers {
			t.Run(c.name+" over "+transport, func(t *testing.T) {
				budget := memory.NewBudget(4 << 20)
				f, _, url := startFeed(t, func(_ *config.Config, o *gateway.Options) { o.Memory = budget })
				subscribe(t, url, c.body)
				u := f.upstream(t, 0)
				eventually(t, func() bool { return budget.Used() == c.want })
				if sent := string(u.request.Body.B); !strings.Contains(sent, `:3`) {
					t.Errorf("the subgraph got %s", sent)
				}
				u.end <- nil
				eventually(t, func() bool { return budget.Used() == 0 })
			})
		}
	}
}

// What is no longer charged is no longer in memory.
func TestSubscriptionDoesNotRetainItsRequest(t *testing.T) {
	const streams, padding = 8, 4 << 20
	body := subscribeBody(t, "subscription($n: Int!) { count(to: $n) }", padding)
	for transport, subscribe := range subscribers {
		t.Run(transport, func(t *testing.T) {
			metrics := prometheus.NewRegistry()
			f, _, url := startFeed(t, func(c *config.Config, o *gateway.Options) {
				c.Limits.MaxBodyBytes = 2 * padding
				o.Metrics, o.Memory = telemetry.New(metrics), memory.NewBudget(streams*4*padding)
			})
			before := liveHeap()
			for range streams {
				subscribe(t, url, body)
			}
			f.upstream(t, 0) // the others share it
			eventually(t, func() bool { return figures(t, metrics)["subscriptions_joined_total{}"] == streams-1 })
			eventually(t, func() bool { return int64(liveHeap()-before) < streams*padding/4 })
		})
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
