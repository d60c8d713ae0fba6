package router_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"souk/router"
	"souk/router/gateway/config"
)

// BenchmarkSlowResponse measures when a client has the first and the last byte of a join of 5,000 entities,
// 1.3 MB, if the last subgraph response arrives in 20 pieces over 200 ms: sent as a whole, and streamed.
func BenchmarkSlowResponse(b *testing.B) {
	const entities, pieces, over = 5000, 20, 200 * time.Millisecond
	var items, details []string
	for i := range entities {
		items = append(items, fmt.Sprintf(`{"__typename":"Item","id":"%d","name":"item %d"}`, i, i))
		details = append(details, fmt.Sprintf(`{"price":%d,"note":"%s"}`, i, strings.Repeat("n", 200)))
	}
	first, last := `{"data":{"items":[`+strings.Join(items, ",")+`]}}`, `{"data":{"_entities":[`+strings.Join(details, ",")+`]}}`
	subgraph := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/a" {
			_, _ = io.WriteString(w, first)
			return
		}
		for i := range pieces {
			time.Sleep(over / pieces)
			_, _ = io.WriteString(w, last[i*len(last)/pieces:(i+1)*len(last)/pieces])
			_ = http.NewResponseController(w).Flush()
		}
	}
	sdl := composed(b, `type Query { items: [Item!]! } type Item @key(fields: "id") { id: ID! name: String! }`,
		`type Item @key(fields: "id") { id: ID! price: Int note: String }`)
	for _, streamed := range []bool{false, true} {
		b.Run(fmt.Sprintf("streamed=%t", streamed), func(b *testing.B) {
			server := httptest.NewServer(newRouterWith(b, router.Options{Supergraph: sdl}, http.HandlerFunc(subgraph), func(c *config.Config) {
				c.TrafficShaping.Router.StreamResponses.Enabled = streamed
			}).Handler())
			defer server.Close()
			var toFirst, toLast time.Duration
			for b.Loop() {
				began := time.Now()
				response, err := http.Post(server.URL+"/graphql", "application/json", strings.NewReader(`{"query":"{ items { id name price note } }"}`))
				if err != nil {
					b.Fatal(err)
				}
				_, err = io.ReadFull(response.Body, make([]byte, 1))
				toFirst += time.Since(began)
				if _, rest := io.Copy(io.Discard, response.Body); err != nil || rest != nil {
					b.Fatal(err, rest)
				}
				toLast += time.Since(began)
				_ = response.Body.Close()
			}
			b.ReportMetric(toFirst.Seconds()*1000/float64(b.N), "ms-to-first-byte")
			b.ReportMetric(toLast.Seconds()*1000/float64(b.N), "ms-to-last-byte")
		})
	}
}
