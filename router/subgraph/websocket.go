package subgraph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"souk/router/execute"
)

// subprotocol is the GraphQL over WebSocket protocol of the graphql-ws library.
const subprotocol = "graphql-transport-ws"

// A message is one of that protocol's.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// A socket is a connection with one subscription.
type socket struct {
	conn *websocket.Conn
	// heard is when the last message came, in Unix nanoseconds, or 0 while
	// one is being worked on.
	heard atomic.Int64
}

// overWebSocket runs one subscription over a connection of its own.
func (s *subgraph) overWebSocket(ctx context.Context, body []byte, header http.Header, event func([]byte) error) error {
	conn, err := s.dial(ctx, header)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }()
	c := &socket{conn: conn}
	if err := c.init(ctx, s, header); err != nil {
		return err
	}
	// Reading must not end with ctx, or the subgraph could not be told: the
	// guard tells it, and closes the connection.
	detached, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var guard sync.WaitGroup
	defer guard.Wait()
	defer cancel()
	if err := c.write(detached, message{ID: "1", Type: "subscribe", Payload: body}); err != nil {
		return lost(err)
	}
	c.heard.Store(time.Now().UnixNano())
	guard.Go(func() { c.guard(ctx, detached, s.Subscriptions.PingInterval) })
	return c.receive(detached, event)
}

func (s *subgraph) dial(ctx context.Context, header http.Header) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Subscriptions.InitTimeout)
	defer cancel()
	header = header.Clone()
	header.Del("Content-Type")
	header.Del("Accept")
	conn, response, err := websocket.Dial(ctx, s.Subscriptions.URL, &websocket.DialOptions{ //nolint:bodyclose // the library closes it, or has read it into memory
		HTTPClient: &http.Client{Transport: s.streams}, HTTPHeader: header, Subprotocols: []string{subprotocol},
	})
	switch {
	case err == nil && conn.Subprotocol() != subprotocol:
		_ = conn.CloseNow()
		return nil, &execute.TransportError{Code: execute.CodeMalformed, Message: "does not speak " + subprotocol}
	case err == nil:
		conn.SetReadLimit(int64(s.MaxResponseBytes))
		return conn, nil
	case response != nil && response.StatusCode != http.StatusSwitchingProtocols:
		return nil, refusedStream(response)
	default:
		return nil, lost(err)
	}
}

// init opens the protocol. The headers are sent as its parameters, too, for
// subgraphs that look for a token only there.
func (c *socket) init(ctx context.Context, s *subgraph, header http.Header) error {
	ctx, cancel := context.WithTimeout(ctx, s.Subscriptions.InitTimeout)
	defer cancel()
	parameters := make(map[string]string)
	for name := range header {
		if s.header[name] == nil {
			parameters[name] = header.Get(name)
		}
	}
	// A map of strings can always be marshalled.
	payload, _ := json.Marshal(parameters)
	if err := c.write(ctx, message{Type: "connection_init", Payload: payload}); err != nil {
		return lost(err)
	}
	for {
		m, err := c.read(ctx)
		switch {
		case err != nil:
			return closed(err)
		case m.Type == "connection_ack":
			return nil
		case m.Type == "ping":
			err = c.write(ctx, message{Type: "pong"})
		}
		if err != nil {
			return lost(err)
		}
	}
}

// receive hands on what comes until the stream is complete.
func (c *socket) receive(ctx context.Context, event func([]byte) error) error {
	for {
		m, err := c.read(ctx)
		if err != nil {
			return closed(err)
		}
		c.heard.Store(0)
		switch m.Type {
		case "next":
			err = event(m.Payload)
		case "error":
			// The operation as a whole has failed: its errors are all there is.
			return event(append(append([]byte(`{"errors":`), m.Payload...), '}'))
		case "complete":
			return nil
		case "ping":
			err = c.write(ctx, message{Type: "pong"})
		}
		if err != nil {
			if failed := (failedEvent{}); errors.As(err, &failed) {
				return err
			}
			return lost(err)
		}
		c.heard.Store(time.Now().UnixNano())
	}
}

// guard ends the subscription when ctx is done, and closes the connection if
// the subgraph has gone silent. It returns when the stream has ended.
func (c *socket) guard(ctx, stream context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-stream.Done():
			return
		case <-ctx.Done():
			brief, cancel := context.WithTimeout(stream, time.Second)
			defer cancel()
			// Whether or not it can be told: the connection goes.
			_ = c.write(brief, message{ID: "1", Type: "complete"})
			_ = c.conn.CloseNow()
			return
		case now := <-tick.C:
			heard := c.heard.Load()
			silent := now.Sub(time.Unix(0, heard))
			switch {
			case heard == 0 || silent < interval:
			case silent > 2*interval || c.write(stream, message{Type: "ping"}) != nil:
				_ = c.conn.CloseNow()
				return
			}
		}
	}
}

func (c *socket) write(ctx context.Context, m message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode a %s message: %w", m.Type, err)
	}
	return c.conn.Write(ctx, websocket.MessageText, text)
}

func (c *socket) read(ctx context.Context) (message, error) {
	var m message
	_, text, err := c.conn.Read(ctx)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, &execute.TransportError{Code: execute.CodeMalformed, Message: "sent a message that is not " + subprotocol, Err: err}
	}
	return m, nil
}

// closed tells whether a connection was lost, or closed for a reason that will
// not pass: codes from 4400 to 4499 are the protocol's words for that.
func closed(err error) error {
	var t *execute.TransportError
	if errors.As(err, &t) {
		return err
	}
	if code := websocket.CloseStatus(err); code >= 4400 && code < 4500 {
		return &execute.TransportError{
			Code: execute.CodeHTTP, Message: fmt.Sprintf("closed the subscription with code %d", code), Err: err,
		}
	}
	return lost(err)
}
