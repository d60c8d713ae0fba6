package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"souk/router/compose"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// large returns a supergraph of many types in two subgraphs.
func large(t testing.TB, types int) string {
	t.Helper()
	var home, guest strings.Builder
	const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable", "@external", "@requires"])` + "\n"
	home.WriteString(link + `type Query { hello: String list(filter: Filter): [Page!] node(id: ID!): Node }
interface Node { id: ID! }
enum Order { ASCENDING DESCENDING }
input Filter { text: String = "" first: Int = 10 order: Order = ASCENDING }
type Page @shareable { total: Int! next: String }
`)
	guest.WriteString(link + "type Page @shareable { total: Int! next: String }\n")
	for n := range types {
		fmt.Fprintf(&home, "\"An item of the kind %d.\"\ntype Item%d implements Node @key(fields: \"id\") { id: ID! name: String! weight: Int \"In the currency of the buyer.\" price(currency: String = \"EUR\"): Float page: Page next: Item%d labels: [String!] }\n",
			n, n, (n+1)%types)
		fmt.Fprintf(&guest, "type Item%d @key(fields: \"id\") { id: ID! weight: Int @external shipping: Int @requires(fields: \"weight\") stock(first: Int): [Page!] }\n", n)
	}
	composed, err := compose.Compose(t.Context(), []compose.Subgraph{
		{Name: "home", URL: "http://home", SDL: home.String()}, {Name: "guest", URL: "http://guest", SDL: guest.String()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return composed.SDL
}

// withField returns a supergraph with one more field of an item.
func withField(t testing.TB, sdl string, item, version int) string {
	t.Helper()
	at := strings.Index(sdl, fmt.Sprintf("\ntype Item%d implements", item))
	if at < 0 {
		t.Fatalf("the supergraph has no type Item%d", item)
	}
	at += strings.Index(sdl[at:], "{\n") + 2
	return sdl[:at] + fmt.Sprintf("  version%d: Int @join__field(graph: HOME)\n", version) + sdl[at:]
}

// BenchmarkReload changes one of 5,000 types.
func BenchmarkReload(b *testing.B) {
	text := large(b, 5000)
	versions := []string{text, withField(b, text, 7, 1)}
	gw, err := gateway.New(b.Context(), config.Default(), gateway.Options{
		Supergraph: text,
		Transport:  func(*supergraph.Model) (execute.Transport, func(), error) { return quick{}, func() {}, nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	defer gw.Close()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		if err := gw.SetSupergraph(versions[n%2]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(liveHeap())/(1<<20), "live-MiB")
}
