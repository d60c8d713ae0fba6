package linger_test

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/linger"
)

// A halfPipe is one end of a pipe that can be closed for writing.
type halfPipe struct {
	net.Conn
	failed error // of CloseWrite
	calls  []string
	read   int
}

func (p *halfPipe) CloseWrite() error {
	p.calls = append(p.calls, "CloseWrite")
	return p.failed
}

func (p *halfPipe) Close() error {
	p.calls = append(p.calls, "Close")
	return p.Conn.Close()
}

func (p *halfPipe) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.read += n
	return n, err
}

// A connection lingers as long as the client sends, within bounds.
func TestBounds(t *testing.T) {
	for name, c := range map[string]struct {
		client func(net.Conn)
		failed error
		took   time.Duration
		read   int // at least
	}{
		"silent client":                {client: func(net.Conn) {}, took: linger.Silence},
		"client that closes":           {client: func(c net.Conn) { _, _ = c.Write(make([]byte, 5000)); _ = c.Close() }, read: 5000},
		"client that sends at a pause": {client: func(c net.Conn) { time.Sleep(linger.Silence / 2); _, _ = c.Write([]byte("a")) }, took: linger.Silence * 3 / 2, read: 1},
		"client that sends slowly": {client: func(c net.Conn) {
			for err := error(nil); err == nil; time.Sleep(linger.Silence / 2) {
				_, err = c.Write([]byte("a"))
			}
		}, took: linger.Longest, read: 20},
		"client that sends without end": {client: func(c net.Conn) { _, _ = c.Write(make([]byte, 2*linger.Most)) }, read: linger.Most},
		"connection that has failed":    {client: func(net.Conn) {}, failed: errors.New("reset")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				p := &halfPipe{Conn: near, failed: c.failed}
				var client sync.WaitGroup
				defer client.Wait()
				client.Go(func() { c.client(far) })
				began := time.Now()
				if err := linger.Close(p); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("Close took %v, want %v", took, c.took)
				}
				if p.read < c.read || p.read > c.read+4<<10 {
					t.Errorf("%d bytes were read, want %d", p.read, c.read)
				}
				if got := strings.Join(p.calls, ","); got != "CloseWrite,Close" {
					t.Errorf("got calls %s", got)
				}
			})
		})
	}
}

// A connection that cannot end its own direction is closed at once.
func TestConnectionsWithoutDirections(t *testing.T) {
	near, far := net.Pipe()
	if err := linger.CloseWrite(near); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("CloseWrite returned %v", err)
	}
	if err := linger.Close(near); err != nil {
		t.Error(err)
	}
	if _, err := far.Write([]byte("a")); err == nil {
		t.Error("the connection is open")
	}
}
