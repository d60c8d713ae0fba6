package gateway_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// A oneListener accepts one connection.
type oneListener struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l *oneListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneListener) Close() error   { close(l.closed); return nil }
func (l *oneListener) Addr() net.Addr { return &net.TCPAddr{} }

// A client of a WebSocket that leaves while a ping is unanswered ends its subscription and its
// connection at once: nobody waits for the pong.
func TestClientsThatLeaveOweNoPong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shareFeedWith(t, 4, time.Second, time.Second)
		listener := &oneListener{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
		served := make(chan struct{})
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(served)
			s.Handler().ServeHTTP(w, r)
		})}
		go func() { _ = server.Serve(listener) }()
		defer server.Close()
		client, end := net.Pipe()
		listener.conn <- end

		in := bufio.NewReader(client)
		_, _ = fmt.Fprint(client, "GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n")
		response, err := http.ReadResponse(in, nil)
		if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("got %v, %v", response, err)
		}
		_ = response.Body.Close()
		send := func(text string) {
			_, _ = client.Write(append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...))
		}
		frame := func() byte {
			head, err := in.Peek(2)
			if err != nil {
				t.Fatal(err)
			}
			opcode := head[0] & 0x0f
			_, _ = in.Discard(2 + int(head[1]))
			return opcode
		}
		send(`{"type":"connection_init"}`)
		if opcode := frame(); opcode != 1 {
			t.Fatalf("got a frame with opcode %d, want the acknowledgement", opcode)
		}
		send(`{"type":"subscribe","id":"1","payload":{"query":"subscription{count(to: 3)}"}}`)
		u := s.upstream(t, 0)
		if opcode := frame(); opcode != 9 {
			t.Fatalf("got a frame with opcode %d, want a ping", opcode)
		}
		_ = client.Close()
		left := time.Now()
		<-u.closed
		<-served
		if waited := time.Since(left); waited > 0 {
			t.Errorf("the subscription and the connection ended %v after the client had left", waited)
		}
	})
}
