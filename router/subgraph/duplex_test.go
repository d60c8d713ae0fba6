package subgraph_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

// large is a request that does not fit in the socket buffers.
var large = `{"query":"` + strings.Repeat("x", 8<<20) + `"}`

// A subgraph may reject a request before reading it. Its status is reported.
func TestEarlyErrorResponseKeepsItsStatus(t *testing.T) {
	overEachTransport(t, func(t *testing.T, over transportKind) {
		for _, body := range []string{"", "too large", `{"message":"too large"}`} {
			tr := over.transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, func(w http.ResponseWriter, _ *http.Request) {
				answer(w, http.StatusRequestEntityTooLarge, "text/plain", body)
			})
			resp, err := tr.Send(t.Context(), request(operation.Mutation, large))
			var e *execute.TransportError
			if !errors.As(err, &e) || e.Status != http.StatusRequestEntityTooLarge || e.Message != "responded with status 413" {
				t.Errorf("got %+v, err %v", resp, err)
			}
		}
	})
}

// The same holds if the subgraph closes the connection at once, which resets it
// because it has not read the request.
func TestResponseBeforeResetIsRead(t *testing.T) {
	tr := transportKinds[0].serve(t, subgraph.Subgraph{}, func(conn net.Conn, r *bufio.Reader) {
		_, _ = r.Peek(1)
		_, _ = io.WriteString(conn, "HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"errors\":[{\"message\":\"no\"}]}")
	})
	resp, err := tr.Send(t.Context(), request(operation.Mutation, large))
	var e *execute.TransportError
	switch {
	case err == nil:
		if resp.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("got status %d", resp.Status)
		}
	// The body has no length, so the reset may end it.
	case !errors.As(err, &e) || !strings.HasPrefix(e.Message, "ended its response early"):
		t.Error(err)
	}
}

// A subgraph may stream its response while it reads: neither side waits for the
// other to finish.
func TestResponseIsReadWhileTheRequestIsSent(t *testing.T) {
	overEachTransport(t, func(t *testing.T, over transportKind) {
		tr := over.transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
			control := http.NewResponseController(w)
			if err := control.EnableFullDuplex(); err != nil && r.ProtoMajor == 1 {
				t.Error(err)
			}
			w.Header().Set("Content-Type", "application/json")
			_ = control.Flush()
			_, _ = io.Copy(w, r.Body)
		})
		for _, kind := range []operation.Kind{operation.Query, operation.Mutation} {
			ask(t, tr, kind, large)
			ask(t, tr, kind, `{"query":"small"}`)
		}
	})
}

// A complete response to a request that was not read is valid. The connection is
// not reused: the rest of the request would be read as another request.
func TestResponseBeforeRequestIsReadClosesTheConnection(t *testing.T) {
	done := make(chan struct{})
	defer close(done)
	tr := transportKinds[0].serve(t, subgraph.Subgraph{}, func(conn net.Conn, r *bufio.Reader) {
		_, _ = r.Peek(1)
		_, _ = io.WriteString(conn, own(`{"data":"early"}`))
		<-done
	})
	for range 2 {
		resp, err := tr.Send(t.Context(), request(operation.Mutation, large))
		if err != nil {
			t.Fatal(err)
		}
		if string(resp.Body.B) != `{"data":"early"}` {
			t.Errorf("got %s", resp.Body.B)
		}
		resp.Body.Release()
	}
}

// A request to a subgraph that neither reads nor responds times out.
func TestUnreadRequestTimesOut(t *testing.T) {
	done := make(chan struct{})
	defer close(done)
	tr := transportKinds[0].serve(t, subgraph.Subgraph{Timeout: 50 * time.Millisecond}, func(net.Conn, *bufio.Reader) { <-done })
	_, err := tr.Send(t.Context(), request(operation.Query, large))
	var e *execute.TransportError
	if !errors.As(err, &e) || e.Code != execute.CodeTimeout {
		t.Errorf("err = %v", err)
	}
}
