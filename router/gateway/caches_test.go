package gateway_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
	"souk/router/telemetry"
)

// fanOut returns a document of fragments that spread each other: a few lines
// select thousands of fields, behind conditions that give 2^conditions
// operations. Each n gives a different document.
func fanOut(n, levels, conditions int) string {
	var b strings.Builder
	b.WriteString("query Q(")
	for i := range conditions {
		fmt.Fprintf(&b, "$c%d: Boolean = false, ", i)
	}
	fmt.Fprintf(&b, ") { n%d: hello ", n)
	for i := range conditions {
		fmt.Fprintf(&b, "c%d: user(id: %d) @include(if: $c%d) { ...F0 } ", i, i, i)
	}
	b.WriteString("all: user(id: 7) { ...F0 } }")
	for i := range levels {
		fmt.Fprintf(&b, " fragment F%d on User { ...S f%d: friend { ...F%d } g%d: friend { ...F%d } }", i, i, i+1, i, i+1)
	}
	fmt.Fprintf(&b, " fragment F%d on User { name } fragment S on User { name a b c d e f g }", levels)
	return b.String()
}

// TestCachesStayWithinTheirBytes fills the caches with documents of hostile
// clients and compares the growth of the heap with the configured bounds.
func TestCachesStayWithinTheirBytes(t *testing.T) {
	for name, send := range map[string]func(t *testing.T, url string, i int){
		"fragments in all combinations of conditions": func(t *testing.T, url string, i int) {
			variables := map[string]bool{}
			for bit := range 6 {
				variables[fmt.Sprintf("c%d", bit)] = i>>bit&1 == 1
			}
			if answer := post(t, url, map[string]any{"query": fanOut(i/64, 5, 6), "variables": variables}); !strings.Contains(answer, `"all":`) {
				t.Fatalf("got %s, want data", answer)
			}
		},
		"long documents": func(t *testing.T, url string, i int) {
			post(t, url, map[string]any{"query": fmt.Sprintf("{ a%d: hello } #%s", i, strings.Repeat("x", 200_000))})
		},
		"short documents": func(t *testing.T, url string, i int) {
			for j := range 60 {
				post(t, url, map[string]any{"query": fmt.Sprintf("{ a%d_%d: hello }", i, j)})
			}
		},
		"registered documents": func(t *testing.T, url string, i int) {
			registerDocument(t, url, fmt.Sprintf("{ a%d: hello } #%s", i, strings.Repeat("x", 200_000)))
		},
		"many operations in one document": func(t *testing.T, url string, i int) {
			var b strings.Builder
			for j := range 300 {
				fmt.Fprintf(&b, "query A%d { a%d: hello b: user(id: 1) { name friend { name } } } ", j, i/300)
			}
			post(t, url, map[string]any{"query": b.String(), "operationName": fmt.Sprintf("A%d", i%300)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := cyclic(t, func(c *config.Config) {
				c.Caches = config.Caches{Documents: 4 << 20, Plans: 4 << 20, Persisted: 4 << 20}
			})
			post(t, url, map[string]any{"query": "{ hello }"})
			before := heap()
			for i := range 150 {
				send(t, url, i)
			}
			held := heap() - before
			t.Logf("the heap grew by %d bytes", held)
			if bound := 12 << 20; held > bound*5/4 {
				t.Errorf("the heap grew by %d bytes; the caches are bounded by %d", held, bound)
			}
			if held < 1<<20 {
				t.Errorf("the heap grew by only %d bytes: the caches are not full", held)
			}
		})
	}
}

// The weights of cached documents and plans are the memory that they take.
func TestWeightsOfCachesAreTheirMemory(t *testing.T) {
	const operations = 1500
	for name, text := range map[string]func(i int) string{
		"small operations": func(i int) string { return fmt.Sprintf("query Q%d { a%d: hello user(id: 7) { name a b c } }", i, i) },
		"variables": func(i int) string {
			return fmt.Sprintf("query($id%d: ID = 7) { user(id: $id%d) { name friend { a b } } }", i, i)
		},
		"fragments": func(i int) string { return fanOut(i, 3, 1) },
		"a choice by request": func(i int) string {
			return fmt.Sprintf("query($c: Boolean!) { n%d: hello user(id: 7) @include(if: $c) { name a b c d } }", i)
		},
		"introspection": func(i int) string {
			return fmt.Sprintf("{ i%d: __type(name: \"User\") { name fields { name type { name } } } }", i)
		},
		"long texts": func(i int) string { return fmt.Sprintf("{ a%d: hello } #%s", i, strings.Repeat("x", 5000)) },
	} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			_, url := start(t, nil, func(c *config.Config, o *gateway.Options) {
				o.Supergraph, o.Metrics = cyclicSDL, telemetry.New(registry)
				o.Transport = func(*supergraph.Model) (execute.Transport, func(), error) { return greeter{}, func() {}, nil }
				c.Caches = config.Caches{Documents: 512 << 20, Plans: 512 << 20}
			})
			ask := func(i int) {
				post(t, url, map[string]any{"query": text(i), "variables": map[string]any{"c": i%2 == 0}})
			}
			for i := range 10 { // pools and connections
				ask(i)
			}
			weight := func() int {
				got := figures(t, registry)
				return int(got["cache_bytes{document}"] + got["cache_bytes{plan}"])
			}
			heapBefore, weightBefore := heap(), weight()
			for i := range operations {
				ask(10 + i)
			}
			held, weighed := heap()-heapBefore, weight()-weightBefore
			t.Logf("an operation takes %d bytes and weighs %d", held/operations, weighed/operations)
			if held > weighed*11/10 || weighed > held*5/4 {
				t.Errorf("%d operations weigh %d bytes and take %d", operations, weighed, held)
			}
			if n := figures(t, registry)["cache_entries{document}"]; n != operations+10 {
				t.Errorf("%v documents are cached", n)
			}
		})
	}
}

