package detach_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"souk/internal/detach"
	"souk/internal/detach/detachtest"
	"souk/internal/linger"
)

// A client that sends something during a stream gets the end of the stream, not a reset.
func TestUnreadBytesDoNotResetTheConnection(t *testing.T) {
	over := make(chan struct{})
	server := detachtest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		_ = http.NewResponseController(w).Flush()
		d, _, err := detach.Take(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		d.Serve(func() {
			<-over
			_, _ = io.WriteString(d, "3\r\nend\r\n0\r\n\r\n")
			d.End()
		}, func() {})
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// Something follows in the same packet, and more when the server no longer reads.
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /")
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.WriteString(conn, strings.Repeat("x", 3000))
	close(over)
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != "end" {
		t.Errorf("got body %q, err %v", body, err)
	}
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Errorf("got %q after the response, err %v, want the end of the connection", rest, err)
	}
}

// A halfPipe is one end of a pipe that can be closed for writing.
type halfPipe struct {
	net.Conn
	calls []string
}

func (p *halfPipe) CloseWrite() error {
	p.calls = append(p.calls, "CloseWrite")
	return nil
}

func (p *halfPipe) Close() error {
	p.calls = append(p.calls, "Close")
	return p.Conn.Close()
}

// The server lingers only for clients that have sent something.
func TestLingering(t *testing.T) {
	for name, c := range map[string]struct {
		sent string
		want string
		took time.Duration
	}{
		"silent client":               {want: "Close"},
		"client that has sent a byte": {sent: "a", want: "CloseWrite,Close", took: linger.Silence},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				p := &halfPipe{Conn: near}
				d := &detach.Response{Conn: p}
				d.Watch(func() {})
				if c.sent != "" {
					_, _ = io.WriteString(far, c.sent)
				}
				synctest.Wait()
				began := time.Now()
				d.End()
				if took := time.Since(began); took != c.took {
					t.Errorf("End took %v, want %v", took, c.took)
				}
				if got := strings.Join(p.calls, ","); got != c.want {
					t.Errorf("got calls %s, want %s", got, c.want)
				}
			})
		})
	}
}
