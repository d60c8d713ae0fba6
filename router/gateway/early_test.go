package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"souk/router/compose"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
	"souk/router/telemetry"
)

const streamedQuery = `{"query":"{ items { id note } }"}`

// A halfTransport sends the first of two entities at once, and the other when the test allows it.
type halfTransport struct {
	note string // of each entity
	rest chan struct{}
	fail any // a panic in place of the second half, unless nil
}

func (h *halfTransport) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	if !bytes.Contains(r.Body.B, []byte("_entities")) {
		return response(`{"data":{"items":[{"__typename":"Item","id":"1"},{"__typename":"Item","id":"2"}]}}`), nil
	}
	whole := response(fmt.Sprintf(`{"data":{"_entities":[{"note":%q},{"note":%q}]}}`, h.note, h.note))
	r.Reservation.Arriving(http.StatusOK, whole.Header, false)
	part := execute.NewBuffer(len(whole.Body.B))
	part.B = append(part.B, whole.Body.B[:len(whole.Body.B)-10]...)
	r.Reservation.Arrived(part)
	defer part.Release()
	select {
	case <-h.rest:
	case <-ctx.Done():
		whole.Body.Release()
		return nil, ctx.Err()
	}
	if h.fail != nil {
		panic(h.fail)
	}
	return whole, nil
}

func (h *halfTransport) Subscribe(context.Context, *execute.SubgraphRequest, func(*execute.SubgraphResponse) error) error {
	return errors.ErrUnsupported
}

// startHalf starts a gateway before such a transport, which streams at once.
func startHalf(t *testing.T, h *halfTransport, o gateway.Options) *httptest.Server {
	t.Helper()
	const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])` + "\n"
	composed, err := compose.Compose(t.Context(), []compose.Subgraph{
		{Name: "a", URL: "http://a", SDL: link + `type Query { items: [Item!]! } type Item @key(fields: "id") { id: ID! }`},
		{Name: "b", URL: "http://b", SDL: link + `type Item @key(fields: "id") { id: ID! note: String }`},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.TrafficShaping.Router.StreamResponses = config.StreamResponses{Enabled: true}
	o.Supergraph = composed.SDL
	o.Transport = func(*supergraph.Model) (execute.Transport, func(), error) { return h, func() {}, nil }
	gw, err := gateway.New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gw.Handler())
	t.Cleanup(func() { gw.Close(); server.Close() })
	return server
}

// beginReading sends the query and reads the first entity.
func beginReading(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/graphql", strings.NewReader(streamedQuery))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept-Encoding", "identity")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	first := make([]byte, len(`{"data":{"items":[{"id":"1","note":"`))
	if _, err := io.ReadFull(answer.Body, first); err != nil {
		t.Fatal(err)
	}
	return answer, string(first)
}

// A response that cannot be completed ends with its connection, so that the client does not take it for
// complete.
func TestFailedStreamBreaksTheConnection(t *testing.T) {
	h := &halfTransport{note: "n", rest: make(chan struct{}), fail: "an error of the transport"}
	answer, _ := beginReading(t, startHalf(t, h, gateway.Options{}).URL)
	close(h.rest)
	if rest, err := io.ReadAll(answer.Body); err == nil {
		t.Errorf("the response ended with %s", rest)
	}
}

// A client that reads a streamed response slowly does not hold the clients that share it.
func TestSlowClientOfAStreamedResponseHoldsNobody(t *testing.T) {
	h := &halfTransport{note: strings.Repeat("n", 16<<20), rest: make(chan struct{})} // more than sockets hold
	registry := prometheus.NewRegistry()
	server := startHalf(t, h, gateway.Options{Metrics: telemetry.New(registry), Now: func() time.Time { return time.Unix(1e9, 0) }}) // however slow this machine is
	slow, first := beginReading(t, server.URL)
	other := make(chan string)
	go func() { other <- send(t, "POST", server.URL+"/graphql", streamedQuery).body }()
	eventually(t, func() bool { return figures(t, registry)["operations_joined_total{}"] == 1 })
	close(h.rest)
	want := fmt.Sprintf(`{"data":{"items":[{"id":"1","note":%q},{"id":"2","note":%q}]}}`, h.note, h.note)
	if got := <-other; got != want {
		t.Errorf("the other client got %d bytes, want %d", len(got), len(want))
	}
	rest, err := io.ReadAll(slow.Body)
	if err != nil || first+string(rest) != want {
		t.Errorf("%v, the slow client got %d bytes, want %d", err, len(first)+len(rest), len(want))
	}
	if n := figures(t, registry)["responses_streamed_total{}"]; n != 1 {
		t.Errorf("%v responses were streamed, want 1", n)
	}
}