// A hash is registered only if its document is valid.
func TestInvalidDocumentsAreNotRegistered(t *testing.T) {
	url := cyclic(t, nil)
	for text, known := range map[string]bool{"{ hello }": true, "{ nothing }": false, "{ hello": false} {
		hash := registerDocument(t, url, text)
		answer := post(t, url, map[string]any{"extensions": persisted(hash)})
		if strings.Contains(answer, "PERSISTED_QUERY_NOT_FOUND") == known {
			t.Errorf("%s: registered = %t, want %t: %s", text, !known, known, answer)
		}
	}
}

func registerDocument(t *testing.T, url, text string) (hash string) {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	hash = hex.EncodeToString(sum[:])
	post(t, url, map[string]any{"query": text, "extensions": persisted(hash)})
	return hash
}

func persisted(hash string) map[string]any {
	return map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": hash}}
}

func post(t *testing.T, url string, body any) string {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, "POST", url+"/graphql", string(data)).body
}

// cyclicSDL has a type that refers to itself.
var cyclicSDL = strings.Replace(sdl, "type Query @join__type(graph: A) {", `type User @join__type(graph: A) { name: String friend: User a: String b: String c: String d: String e: String f: String g: String }
type Query @join__type(graph: A) { user(id: ID): User `, 1)

// cyclic starts a gateway whose subgraph retains no memory.
func cyclic(t *testing.T, configure func(*config.Config)) (url string) {
	t.Helper()
	_, url = start(t, nil, func(c *config.Config, o *gateway.Options) {
		o.Supergraph = cyclicSDL
		o.Transport = func(*supergraph.Model) (execute.Transport, func(), error) { return greeter{}, func() {}, nil }
		if configure != nil {
			configure(c)
		}
	})
	return url
}

type greeter struct{ *subgraph }

func (greeter) Send(context.Context, *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	return response(`{"data":{"hello":"hi"}}`), nil
}

func heap() int {
	runtime.GC()
	runtime.GC() // pools retain their contents for one collection
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
