package router

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"souk/router/gateway/config"
)

// An HTTP/2 client that reads nothing of a stream loses it after
// http_write_timeout, however long a request may take.
func TestStalledHTTP2StreamEnds(t *testing.T) {
	c := config.Default()
	c.Limits.WriteTimeout = 100 * time.Millisecond
	c.TrafficShaping.Router.Timeout = time.Hour
	failed := make(chan error, 1)
	s := httptest.NewUnstartedServer(server{config: c}.deadlines(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 8<<20))
		failed <- err
	})))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.ProtoMajor != 2 {
		t.Fatalf("got protocol %s", response.Proto)
	}
	select {
	case err := <-failed:
		if err == nil {
			t.Error("8 MiB were written to a client that reads nothing")
		}
	case <-ctx.Done():
		t.Fatal("the stream is still open")
	}
	if _, err := io.Copy(io.Discard, response.Body); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("client: got error %v", err)
	}
}

// pipes is a listener with in-memory connections, so that tests can use synthetic
// time.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.accepted <- server
	return client, nil
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// An HTTP/2 client that reads slowly but steadily keeps its stream, however long
// the whole response takes: the timeout applies to each part of it.
func TestSlowHTTP2StreamThatMakesProgressStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config.Default()
		c.Limits.WriteTimeout = 10 * time.Second
		const size = 8 << 20
		failed := make(chan error, 1)
		listener := &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
		s := &http.Server{Handler: server{config: c}.deadlines(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(make([]byte, size))
			failed <- err
		}))}
		speakHTTP2(s, c.HTTP)
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(listener) }()
		transport := &http.Transport{DialContext: listener.dial, Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(true)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://router/", nil)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		response, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		read, part := 0, make([]byte, 64<<10)
		for err == nil {
			time.Sleep(4 * time.Second) // synthetic time, less than the timeout
			var n int
			n, err = io.ReadFull(response.Body, part)
			read += n
		}
		if !errors.Is(err, io.EOF) || read != size || time.Since(began) < 10*c.Limits.WriteTimeout {
			t.Errorf("read %d of %d bytes in %v, err %v", read, size, time.Since(began), err)
		}
		if err := <-failed; err != nil {
			t.Errorf("the handler's write failed: %v", err)
		}
		_ = response.Body.Close()
		transport.CloseIdleConnections()
		_ = s.Close()
		<-ended
	})
}
