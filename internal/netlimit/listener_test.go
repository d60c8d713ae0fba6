package netlimit_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"souk/internal/netlimit"
)

// serve runs a server with a Listener.
func serve(t *testing.T, o netlimit.Options, h http.HandlerFunc) *netlimit.Listener {
	t.Helper()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := netlimit.Wrap(inner, o)
	server := &http.Server{Handler: h, ConnState: l.ConnState, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return l
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

func get(t *testing.T, c net.Conn) (string, error) {
	t.Helper()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// TestIdleConnectionsMakeRoom checks that new clients are always served, because the
// connections that have been idle longest are closed.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	reasons := make(chan netlimit.Reason, 100)
	l := serve(t, netlimit.Options{MaxConnections: 3, Closed: func(r netlimit.Reason, _ net.Addr) { reasons <- r }},
		func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	for range 20 {
		dial(t, l) // never sends anything
	}
	for i := range 10 {
		if body, err := get(t, dial(t, l)); body != "ok" {
			t.Fatalf("client %d: %q, %v", i, body, err)
		}
	}
	if n := l.Len(); n != 3 {
		t.Errorf("%d connections are open", n)
	}
	if r := <-reasons; r != netlimit.Idle {
		t.Errorf("closed as %s", r)
	}
}

// isServed reports whether a new connection is served and not reset.
func isServed(t *testing.T, l net.Listener) bool {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		return false
	}
	defer c.Close()
	body, _ := get(t, c)
	return body == "ok"
}

// TestConnectionsAboveTheRateAreReset checks that a client that opens connections too fast
// is cut off, unless it is exempt.
func TestConnectionsAboveTheRateAreReset(t *testing.T) {
	for _, c := range []struct {
		name   string
		exempt bool
	}{
		{name: "client"},
		{name: "exempt proxy", exempt: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			const most = 1000
			reasons := make(chan netlimit.Reason, most)
			l := serve(t, netlimit.Options{
				ConnectionRate: 1, Exempt: func(a netip.Addr) bool { return c.exempt && a.IsLoopback() },
				Closed: func(r netlimit.Reason, _ net.Addr) { reasons <- r },
			}, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
			served := 0
			for served < most {
				if !isServed(t, l) {
					break
				}
				served++
			}
			if c.exempt {
				if served != most {
					t.Errorf("%d of %d connections were served", served, most)
				}
				return
			}
			if served == 0 || served == most {
				t.Fatalf("%d of %d connections were served, want some", served, most)
			}
			if r := <-reasons; r != netlimit.Rate {
				t.Errorf("closed as %s, want %s", r, netlimit.Rate)
			}
		})
	}
}

func TestBusyConnectionsAreNotClosed(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	defer end()
	busy := make(chan struct{})
	l := serve(t, netlimit.Options{MaxConnections: 2}, func(w http.ResponseWriter, _ *http.Request) {
		busy <- struct{}{}
		<-ctx.Done()
		_, _ = io.WriteString(w, "late")
	})
	answers := make(chan string, 2)
	for range 2 {
		c := dial(t, l)
		go func() {
			body, err := get(t, c)
			answers <- fmt.Sprint(body, err)
		}()
		<-busy
	}
	if body, err := get(t, dial(t, l)); err == nil {
		t.Errorf("a third client received %q", body)
	}
	end()
	for range 2 {
		if got := <-answers; got != "late<nil>" {
			t.Errorf("a busy connection got %s", got)
		}
	}
}

// TestStuckConnectionsMakeRoom checks that clients that do not accept their responses
// cannot lock out others.
func TestStuckConnectionsMakeRoom(t *testing.T) {
	var slow atomic.Int32
	begun := make(chan struct{}, 2)
	l := serve(t, netlimit.Options{MaxConnections: 2, Closed: func(r netlimit.Reason, _ net.Addr) {
		if r == netlimit.Slow {
			slow.Add(1)
		}
	}}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/large" {
			begun <- struct{}{}
			_, _ = w.Write(make([]byte, 64<<20))
			return
		}
		_, _ = io.WriteString(w, "ok")
	})
	for range 2 {
		if _, err := io.WriteString(dial(t, l), "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-begun
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if body, _ := get(t, dial(t, l)); body == "ok" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("two clients that do not read keep all others out")
		}
	}
	if slow.Load() == 0 {
		t.Error("none was closed as slow")
	}
}

// TestActiveConnectionsAreSpared checks that a connection that was idle when victims were
// selected, but has sent a request since, is not closed.
func TestActiveConnectionsAreSpared(t *testing.T) {
	l := serve(t, netlimit.Options{MaxConnections: 20}, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	ask := func(c net.Conn) {
		t.Helper()
		if body, err := get(t, c); body != "ok" {
			t.Fatalf("%q, %v", body, err)
		}
	}
	kept := dial(t, l)
	ask(kept) // it is the oldest
	for range 19 {
		ask(dial(t, l))
	}
	ask(dial(t, l)) // kept was closed for it, and others were chosen
	second := dial(t, l)
	for range 50 {
		ask(second)
		ask(dial(t, l))
	}
	if n := l.Len(); n != 20 {
		t.Errorf("%d connections are open", n)
	}
}

// TestWriteFailsWithoutProgress checks the timeout for a client that stops reading.
func TestWriteFailsWithoutProgress(t *testing.T) {
	failed := make(chan error, 1)
	l := serve(t, netlimit.Options{WriteTimeout: 100 * time.Millisecond}, func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 64<<20))
		failed <- err
	})
	c := dial(t, l)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the write ended with %v", err)
	}
}

// TestProgressRenewsTheDeadline checks that a response may take many times the timeout
// if the client never pauses for that long.
func TestProgressRenewsTheDeadline(t *testing.T) {
	const size, timeout = 16 << 20, 2 * time.Second
	begun := time.Now()
	l := serve(t, netlimit.Options{WriteTimeout: timeout}, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) })
	c := dial(t, l)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	read := int64(0)
	for read < size {
		n, err := io.CopyN(io.Discard, response.Body, min(1<<20, size-read))
		if read += n; err != nil {
			t.Fatalf("cut after %d bytes and %s: %v", read, time.Since(begun), err)
		}
		time.Sleep(timeout / 10) // the client's pace, not a wait for anything
	}
}

func TestCloseSlowestFreesItsWrite(t *testing.T) {
	failed := make(chan error, 1)
	l := serve(t, netlimit.Options{WriteTimeout: time.Minute}, func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 64<<20))
		failed <- err
	})
	if l.CloseSlowest() {
		t.Error("a connection was closed although none is writing")
	}
	c := dial(t, l)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); !l.CloseSlowest(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no connection counts as slow")
		}
	}
	if err := <-failed; err == nil {
		t.Error("the write succeeded")
	}
}

// TestConnectionsThatWaitForTheirClientsMakeRoom checks that a connection whose own direction has
// ended is closed before another one is refused.
func TestConnectionsThatWaitForTheirClientsMakeRoom(t *testing.T) {
	taken := make(chan net.Conn, 1)
	l := serve(t, netlimit.Options{MaxConnections: 1}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/end" {
			_, _ = io.WriteString(w, "ok")
			return
		}
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		taken <- c
		if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Error(err)
		}
	})
	c := dial(t, l)
	if _, err := io.WriteString(c, "GET /end HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = (<-taken).Close() }()
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Fatalf("got %q, %v", rest, err)
	}
	if body, err := get(t, dial(t, l)); body != "ok" {
		t.Errorf("another client got %q, %v", body, err)
	}
}
