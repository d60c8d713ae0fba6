//go:build unix

package rawsocket_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"souk/internal/rawsocket"
)

// pair returns both ends of a connection.
func pair(t *testing.T, network, address string) (*rawsocket.Conn, net.Conn) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			accepted <- c
		}
	}()
	other, err := new(net.Dialer).DialContext(t.Context(), network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	inner := <-accepted
	t.Cleanup(func() { _, _ = inner.Close(), other.Close() })
	c := rawsocket.New(inner)
	if c == nil {
		t.Fatalf("there is no Conn of a %T", inner)
	}
	return c, other
}

func each(t *testing.T, test func(t *testing.T, c *rawsocket.Conn, other net.Conn)) {
	t.Run("tcp", func(t *testing.T) {
		c, other := pair(t, "tcp", "127.0.0.1:0")
		test(t, c, other)
	})
	t.Run("unix", func(t *testing.T) {
		c, other := pair(t, "unix", filepath.Join(t.TempDir(), "s"))
		test(t, c, other)
	})
}

func TestBytesArriveInBothDirections(t *testing.T) {
	each(t, func(t *testing.T, c *rawsocket.Conn, other net.Conn) {
		// More than the buffers of the sockets hold, so that both sides wait.
		text := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
		var all sync.WaitGroup
		all.Go(func() {
			if n, err := c.Write(text); n != len(text) || err != nil {
				t.Errorf("wrote %d bytes: %v", n, err)
			}
		})
		all.Go(func() {
			got := make([]byte, len(text))
			if _, err := io.ReadFull(other, got); err != nil || !bytes.Equal(got, text) {
				t.Errorf("the other end got something else: %v", err)
			}
			if _, err := other.Write(got); err != nil {
				t.Error(err)
			}
			if err := other.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Error(err)
			}
		})
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("got %d bytes: %v", len(got), err)
		}
		all.Wait()
	})
}

func TestErrorsAreThoseOfPackageNet(t *testing.T) {
	each(t, func(t *testing.T, c *rawsocket.Conn, _ net.Conn) {
		expect := func(operation string, err, want error) {
			t.Helper()
			var failed *net.OpError
			if !errors.Is(err, want) || !errors.As(err, &failed) || failed.Op != operation || failed.Net != c.LocalAddr().Network() {
				t.Errorf("%s: got %v", operation, err)
			}
		}
		b := make([]byte, 1)
		if err := c.SetDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		_, err := c.Read(b)
		expect("read", err, os.ErrDeadlineExceeded)
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%v is no timeout", err)
		}
		_, err = c.Write(b)
		expect("write", err, os.ErrDeadlineExceeded)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = c.Read(b)
		expect("read", err, net.ErrClosed)
		_, err = c.Write(b)
		expect("write", err, net.ErrClosed)
	})
}

func TestAResetConnectionFails(t *testing.T) {
	c, other := pair(t, "tcp", "127.0.0.1:0")
	if err := other.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reading: got %v", err)
	}
	// A write to a connection that has failed must not end the process by SIGPIPE.
	if _, err := c.Write(make([]byte, 1)); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("writing: got %v", err)
	}
}

func TestClosingEndsARead(t *testing.T) {
	each(t, func(t *testing.T, c *rawsocket.Conn, other net.Conn) {
		ended := make(chan error)
		go func() {
			_, err := c.Read(make([]byte, 1))
			ended <- err
		}()
		if _, err := other.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := c.Read(make([]byte, 1))
			ended <- err
		}()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

func TestSeveralGoroutinesMayWrite(t *testing.T) {
	c, other := pair(t, "tcp", "127.0.0.1:0")
	const writers, length = 8, 300_000
	for i := range writers {
		go func() { _, _ = c.Write(bytes.Repeat([]byte{byte('a' + i)}, length)) }()
	}
	got := make([]byte, writers*length)
	if _, err := io.ReadFull(other, got); err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(got); at += length { // each write is whole
		for i, b := range got[at : at+length] {
			if b != got[at] {
				t.Fatalf("byte %d of a write is %c instead of %c", i, b, got[at])
			}
		}
	}
}

func TestOtherConnectionsHaveNone(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if rawsocket.New(a) != nil {
		t.Error("a pipe is no socket")
	}
}
