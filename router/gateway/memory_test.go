package gateway_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"souk/internal/memory"
	"souk/router/gateway"
	"souk/router/gateway/config"
)

// The answers of a batch are held until the last is there, so that they are
// charged to the budget; those for which there is no room are refused. What is
// charged comes back, whatever the form of the response.
func TestResponsesAreChargedUntilTheyAreWritten(t *testing.T) {
	budget := memory.NewBudget(48 << 10)
	_, url := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
		c.HTTP.Batching.Enabled = true
		c.TrafficShaping.Router.Deduplicate = true
		o.Memory = budget
	})
	const query = `{"query":"{ long }"}`
	batch := "[" + strings.TrimSuffix(strings.Repeat(query+",", 10), ",") + "]"
	got := send(t, "POST", url+"/graphql", batch)
	if got.status != http.StatusOK || !strings.Contains(got.body, `"OVERLOADED"`) || !strings.Contains(got.body, `"long":"abc`) {
		t.Errorf("a batch with more answers than there is room for: %d, %.300s", got.status, got.body)
	}
	for _, headers := range [][]string{nil, {"Accept: text/event-stream"}, {"Accept: multipart/mixed"}, {"Accept-Encoding: gzip"}} {
		if got := send(t, "POST", url+"/graphql", query, headers...); got.status != http.StatusOK {
			t.Errorf("%v: got %d, %.300s", headers, got.status, got.body)
		}
	}
	// The client may have the end of a response before the handler has returned.
	for end := time.Now().Add(time.Minute); budget.Used() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d bytes are still charged", budget.Used())
		}
	}
}
