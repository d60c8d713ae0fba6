package subgraph_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

// wire is a server that reads whole requests and responds to those of each
// connection with the given bytes in turn. It closes a connection for which no
// bytes are left.
func (w transportKind) wire(t testing.TB, s subgraph.Subgraph, answers ...string) (*subgraph.Transport, *atomic.Int32) {
	t.Helper()
	var connections atomic.Int32
	return w.serve(t, s, func(conn net.Conn, r *bufio.Reader) {
		connections.Add(1)
		for _, answer := range answers {
			if _, _, err := readRequest(r); err != nil {
				return
			}
			_, _ = io.WriteString(conn, answer)
		}
	}), &connections
}

const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

func TestResponsesAreReadAsHTTP11(t *testing.T) { overHTTP1(t, testWire) }

func testWire(t *testing.T, over transportKind) {
	const notHTTP = "sent an invalid HTTP response"
	tests := []struct {
		name, answer, want, failure string
		// lenient is set if net/http accepts what RFC 9112 lets a client reject.
		lenient bool
		// untold is set if net/http reports only that the response ended early.
		untold bool
	}{
		{name: "length", answer: ok, want: "{}"},
		{name: "bare line feeds", answer: "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", want: "{}"},
		{name: "early hints", answer: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + ok, want: "{}"},
		{name: "to the end", answer: "HTTP/1.0 200 OK\r\n\r\n{\"data\":1}", want: `{"data":1}`},
		{name: "chunks", answer: "HTTP/1.1 200\r\ntransfer-encoding: Chunked\r\n\r\n1;x=y\r\n{\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n", want: "{}"},
		{name: "no content", answer: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"},
		{name: "equal lengths", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\n{}", want: "{}"},
		{name: "folded", answer: "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length:\r\n\t2\r\n\r\n{}", want: "{}"},
		{name: "long line", answer: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100_000) + "\r\n" + ok[len("HTTP/1.1 200 OK\r\n"):], want: "{}"},
		{name: "long line in a framing header", answer: "HTTP/1.1 200 OK\r\nContent-Length: " + strings.Repeat(" ", 100_000) + "2\r\n\r\n{}", want: "{}"},
		{name: "large head", answer: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Filler: 0123456789\r\n", 10_000) + "Content-Length: 2\r\n\r\n{}", want: "{}"},
		{name: "other lengths", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", failure: notHTTP},
		{name: "negative length", answer: "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", failure: notHTTP},
		{name: "length and chunks", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", failure: notHTTP, lenient: true},
		{name: "chunks in HTTP/1.0", answer: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", failure: notHTTP, lenient: true},
		{name: "other encoding", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n{}", failure: notHTTP},
		{name: "tab in a name", answer: "HTTP/1.1 200 OK\r\nContent-Length\t: 2\r\n\r\n{}", failure: notHTTP},
		{name: "space in a name", answer: "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n{}", failure: notHTTP, lenient: true},
		{name: "control character", answer: "HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 2\r\n\r\n{}", failure: notHTTP},
		{name: "upgrade", answer: "HTTP/1.1 101 Switching Protocols\r\n\r\n", failure: notHTTP},
		{name: "not HTTP", answer: "SSH-2.0-OpenSSH_9.2\r\n", failure: notHTTP},
		{name: "HTTP/2", answer: "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", failure: notHTTP, lenient: true},
		{name: "HTTP/1.x", answer: "HTTP/1.x 200 OK\r\nContent-Length: 2\r\n\r\n{}", failure: notHTTP},
		{name: "endless head", answer: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Filler: 0123456789\r\n", 60_000), failure: notHTTP},
		{name: "endless line", answer: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2<<20), failure: notHTTP},
		{name: "endless hints", answer: strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 30_000), failure: notHTTP},
		{name: "truncated head", answer: "HTTP/1.1 200 OK\r\nContent-Le", failure: "ended its response early, after 0 bytes"},
		{name: "truncated body", answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"a", failure: "ended its response early, after 3 bytes"},
		{name: "truncated chunk", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a", failure: "ended its response early, after 3 bytes"},
		{name: "bare line feed for a trailer", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\n", failure: notHTTP, untold: true},
		{name: "truncated trailer", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nA: b\r\n", failure: "ended its response early, after 0 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr, _ := over.wire(t, subgraph.Subgraph{}, test.answer)
			resp, err := tr.Send(t.Context(), request(operation.Query, `{}`))
			var e *execute.TransportError
			switch {
			case test.failure == "" && err != nil:
				t.Error(err)
			case test.failure == "" && string(resp.Body.B) != test.want:
				t.Errorf("got body %q", resp.Body.B)
			case test.failure == "", test.lenient && !over.direct():
			case !errors.As(err, &e) || e.Code != execute.CodeHTTP || (over.direct() || test.failure == notHTTP && !test.untold) && e.Message != test.failure:
				t.Errorf("got %v, err %v, want %q", resp, err, test.failure)
			}
		})
	}
}

// A connection is reused unless the subgraph asks to close it. One that the
// subgraph has closed in the meantime does not fail a request.
func TestConnectionsAreReused(t *testing.T) { overHTTP1(t, testConnectionReuse) }

func testConnectionReuse(t *testing.T, over transportKind) {
	tests := []struct {
		name        string
		kind        operation.Kind
		answers     []string
		connections int32
	}{
		{name: "kept", kind: operation.Query, answers: []string{ok, ok, ok, ok}, connections: 1},
		{name: "closed by a header", kind: operation.Query, answers: []string{strings.Replace(ok, "Content-Type", "Connection: Close\r\nContent-Type", 1), ok}, connections: 4},
		{name: "closed while idle", kind: operation.Query, answers: []string{ok, ok}, connections: 2},
		{name: "closed while idle", kind: operation.Mutation, answers: []string{ok, ok}, connections: 2},
		{name: "unsolicited response", kind: operation.Query, answers: []string{ok + "HTTP/1.1 200 OK\r\n\r\n", ok}, connections: 4},
	}
	for _, test := range tests {
		t.Run(test.name+" "+test.kind.String(), func(t *testing.T) {
			tr, connections := over.wire(t, subgraph.Subgraph{}, test.answers...)
			for range 4 {
				resp, err := tr.Send(t.Context(), request(test.kind, `{}`))
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Release()
				if test.kind == operation.Mutation {
					// Let the close arrive: there is nothing to wait for.
					time.Sleep(5 * time.Millisecond)
				}
			}
			if got := connections.Load(); got != test.connections {
				t.Errorf("got %d connections, want %d", got, test.connections)
			}
		})
	}
}

// A mutation without a response is not retried.
func TestMutationIsSentOnce(t *testing.T) { overHTTP1(t, testMutationSentOnce) }

func testMutationSentOnce(t *testing.T, over transportKind) {
	tr, connections := over.wire(t, subgraph.Subgraph{}, "")
	if _, err := tr.Send(t.Context(), request(operation.Mutation, `{}`)); err == nil || connections.Load() != 1 {
		t.Errorf("got %d connections, err %v", connections.Load(), err)
	}
}

func TestMaxConnectionsIsNotExceeded(t *testing.T) { overHTTP1(t, testMaxConnections) }

func testMaxConnections(t *testing.T, over transportKind) {
	var now, most atomic.Int32
	release := make(chan struct{})
	tr := over.transport(t, subgraph.Subgraph{MaxConnections: 2}, subgraph.Hooks{}, func(w http.ResponseWriter, _ *http.Request) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		<-release
		now.Add(-1)
		answer(w, 200, "application/json", "{}")
	})
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			resp, err := tr.Send(t.Context(), request(operation.Query, `{}`))
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Release()
		})
	}
	deadline := time.Now().Add(5 * time.Second)
	for now.Load() < 2 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	// A request that stops waiting does not use up a connection.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tr.Send(ctx, request(operation.Query, `{}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	close(release)
	wg.Wait()
	if most.Load() != 2 {
		t.Errorf("got %d connections at once, want 2", most.Load())
	}
}

func TestHeaderInjectionIsRejected(t *testing.T) { overHTTP1(t, testHeaderInjection) }

func testHeaderInjection(t *testing.T, over transportKind) {
	tr, _ := over.wire(t, subgraph.Subgraph{Headers: []subgraph.HeaderRules{{Propagate: []subgraph.Propagation{{From: "X"}}}}}, ok)
	r := request(operation.Query, `{}`)
	r.Header = http.Header{"X": {"a\r\nAuthorization: b"}}
	if resp, err := tr.Send(t.Context(), r); err == nil {
		t.Errorf("got response %v, want an error", resp)
	}
}

func TestCacheHeadersAreReturned(t *testing.T) { overHTTP1(t, testCacheControlHeader) }

func testCacheControlHeader(t *testing.T, over transportKind) {
	tr, _ := over.wire(t, subgraph.Subgraph{}, strings.Replace(ok, "Content-Type", "cache-control: max-age=60\r\nAGE: 7\r\nvary: Authorization\r\nContent-Type", 1))
	resp, err := tr.Send(t.Context(), request(operation.Query, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	if resp.Header.Get("Cache-Control") != "max-age=60" || resp.Header.Get("Age") != "7" || resp.Header.Get("Vary") != "Authorization" {
		t.Errorf("got headers %v", resp.Header)
	}
}

// FuzzWire sends arbitrary bytes to the client as a response. The client agrees
// with net/http on their meaning, does not panic, and does not wait for more than
// is announced.
func FuzzWire(f *testing.F) {
	f.Add([]byte(ok))
	f.Add([]byte("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nA: b\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nAge: 1\r\nPragma: no-cache\r\nX: a\r\n b\r\nContent-Type: application/json\r\n\r\n{}"))
	f.Add([]byte("HTTP/1.0 204 No Content\nConnection: close\nCache-Control: max-age=1\nCache-Control: private\n\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length\t: 2\r\n\r\n{}"))
	f.Fuzz(func(t *testing.T, bytes []byte) {
		tr := scriptedTransport(t, bytes)
		defer tr.Close()
		want := oracle(bytes)
		for range 2 {
			got, err := tr.Send(context.Background(), request(operation.Query, `{}`))
			if errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			want.compare(t, got, err)
			if err == nil {
				got.Body.Release()
			}
		}
	})
}

// scriptedLimit is the largest body that a scriptedTransport accepts.
const scriptedLimit = 1 << 10

// scriptedTransport makes a Transport to a subgraph that sends the same bytes on
// each connection.
func scriptedTransport(t testing.TB, bytes []byte) *subgraph.Transport {
	tr, err := subgraph.New(subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{"a": {
		URL: "http://a/", MaxResponseBytes: scriptedLimit, Timeout: time.Minute, // none ends so, even on a busy machine
		Dial: func(context.Context, string, string) (net.Conn, error) { return &scripted{in: bytes}, nil },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// scripted is a connection that returns bytes and then EOF.
type scripted struct {
	net.Conn
	in []byte
}

func (c *scripted) Read(b []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.in)
	c.in = c.in[n:]
	return n, nil
}

func (c *scripted) Write(b []byte) (int, error)   { return len(b), nil }
func (c *scripted) Close() error                  { return nil }
func (c *scripted) SetDeadline(_ time.Time) error { return nil }

func (c *scripted) SetReadDeadline(_ time.Time) error { return nil }

func (c *scripted) SetWriteDeadline(_ time.Time) error { return nil }
