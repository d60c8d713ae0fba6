package http1_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/internal/netlimit"
	"souk/internal/outputtest"
	"souk/router/internal/http1"
)

// A running server is one on a port of this machine.
type running struct {
	*http1.Server
	address string
	ended   chan error // what Serve returns
	states  *states
	log     *outputtest.Buffer
}

// states are the states that ConnState has reported.
type states struct {
	sync.Mutex
	list []http.ConnState
}

func (s *states) add(state http.ConnState) {
	s.Lock()
	defer s.Unlock()
	s.list = append(s.list, state)
}

// clientKey is that of the value that ConnContext adds.
type clientKey struct{}

func run(t testing.TB, h http.HandlerFunc) *running {
	t.Helper()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := netlimit.Wrap(inner, netlimit.Options{WriteTimeout: time.Minute})
	r := &running{address: l.Addr().String(), ended: make(chan error, 1), states: new(states), log: new(outputtest.Buffer)}
	standard := &http.Server{
		Handler: h, ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute, ErrorLog: log.New(r.log, "", 0),
		ConnState: func(c net.Conn, state http.ConnState) {
			l.ConnState(c, state)
			r.states.add(state)
		},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, clientKey{}, c.RemoteAddr().String())
		},
	}
	r.Server = http1.New(standard)
	go func() { r.ended <- r.Serve(l) }()
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// A client is a connection to a server.
type client struct {
	*net.TCPConn
	r *bufio.Reader
}

func (r *running) dial(t testing.TB) *client {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &client{c.(*net.TCPConn), bufio.NewReader(c)}
}

func (c *client) send(t testing.TB, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// receive reads a response.
func (c *client) receive(t testing.TB) (*http.Response, string) {
	t.Helper()
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// TestPipelinedRequestsAreServedInOrder sends requests, with and without bodies, in pieces that do
// not end with them.
func TestPipelinedRequestsAreServedInOrder(t *testing.T) {
	r := run(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.URL.Path+" "+string(body))
	})
	var stream, want []string
	for i, body := range []string{"", "one", strings.Repeat("two ", 5000), "", "four"} {
		path := "/" + string(rune('a'+i))
		stream, want = append(stream, request("POST", path, "", body)), append(want, path+" "+body)
	}
	whole := strings.Join(stream, "")
	for _, size := range []int{1, 7, 100, 5000, len(whole)} {
		c := r.dial(t)
		go func() {
			for part := range slices.Chunk([]byte(whole), size) {
				_, _ = c.Write(part)
			}
		}()
		for _, text := range want {
			if _, body := c.receive(t); body != text {
				t.Fatalf("in parts of %d: got %.50q, want %.50q", size, body, text)
			}
		}
	}
}

// TestDisconnectCancelsTheRequest checks all ways in which a client leaves.
func TestDisconnectCancelsTheRequest(t *testing.T) {
	for _, c := range []struct {
		name   string
		leave  func(*client) error
		before string // sent before the request
	}{
		{name: "close", leave: (*client).Close},
		{name: "half close", leave: (*client).CloseWrite},
		{name: "reset", leave: func(c *client) error { return errors.Join(c.SetLinger(0), c.Close()) }},
		{name: "close in the second request", leave: (*client).Close, before: request("GET", "/first", "", "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			entered, cancelled := make(chan struct{}), make(chan error, 1)
			r := run(t, func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/first" {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				close(entered)
				<-r.Context().Done()
				cancelled <- context.Cause(r.Context())
			})
			client := r.dial(t)
			client.send(t, c.before+request("POST", "/wait", "", "body"))
			<-entered
			if err := c.leave(client); err != nil {
				t.Fatal(err)
			}
			if err := <-cancelled; !errors.Is(err, context.Canceled) {
				t.Errorf("the cause is %v", err)
			}
		})
	}
}

// TestPipeliningDoesNotCancel checks that bytes that wait to be read are no disconnection, even if
// the client has nothing to send after them.
func TestPipeliningDoesNotCancel(t *testing.T) {
	entered, proceed := make(chan struct{}), make(chan struct{})
	r := run(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			entered <- struct{}{}
			<-proceed
		}
		if err := r.Context().Err(); err != nil && r.URL.Path == "/first" {
			_, _ = io.WriteString(w, err.Error())
			return
		}
		_, _ = io.WriteString(w, r.URL.Path)
	})
	c := r.dial(t)
	c.send(t, request("GET", "/first", "", ""))
	<-entered
	c.send(t, request("GET", "/second", "", ""))
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	close(proceed)
	for _, want := range []string{"/first", "/second"} {
		if _, body := c.receive(t); body != want {
			t.Errorf("got %q, want %q", body, want)
		}
	}
}

