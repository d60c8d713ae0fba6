package gateway_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

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

// serveLarge returns a gateway for a supergraph before a quick subgraph. The caller must close it.
func serveLarge(t testing.TB, text string) *gateway.Gateway {
	t.Helper()
	gw, err := gateway.New(t.Context(), config.Default(), gateway.Options{
		Supergraph: text,
		Transport:  func(*supergraph.Model) (execute.Transport, func(), error) { return quick{}, func() {}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return gw
}

// A large supergraph of which a type changes again and again retains nothing of its former versions,
// although each version shares types with the one before. One collection frees them: none waits in a
// pool.
func TestReloadsOfALargeSupergraphLeakNothing(t *testing.T) {
	text := large(t, 1000)
	gw := serveLarge(t, text)
	defer gw.Close()
	version := 0
	reload := func(n int) {
		for range n {
			version++
			text = withField(t, text, version, version)
			if err := gw.SetSupergraph(text); err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/graphql", strings.NewReader(fmt.Sprintf(`{"query":"{ hello list { next } version: __type(name: \"Item%d\") { fields { name } } }"}`, version)))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			if gw.Handler().ServeHTTP(w, r); w.Code != 200 || !strings.Contains(w.Body.String(), fmt.Sprintf(`{"name":"version%d"}`, version)) {
				t.Fatalf("version %d: got status %d, %s", version, w.Code, w.Body)
			}
		}
	}
	reload(5)
	before := collected()
	reload(20)
	// A graph of this size takes more than 3 MiB, and its text 700 KiB.
	if after := collected(); after > before+1<<20 {
		t.Errorf("after 20 reloads %d bytes are live, %d before", after, before)
	}
}

// collected returns the bytes that are live after a collection.
func collected() int64 {
	runtime.GC()
	return read("/gc/heap/live:bytes")
}

func read(metric string) int64 {
	sample := []metrics.Sample{{Name: metric}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// What the types of a large supergraph have in common is in memory once, and a reload in which one
// type has changed allocates little.
func TestLargeSupergraphTakesLittleMemory(t *testing.T) {
	text := large(t, 1000)
	changed := withField(t, text, 7, 1)
	before := collected()
	gw := serveLarge(t, text)
	defer gw.Close()
	length := int64(len(text))
	if live := collected() - before; live > 8*length {
		t.Errorf("a graph takes %d bytes, more than 8 times its SDL of %d bytes", live, length)
	}
	before = read("/gc/heap/allocs:bytes")
	if err := gw.SetSupergraph(changed); err != nil {
		t.Fatal(err)
	}
	if allocated := read("/gc/heap/allocs:bytes") - before; allocated > 8*length {
		t.Errorf("a reload allocates %d bytes, more than 8 times the SDL of %d bytes", allocated, length)
	}
}

// held is a transport whose requests wait.
type held struct {
	quick
	began, end chan struct{}
}

func (h held) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	h.began <- struct{}{}
	<-h.end
	return h.quick.Send(ctx, r)
}

// A graph that has been replaced is garbage once its last request has ended: the next collection
// frees it.
func TestReplacedGraphIsFreedAfterItsLastRequest(t *testing.T) {
	text := large(t, 10)
	freed := make(chan struct{})
	h := held{began: make(chan struct{}), end: make(chan struct{})}
	first := true
	gw, err := gateway.New(t.Context(), config.Default(), gateway.Options{
		Supergraph: text,
		Transport: func(m *supergraph.Model) (execute.Transport, func(), error) {
			if !first {
				return quick{}, func() {}, nil
			}
			first = false
			runtime.AddCleanup(m, func(done chan struct{}) { close(done) }, freed)
			return h, func() {}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer gw.Close()
	ended := make(chan int)
	go func() {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/graphql", strings.NewReader(`{"query":"{ hello }"}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		gw.Handler().ServeHTTP(w, r)
		ended <- w.Code
	}()
	<-h.began
	if err := gw.SetSupergraph(withField(t, text, 7, 1)); err != nil {
		t.Fatal(err)
	}
	close(h.end)
	if status := <-ended; status != 200 {
		t.Fatalf("got status %d", status)
	}
	runtime.GC()
	select {
	case <-freed:
	case <-time.After(time.Minute):
		t.Error("the former graph is still in memory")
	}
}

// BenchmarkReload changes one of 5,000 types.
func BenchmarkReload(b *testing.B) {
	text := large(b, 5000)
	versions := []string{text, withField(b, text, 7, 1)}
	gw := serveLarge(b, text)
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
