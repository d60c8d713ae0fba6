package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// cold returns a function that sends an operation, the text of which depends on a number, to a gateway
// whose caches are full of others.
func cold(t testing.TB, body func(i int) string) func() {
	t.Helper()
	o := gateway.Options{Supergraph: sdl, Transport: func(*supergraph.Model) (execute.Transport, func(), error) { return quick{}, func() {}, nil }}
	gw, err := gateway.New(t.Context(), config.Default(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gw.Close)
	handler := gw.Handler()
	w := &sink{header: http.Header{}}
	n := 0
	return func() {
		n++
		text := body(n)
		r, err := http.NewRequestWithContext(t.Context(), "POST", "/graphql", io.NopCloser(bytes.NewReader([]byte(text))))
		if err != nil {
			t.Fatal(err)
		}
		r.Header, r.ContentLength = http.Header{"Content-Type": {"application/json"}}, int64(len(text))
		clear(w.header)
		if handler.ServeHTTP(w, r); w.status != 200 {
			t.Fatalf("%s: got status %d", text, w.status)
		}
	}
}

// distinct and alike are operations that differ in a name, and in a literal.
func distinct(i int) string {
	return fmt.Sprintf(`{"query":"query Hello%d { a%d: hello(name: \"x\") b: hello(name: \"y\") c: hello(name: \"z\") }"}`, i, i)
}

func alike(i int) string {
	return fmt.Sprintf(`{"query":"query Hello { a: hello(name: \"x%d\") b: hello(name: \"y\") c: hello(name: \"z\") }"}`, i)
}

// BenchmarkColdRequest measures operations that differ from all before.
func BenchmarkColdRequest(b *testing.B) {
	for name, body := range map[string]func(int) string{"distinct": distinct, "literals": alike} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			send := cold(b, body)
			for b.Loop() {
				send()
			}
		})
	}
}