func TestContextEndsWithTheRequest(t *testing.T) {
	contexts := make(chan context.Context, 1)
	r := run(t, func(_ http.ResponseWriter, r *http.Request) { contexts <- r.Context() })
	c := r.dial(t)
	c.send(t, request("GET", "/", "", ""))
	ctx := <-contexts
	<-ctx.Done()
	if _, ok := ctx.Value(http.ServerContextKey).(*http.Server); !ok {
		t.Error("the context has no server")
	}
	if a, ok := ctx.Value(http.LocalAddrContextKey).(net.Addr); !ok || a.String() != r.address {
		t.Errorf("the context has the local address %v", a)
	}
}

// Both servers call ConnContext for their connections.
func TestConnectionsHaveTheirContext(t *testing.T) {
	r := run(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Context().Value(clientKey{}).(string))
	})
	c := r.dial(t)
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", // by net/http
	} {
		c.send(t, request)
		if _, got := c.receive(t); got != c.LocalAddr().String() {
			t.Errorf("got the client %q, want %s", got, c.LocalAddr())
		}
	}
}

// runWaiting serves requests of which the one for /wait closes entered, and waits for proceed.
func runWaiting(t *testing.T) (r *running, entered, proceed chan struct{}) {
	t.Helper()
	entered, proceed = make(chan struct{}), make(chan struct{})
	r = run(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			close(entered)
			<-proceed
		}
		_, _ = io.WriteString(w, "done")
	})
	return r, entered, proceed
}

// TestShutdownWaitsForRequests checks that idle connections end at once, and those in use with their
// requests.
func TestShutdownWaitsForRequests(t *testing.T) {
	r, entered, proceed := runWaiting(t)
	unused, busy := r.dial(t), r.dial(t)
	unused.send(t, request("GET", "/", "", ""))
	unused.receive(t)
	busy.send(t, request("GET", "/wait", "", ""))
	<-entered
	ended := make(chan error, 1)
	go func() { ended <- r.Shutdown(t.Context()) }()
	if _, err := unused.r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection got %v", err)
	}
	if err := <-r.ended; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve returned %v", err)
	}
	select {
	case err := <-ended:
		t.Fatalf("the shutdown ended before the request: %v", err)
	default:
	}
	close(proceed)
	if response, body := busy.receive(t); body != "done" || !response.Close {
		t.Errorf("the request got %q, close %t", body, response.Close)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if c, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.address); err == nil {
		_ = c.Close()
		t.Error("a connection was accepted after the shutdown")
	}
}

// TestShutdownEndsWithItsContext checks that it does not wait for ever, and that Close then cancels
// what is left.
func TestShutdownEndsWithItsContext(t *testing.T) {
	entered, cancelled := make(chan struct{}), make(chan struct{})
	r := run(t, func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(cancelled)
	})
	c := r.dial(t)
	c.send(t, request("GET", "/", "", ""))
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown returned %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.r.ReadByte(); err == nil {
		t.Error("the connection is open")
	}
	_ = c.Close()
	<-cancelled
}

// TestShutdownIncludesNetHTTP checks that connections that net/http serves are drained, too.
func TestShutdownIncludesNetHTTP(t *testing.T) {
	entered, proceed := make(chan struct{}), make(chan struct{})
	r := run(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			close(entered)
			<-proceed
		}
		_, _ = io.WriteString(w, "done")
	})
	const chunked = " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	// Two idle connections of net/http. Their end tells that its shutdown has begun.
	first, later := r.dial(t), r.dial(t)
	later.send(t, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	later.receive(t)
	for _, c := range []*client{first, later} {
		c.send(t, "POST /"+chunked)
		c.receive(t)
	}
	c := r.dial(t)
	c.send(t, "POST /wait"+chunked)
	<-entered
	ended := make(chan error, 1)
	go func() { ended <- r.Shutdown(t.Context()) }()
	<-r.ended
	for _, c := range []*client{first, later} {
		if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("an idle connection ended with %v", err)
		}
	}
	close(proceed)
	if response, body := c.receive(t); body != "done" || !response.Close {
		t.Errorf("the request got %q, close %t", body, response.Close)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestHijackersGetWhatHasArrived checks that no byte is lost, and that the connection is no longer
// the server's.
func TestHijackersGetWhatHasArrived(t *testing.T) {
	r := run(t, func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if rw.Reader.Buffered() == 0 {
			t.Error("the reader has no bytes")
		}
		if _, err := w.Write([]byte("a")); !errors.Is(err, http.ErrHijacked) {
			t.Errorf("Write returned %v", err)
		}
		if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, http.ErrHijacked) {
			t.Errorf("the second Hijack returned %v", err)
		}
		go func() { // after the handler has returned
			defer c.Close()
			line, _ := rw.ReadString('\n')
			_, _ = io.WriteString(c, "echo "+line)
		}()
	})
	c := r.dial(t)
	c.send(t, request("GET", "/", "", "")+"hel")
	if err := r.waitFor(t, http.StateHijacked); err != nil {
		t.Fatal(err)
	}
	if err := r.Shutdown(t.Context()); err != nil { // it does not wait for hijacked connections
		t.Fatal(err)
	}
	c.send(t, "lo\n")
	if got, err := io.ReadAll(c.r); err != nil || string(got) != "echo hello\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

