package router_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"souk/router/gateway/config"
)

// A caller is a client that keeps its connection.
type caller struct {
	*testing.T
	*net.TCPConn
	in *bufio.Reader
}

func (s *serving) call(t *testing.T) *caller {
	t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &caller{t, c.(*net.TCPConn), bufio.NewReader(c)}
}

func (c *caller) send(text string) {
	c.Helper()
	if _, err := io.WriteString(c.TCPConn, text); err != nil {
		c.Fatal(err)
	}
}

// receive reads a response, whose body must contain a text.
func (c *caller) receive(want string) *http.Response {
	c.Helper()
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(body), want) {
		c.Fatalf("got %q, %v, want %s", body, err, want)
	}
	return response
}

// ends checks that the connection ends without a reset and without more bytes.
func (c *caller) ends() {
	c.Helper()
	if rest, err := io.ReadAll(c.in); err != nil || len(rest) > 0 {
		c.Errorf("the connection ends with %q, %v", rest, err)
	}
}

const helloBody = `{"query":"{ hello }"}`

// Connections live and end alike with both servers.
func TestServersKeepConnectionsAlike(t *testing.T) {
	for name, c := range map[string]struct {
		configure func(*config.Config)
		check     func(*testing.T, *serving)
	}{
		"client that disconnects": {check: func(t *testing.T, s *serving) {
			asked, canceled := make(chan struct{}), make(chan struct{})
			s.subgraph.hello = func(_ http.ResponseWriter, r *http.Request) {
				close(asked)
				<-r.Context().Done()
				close(canceled)
			}
			c := s.call(t)
			c.send(query("", helloBody))
			<-asked
			_ = c.Close()
			<-canceled
		}},
		"stop": {check: func(t *testing.T, s *serving) {
			asked, answer := make(chan struct{}), make(chan struct{})
			s.subgraph.hello = func(w http.ResponseWriter, _ *http.Request) {
				close(asked)
				<-answer
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"data":{"hello":"hi"}}`)
			}
			idle, busy := s.call(t), s.call(t)
			idle.send(again)
			idle.receive("Query")
			busy.send(query("", helloBody))
			<-asked
			s.stop()
			idle.ends()
			close(answer)
			if response := busy.receive("hi"); !response.Close {
				t.Error("the response does not say that the connection ends")
			}
			_ = busy.CloseWrite()
			busy.ends()
			if err := <-s.ended; err != nil {
				t.Error(err)
			}
		}},
		"too many connections": {configure: func(c *config.Config) { c.Limits.MaxConnections = 2 }, check: func(t *testing.T, s *serving) {
			var all [3]*caller
			for i := range all {
				all[i] = s.call(t)
				all[i].send(again)
				all[i].receive("Query")
			}
			// One of the others ends: on a busy machine, the server may note the second as idle first.
			type event struct {
				of  int
				err error
			}
			events := make(chan event, 2)
			for i, c := range all[:2] {
				go func() {
					_, err := c.in.Peek(1)
					events <- event{i, err}
				}()
			}
			ended := <-events
			if !errors.Is(ended.err, io.EOF) {
				t.Errorf("the connection ends with %v", ended.err)
			}
			other := all[1-ended.of]
			other.send(again)
			<-events
			other.receive("Query")
			all[2].send(again)
			all[2].receive("Query")
		}},
		"slow head": {configure: func(c *config.Config) { c.Limits.HeaderTimeout = 50 * time.Millisecond }, check: func(t *testing.T, s *serving) {
			c := s.call(t)
			c.send("POST /graphql HTTP/1.1\r\nHost:")
			c.ends()
		}},
		"idle connection": {configure: func(c *config.Config) { c.Limits.IdleTimeout = 50 * time.Millisecond }, check: func(t *testing.T, s *serving) {
			c := s.call(t)
			c.send(again)
			c.receive("Query")
			c.ends()
		}},
		"slow body": {configure: func(c *config.Config) { c.Limits.BodyTimeout = 50 * time.Millisecond }, check: func(t *testing.T, s *serving) {
			c := s.call(t)
			c.send("POST /graphql HTTP/1.1\r\n" + fields + "Content-Length: 99\r\n\r\n{")
			if response := c.receive("REQUEST_TIMEOUT"); response.StatusCode != http.StatusRequestTimeout {
				t.Errorf("got status %d", response.StatusCode)
			}
			c.ends()
		}},
		"bytes one by one": {check: func(t *testing.T, s *serving) {
			c := s.call(t)
			for range 2 {
				for _, b := range []byte(query("", typename)) {
					c.send(string(b))
				}
				c.receive("Query")
			}
		}},
		"WebSocket behind requests": {check: func(t *testing.T, s *serving) {
			c := s.call(t)
			c.send(again + query("", typename))
			c.receive("Query")
			c.receive("Query")
			client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return c.TCPConn, nil }}}
			conn, _, err := websocket.Dial(t.Context(), "ws://"+s.address+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}, HTTPClient: client}) //nolint:bodyclose // the connection is closed
			if err != nil {
				t.Fatal(err)
			}
			defer conn.CloseNow()
			k := &socket{T: t, conn: conn}
			k.write(`{"type":"connection_init"}`)
			k.read()
			k.write(`{"id":"1","type":"subscribe","payload":{"query":"subscription { ticks }"}}`)
			s.subgraph.ticks <- 1
			if got := k.read(); !strings.Contains(got, `{"ticks":1}`) {
				t.Errorf("got %s", got)
			}
			_ = conn.Close(websocket.StatusNormalClosure, "")
			eventually(t, func() bool { return s.subgraph.open.Load() == 0 })
		}},
		"stream behind requests": {check: func(t *testing.T, s *serving) {
			c := s.call(t)
			c.send(again)
			c.receive("Query")
			c.send(query("Accept: text/event-stream\r\n", `{"query":"subscription { ticks }"}`))
			s.subgraph.ticks <- 1
			s.subgraph.ticks <- 0
			c.receive("event: next\ndata: {\"data\":{\"ticks\":1}}\n\nevent: complete\n")
			c.ends()
		}},
		"stream that is reset": {check: func(t *testing.T, s *serving) {
			c := s.call(t)
			c.send(query("Accept: text/event-stream\r\n", `{"query":"subscription { ticks }"}`))
			s.subgraph.ticks <- 1
			if err := errors.Join(c.SetLinger(0), c.Close()); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() bool { return s.subgraph.open.Load() == 0 && s.metric(t, activePosts) == "0" })
		}},
	} {
		for _, server := range servers {
			t.Run(name+"/"+server, func(t *testing.T) {
				c.check(t, serveTicks(t, new(serving), func(to *config.Config) {
					to.HTTP.Server = server
					if c.configure != nil {
						c.configure(to)
					}
				}))
			})
		}
	}
}
