package gateway_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// A sink discards a response.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

// warm returns a function that repeats one request, after the first, to a
// gateway whose subgraph costs almost nothing.
func warm(t testing.TB, body string) func() int {
	t.Helper()
	o := gateway.Options{Supergraph: sdl, Transport: func(*supergraph.Model) (execute.Transport, func(), error) { return quick{}, func() {}, nil }}
	return warmWith(t, config.Default(), o, body)
}

// warmWith is like warm, for a gateway with a configuration and options.
func warmWith(t testing.TB, c config.Config, o gateway.Options, body string) func() int {
	t.Helper()
	gw, err := gateway.New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gw.Close)
	r, err := http.NewRequestWithContext(t.Context(), "POST", "/graphql", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"*/*"}, "User-Agent": {"test"}}
	r.ContentLength = int64(len(body))
	reader := bytes.NewReader(nil)
	closer := io.NopCloser(reader)
	w := &sink{header: http.Header{}}
	handler := gw.Handler()
	send := func() int {
		reader.Reset([]byte(body))
		clear(w.header)
		r.Body = closer // the gateway wraps it in a limit
		handler.ServeHTTP(w, r)
		return w.status
	}
	if send() != 200 {
		t.Fatalf("first request: got status %d", w.status)
	}
	return send
}

// quick returns a constant response.
type quick struct{ *subgraph }

var answerOfQuick = response(`{"data":{"hello":"hi"}}`)

func (quick) Send(_ context.Context, _ *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	answerOfQuick.Body.Retain()
	return answerOfQuick, nil
}

func BenchmarkWarmRequest(b *testing.B) {
	send := warm(b, `{"query":"query Hello($name: String) { hello(name: $name) }","variables":{"name":"x"}}`)
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
}
