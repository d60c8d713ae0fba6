package accesslog

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"souk/internal/lines"
)

func BenchmarkMiddleware(b *testing.B) {
	w := lines.New(lines.Options{To: io.Discard, Dropped: func() {}})
	l := New(Options{Config: defaults(), Output: w, Skip: func(string) bool { return false }, Address: func(*http.Request) netip.Addr { return netip.Addr{} }})
	h := l.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { l.Report(r.Context(), ended("http", "Cart")) }))
	res, req := httptest.NewRecorder(), httptest.NewRequest("POST", "/graphql", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(res, req)
	}
	_ = w.Close()
}
