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

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
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
			if bound := 12 << 20; held > 2*bound {
				t.Errorf("the heap grew by %d bytes; the caches are bounded by %d", held, bound)
			}
			if held < 1<<20 {
				t.Errorf("the heap grew by only %d bytes: the caches are not full", held)
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