// waitFor waits until a state has been reported.
func (r *running) waitFor(t testing.TB, state http.ConnState) error {
	t.Helper()
	for {
		r.states.Lock()
		found := slices.Contains(r.states.list, state)
		r.states.Unlock()
		if found {
			return nil
		}
		select {
		case <-t.Context().Done():
			return t.Context().Err()
		case <-time.After(time.Millisecond):
		}
	}
}

func TestStatesAreReported(t *testing.T) {
	r := run(t, func(http.ResponseWriter, *http.Request) {})
	c := r.dial(t)
	for range 2 {
		c.send(t, request("GET", "/", "", ""))
		c.receive(t)
	}
	_ = c.Close()
	if err := r.waitFor(t, http.StateClosed); err != nil {
		t.Fatal(err)
	}
	want := []http.ConnState{http.StateNew, http.StateActive, http.StateIdle, http.StateActive, http.StateIdle, http.StateClosed}
	r.states.Lock()
	defer r.states.Unlock()
	if !slices.Equal(r.states.list, want) {
		t.Errorf("got %v, want %v", r.states.list, want)
	}
}

// TestPanicsEndTheConnection checks that a panic is logged, except http.ErrAbortHandler, and ends
// only its connection.
func TestPanicsEndTheConnection(t *testing.T) {
	r := run(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/panic":
			panic("a bug")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
	})
	for _, path := range []string{"/panic", "/abort"} {
		c := r.dial(t)
		c.send(t, request("GET", path, "", ""))
		if got, err := io.ReadAll(c.r); err != nil || len(got) > 0 {
			t.Errorf("%s: got %q, %v", path, got, err)
		}
	}
	c := r.dial(t)
	c.send(t, request("GET", "/", "", ""))
	c.receive(t)
	if text := r.log.String(); strings.Count(text, "panic serving") != 1 || !strings.Contains(text, "a bug") {
		t.Errorf("the log has %s", text)
	}
}

// TestDeadlinesOfHandlers checks that a handler can end the wait for a body, and that its deadline
// does not outlast the request.
func TestDeadlinesOfHandlers(t *testing.T) {
	r := run(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if r.URL.Path == "/late" {
			if err := control.SetReadDeadline(time.Unix(1, 0)); err != nil {
				t.Error(err)
			}
		}
		_, err := io.ReadAll(r.Body)
		var failed net.Error
		if late := errors.As(err, &failed) && failed.Timeout(); late != (r.URL.Path == "/late" && r.ContentLength > 4) {
			t.Errorf("reading the body of %s returned %v", r.URL, err)
		}
		if err := control.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
	})
	c := r.dial(t)
	c.send(t, request("POST", "/late", "", "body")) // it has arrived with the head
	c.receive(t)
	c.send(t, request("POST", "/", "", strings.Repeat("a", 100_000)))
	c.receive(t)
	c.send(t, "POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nbody")
	if response, _ := c.receive(t); !response.Close {
		t.Error("the connection remains open")
	}
}

// TestInvalidLengthsAreReplaced checks the response of a handler with an invalid Content-Length.
func TestInvalidLengthsAreReplaced(t *testing.T) {
	r := run(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "many")
		_, _ = io.WriteString(w, "text")
	})
	c := r.dial(t)
	c.send(t, request("GET", "/", "", ""))
	if response, body := c.receive(t); body != "text" || response.ContentLength != 4 {
		t.Errorf("got %q of length %d", body, response.ContentLength)
	}
	if text := r.log.String(); !strings.Contains(text, `invalid Content-Length of "many"`) {
		t.Errorf("the log has %s", text)
	}
}

// TestAllocations bounds the allocations of a request.
func TestAllocations(t *testing.T) {
	length := []string{"2"}
	text := []string{"text/plain"}
	r := run(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Length"], w.Header()["Content-Type"] = length, text
		_, _ = io.WriteString(w, "ok")
	})
	c := r.dial(t)
	send := []byte(request("POST", "/", "Content-Type: application/json\r\nAccept: */*\r\n", `{"query":"{a}"}`))
	got := make([]byte, 4096)
	allocations := testing.AllocsPerRun(200, func() {
		if _, err := c.Write(send); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(got); err != nil || !bytes.HasSuffix(got[:n], []byte("ok")) {
			t.Fatalf("got %q, %v", got[:n], err)
		}
	})
	if allocations > maxAllocations {
		t.Errorf("a request allocates %v times, at most %d are allowed", allocations, maxAllocations)
	}
	t.Logf("%v allocations", allocations)
}

const maxAllocations = 10
