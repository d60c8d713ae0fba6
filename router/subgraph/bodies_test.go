package subgraph_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

// A framing is a way to mark the end of a body.
type framing struct {
	name string
	// write sends the body, or only its first n bytes.
	write func(w http.ResponseWriter, body string, part int)
}

var framings = []framing{
	{name: "length", write: func(w http.ResponseWriter, body string, part int) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		answer(w, 200, "application/json", body[:part])
	}},
	{name: "chunked", write: func(w http.ResponseWriter, body string, part int) {
		answer(w, 200, "application/json", body[:part/2])
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, body[part/2:part])
	}},
	{name: "to the end of the connection", write: func(w http.ResponseWriter, body string, part int) {
		// HTTP/2 has no such framing: the stream ends.
		w.Header().Set("Connection", "close")
		w.Header().Set("Transfer-Encoding", "identity")
		answer(w, 200, "application/json", body[:part])
	}},
	{name: "informational responses", write: func(w http.ResponseWriter, body string, part int) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		answer(w, 200, "application/json", body[:part])
	}},
	{name: "trailers", write: func(w http.ResponseWriter, body string, part int) {
		w.Header().Set("Trailer", "Server-Timing")
		answer(w, 200, "application/json", body[:part])
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("Server-Timing", "total;dur=1")
		w.Header().Set(http.TrailerPrefix+"X-Checksum", "1")
	}},
}

// A complete response is read unchanged and once, with every framing, and the
// connection can be reused.
func TestBodiesAreReadWhole(t *testing.T) {
	overEachTransport(t, func(t *testing.T, over transportKind) {
		for _, f := range framings {
			t.Run(f.name, func(t *testing.T) {
				var requests atomic.Int32
				tr := over.transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
					requests.Add(1)
					size, _ := io.ReadAll(r.Body)
					n, _ := strconv.Atoi(string(size))
					f.write(w, strings.Repeat("x", n), n)
				})
				sent := int32(0)
				for _, size := range []int{0, 18, 511, 512, 513, 16 << 10, 200_000} {
					for _, kind := range []operation.Kind{operation.Query, operation.Query, operation.Mutation, operation.Mutation} {
						resp, err := tr.Send(t.Context(), request(kind, strconv.Itoa(size)))
						if err != nil {
							t.Fatalf("%d bytes: got error %v", size, err)
						}
						if string(resp.Body.B) != strings.Repeat("x", size) {
							t.Errorf("got %d bytes, want %d", len(resp.Body.B), size)
						}
						resp.Body.Release()
						if sent++; requests.Load() != sent {
							t.Errorf("got %d requests for %d responses", requests.Load(), sent)
						}
					}
				}
			})
		}
	})
}

// A truncated response is an error. A mutation is not retried.
func TestTruncatedBodiesAreErrors(t *testing.T) {
	overEachTransport(t, func(t *testing.T, over transportKind) {
		for _, f := range framings {
			if f.name == "to the end of the connection" {
				continue // the end of the body cannot be detected; the JSON is incomplete
			}
			t.Run(f.name, func(t *testing.T) {
				var requests atomic.Int32
				tr := over.transport(t, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 3}}, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
					requests.Add(1)
					part, _ := io.ReadAll(r.Body)
					n, _ := strconv.Atoi(string(part))
					f.write(w, strings.Repeat("x", 18), n)
					_ = http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				})
				for i, part := range []int{0, 1, 17} {
					resp, err := tr.Send(t.Context(), request(operation.Mutation, strconv.Itoa(part)))
					var e *execute.TransportError
					if want := fmt.Sprintf("ended its response early, after %d bytes", part); !errors.As(err, &e) || e.Code != execute.CodeHTTP || e.Message != want {
						t.Errorf("got %+v, err %v, want %q", resp, err, want)
					}
					if n := int(requests.Load()); n != i+1 {
						t.Errorf("got %d requests for %d mutations", n, i+1)
					}
				}
			})
		}
	})
}
