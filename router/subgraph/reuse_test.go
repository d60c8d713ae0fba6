package subgraph_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"souk/router/operation"
	"souk/router/subgraph"
)

// own returns a response that contains the request's body.
func own(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// ask sends a request and fails if the response belongs to another one.
func ask(t *testing.T, tr *subgraph.Transport, kind operation.Kind, body string) {
	t.Helper()
	resp, err := tr.Send(t.Context(), request(kind, body))
	if err != nil {
		t.Fatalf("%s: got error %v", body, err)
	}
	defer resp.Body.Release()
	if string(resp.Body.B) != body {
		t.Fatalf("%s: got response %s", body, resp.Body.B)
	}
}

// Bytes that a subgraph sends after a response, with it or later, never become the
// response to another request.
func TestUnsolicitedBytesAreNoResponse(t *testing.T) { overHTTP1(t, testUnaskedBytes) }

func testUnaskedBytes(t *testing.T, over transportKind) {
	duplicate := own(`{"data":"duplicate"}`)
	tests := []struct {
		name       string
		with, late string // sent with the response, and after it was received
	}{
		{name: "a late duplicate", late: duplicate},
		{name: "a pipelined response", with: duplicate},
		{name: "two pipelined responses", with: duplicate + duplicate, late: duplicate},
		{name: "a late 408", late: "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{name: "a late line break", late: "\r\n"},
		{name: "a late informational response", late: "HTTP/1.1 102 Processing\r\n\r\n"},
	}
	for _, test := range tests {
		for _, kind := range []operation.Kind{operation.Query, operation.Mutation} {
			t.Run(test.name+" "+kind.String(), func(t *testing.T) { unsolicited(t, over, kind, test.with, test.late) })
		}
	}
}

// The same holds for a duplicate of which any part arrived with the response before.
func TestDuplicateResponseSplitAtEveryByteIsDropped(t *testing.T) {
	duplicate := own(`{"data":"duplicate"}`)
	for i := range len(duplicate) {
		unsolicited(t, transportKinds[0], operation.Query, duplicate[:i], duplicate[i:])
	}
}

// unsolicited sends two requests; unsolicited bytes follow the first response.
func unsolicited(t *testing.T, over transportKind, kind operation.Kind, with, late string) {
	var mu sync.Mutex
	var last *net.TCPConn
	send := make(chan struct{})
	s := subgraph.Subgraph{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		mu.Lock()
		defer mu.Unlock()
		last, _ = conn.(*net.TCPConn)
		return conn, err
	}}
	var requests atomic.Int32
	tr := over.serve(t, s, func(conn net.Conn, r *bufio.Reader) {
		for {
			_, body, err := readRequest(r)
			if err != nil {
				return
			}
			if requests.Add(1) > 1 {
				_, _ = io.WriteString(conn, own(body))
				continue
			}
			_, _ = io.WriteString(conn, own(body)+with)
			<-send
			_, _ = io.WriteString(conn, late)
		}
	})
	ask(t, tr, kind, `{"data":"first"}`)
	mu.Lock()
	conn := last
	mu.Unlock()
	close(send)
	if late != "" {
		await(t, func() bool { return arrived(conn) })
	}
	ask(t, tr, kind, `{"data":"second"}`)
	ask(t, tr, kind, `{"data":"third"}`)
}

// await waits until a condition holds.
func await(t *testing.T, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !reached(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the condition did not become true")
		}
	}
}

// The response to a cancelled request is dropped, whenever it arrives.
func TestResponseToCancelledRequestIsDropped(t *testing.T) {
	overEachTransport(t, func(t *testing.T, over transportKind) {
		arrived, release := make(chan struct{}), make(chan struct{})
		tr := over.transport(t, subgraph.Subgraph{MaxConnections: 1}, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if string(body) == `{"data":"cancelled"}` {
				close(arrived)
				<-release
			}
			answer(w, 200, "application/json", string(body))
		})
		ask(t, tr, operation.Query, `{"data":"before"}`)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		if _, err := tr.Send(ctx, request(operation.Query, `{"data":"cancelled"}`)); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
		close(release)
		for range 10 {
			ask(t, tr, operation.Query, `{"data":"after"}`)
		}
	})
}

// fragments is a connection that returns what it reads in pieces: a first one of a
// given size, and then single bytes or the rest.
type fragments struct {
	net.Conn
	first int
	bytes bool
}

func (f *fragments) Read(b []byte) (int, error) {
	switch {
	case f.first > 0:
		b = b[:min(len(b), f.first)]
	case f.bytes:
		b = b[:min(len(b), 1)]
	}
	n, err := f.Conn.Read(b)
	f.first -= n
	return n, err
}

func fragmented(first int, bytes bool) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &fragments{Conn: conn, first: first, bytes: bytes}, nil
	}
}

// A response is the same wherever it is split.
func TestResponseSplitAtEveryByteIsRead(t *testing.T) {
	const body = `{"data":"whole"}`
	answers := map[string]string{
		"length":  "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + own(body),
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"data\":\r\n8\r\n\"whole\"}\r\n0\r\nTrailer: x\r\n\r\n",
		"to end":  "HTTP/1.0 200 OK\r\nX: folded\r\n  line\r\n\r\n" + body,
	}
	for name, text := range answers {
		for _, over := range transportKinds[:2] {
			t.Run(over.name+" "+name, func(t *testing.T) {
				for i := range len(text) {
					tr, _ := over.wire(t, subgraph.Subgraph{Dial: fragmented(i, false)}, text)
					ask(t, tr, operation.Query, body)
				}
			})
		}
	}
}

func TestResponseIsReadByteByByte(t *testing.T) {
	overEachTransport(t, func(t *testing.T, over transportKind) {
		tr := over.transport(t, subgraph.Subgraph{Dial: fragmented(0, true)}, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			answer(w, 200, "application/json", string(body))
		})
		for range 3 {
			ask(t, tr, operation.Query, `{"data":"whole"}`)
		}
	})
}

// A connection that cannot be checked for unsolicited bytes is used once.
func TestOpaqueConnectionIsUsedOnce(t *testing.T) {
	tr, connections := transportKinds[0].wire(t, subgraph.Subgraph{Dial: fragmented(0, false)}, ok, ok)
	for range 3 {
		ask(t, tr, operation.Query, "{}")
	}
	if got := connections.Load(); got != 3 {
		t.Errorf("got %d connections, want 3", got)
	}
}

// The router closes a connection that the subgraph has closed, without waiting for
// the next request or the idle timeout.
func TestConnectionClosedBySubgraphIsNotKept(t *testing.T) {
	t.Parallel() // it takes as long as the interval of the idle check
	var mu sync.Mutex
	var last *net.TCPConn
	s := subgraph.Subgraph{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		mu.Lock()
		defer mu.Unlock()
		last, _ = conn.(*net.TCPConn)
		return conn, err
	}}
	tr, _ := transportKinds[0].wire(t, s, ok)
	ask(t, tr, operation.Query, "{}")
	await(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		raw, err := last.SyscallConn()
		return err != nil || errors.Is(raw.Control(func(uintptr) {}), net.ErrClosed)
	})
}
