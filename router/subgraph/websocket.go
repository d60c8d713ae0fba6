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

// subprotocol is the name of the GraphQL over WebSocket protocol of the graphql-ws library.
const subprotocol = "graphql-transport-ws"

// A message is a message of the graphql-transport-ws protocol.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// A socket is a connection with one subscription.
type socket struct {
	conn *websocket.Conn
	// heard is when the last message was received, in Unix nanoseconds. It is 0 while a
	// message is being processed.
	heard atomic.Int64
	// silent is set if guard closed the connection because the subgraph did not respond.
	silent atomic.Bool
}

// errSilent means that a subgraph did not respond to a ping.
var errSilent = errors.New("no response to a ping")

// operationID is the ID of the only operation on a connection.
const operationID = "1"

// overWebSocket runs one subscription on its own connection.
func (st *stream) overWebSocket(ctx context.Context) error {
	conn, err := st.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }()
	st.connected = true
	c := &socket{conn: conn}
	if err := c.init(ctx, st.s, st.header); err != nil {
		return err
	}
	// Canceling the context of a read closes the connection. The read therefore uses a
	// detached context; when ctx is done, guard sends complete and then closes the
	// connection.
	detached, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var guard sync.WaitGroup
	defer guard.Wait()
	defer cancel()
	if err := c.write(detached, message{ID: operationID, Type: "subscribe", Payload: st.body}); err != nil {
		return lost(err)
	}
	st.accept(ctx)
	c.heard.Store(st.accepted.UnixNano())
	guard.Go(func() { c.guard(ctx, detached, st.s.Subscriptions.PingInterval) })
	err = c.receive(detached, st.receive)
	if c.silent.Load() && errors.Is(err, errLost) {
		err = fmt.Errorf("%w: %w", err, errSilent)
	}
	return err
}

func (st *stream) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, st.s.Subscriptions.ConnectTimeout)
	defer cancel()
	header := st.header.Clone()
	header.Del("Content-Type")
	header.Del("Accept")
	conn, response, err := websocket.Dial(ctx, st.to.stream, &websocket.DialOptions{ //nolint:bodyclose // the library closes it, or has read it into memory
		HTTPClient: &http.Client{Transport: st.to.streams}, HTTPHeader: header, Subprotocols: []string{subprotocol},
	})
	switch {
	case err == nil && conn.Subprotocol() != subprotocol:
		_ = conn.CloseNow()
		return nil, &execute.TransportError{Code: execute.CodeMalformed, Message: "does not speak " + subprotocol}
	case err == nil:
		conn.SetReadLimit(int64(st.s.MaxResponseBytes))
		return conn, nil
	case response != nil && response.StatusCode/100 == 2:
		return nil, &execute.TransportError{Code: execute.CodeMalformed, Message: "does not speak WebSocket", Status: response.StatusCode, Err: err}
	case response != nil && response.StatusCode != http.StatusSwitchingProtocols:
		return nil, st.refusedStream(response)
	default:
		return nil, lost(err)
	}
}

// init performs the connection_init handshake. The payload repeats the headers, for subgraphs
// that look for a token only there.
func (c *socket) init(ctx context.Context, s *subgraph, header http.Header) error {
	ctx, cancel := context.WithTimeout(ctx, s.Subscriptions.ConnectTimeout)
	defer cancel()
	parameters := make(map[string]string)
	for name := range header {
		if s.header[name] == nil {
			parameters[name] = header.Get(name)
		}
	}
	// Encoding a map of strings cannot fail.
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

// receive passes messages on until the stream is complete.
func (c *socket) receive(ctx context.Context, event func([]byte) error) error {
	for {
		m, err := c.read(ctx)
		if err != nil {
			return closed(err)
		}
		c.heard.Store(0)
		switch m.Type {
		case "next", "error", "complete":
			if m.ID != operationID {
				return &execute.TransportError{Code: execute.CodeMalformed, Message: fmt.Sprintf("sent a message for the unknown operation ID %.50q", m.ID)}
			}
			if more, err := operationMessage(m, event); !more {
				return err
			}
		case "ping":
			if err := c.write(ctx, message{Type: "pong", Payload: m.Payload}); err != nil {
				return lost(err)
			}
		}
		c.heard.Store(time.Now().UnixNano())
	}
}

// operationMessage handles a message of the subscription. It reports whether more messages
// may follow.
func operationMessage(m message, event func([]byte) error) (more bool, err error) {
	switch m.Type {
	case "next":
		err := event(m.Payload)
		return err == nil, err
	case "error":
		var list []json.RawMessage
		if json.Unmarshal(m.Payload, &list) != nil || len(list) == 0 {
			return false, &execute.TransportError{Code: execute.CodeMalformed, Message: "sent an error message without a list of errors"}
		}
		return false, &execute.RequestError{Errors: m.Payload}
	}
	return false, nil
}

// guard ends the subscription when ctx is done, pings a silent subgraph, and closes the
// connection if it does not respond. It returns when the stream has ended.
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
			// Close the connection even if the message cannot be sent.
			_ = c.write(brief, message{ID: operationID, Type: "complete"})
			_ = c.conn.CloseNow()
			return
		case now := <-tick.C:
			heard := c.heard.Load()
			silent := now.Sub(time.Unix(0, heard))
			switch {
			case heard == 0 || silent < interval:
			case silent > 2*interval || c.write(stream, message{Type: "ping"}) != nil:
				c.silent.Store(true)
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
	kind, text, err := c.conn.Read(ctx)
	if err != nil {
		return m, err
	}
	if kind != websocket.MessageText {
		// Clients of the graphql-ws library reject binary messages, too.
		return m, &execute.TransportError{Code: execute.CodeMalformed, Message: "sent a binary message, but " + subprotocol + " uses text messages"}
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, &execute.TransportError{Code: execute.CodeMalformed, Message: "sent a message that is not valid in " + subprotocol, Err: err}
	}
	return m, nil
}

// closed converts a read error. If the subgraph closed the connection with a code that
// reopening does not change, the result is a TransportError. Without a close frame, and for
// codes that mean a server restart or failure, it wraps errLost.
func closed(err error) error {
	var t *execute.TransportError
	switch {
	case errors.As(err, &t):
		return err
	case errors.Is(err, websocket.ErrMessageTooBig):
		return &execute.TransportError{Code: execute.CodeHTTP, Message: "sent a message larger than max_response_bytes", Err: err}
	}
	switch code := websocket.CloseStatus(err); code {
	case -1, websocket.StatusGoingAway, websocket.StatusInternalError, websocket.StatusServiceRestart,
		websocket.StatusTryAgainLater, websocket.StatusBadGateway, closeServerError:
		return lost(err)
	case websocket.StatusNormalClosure, websocket.StatusNoStatusRcvd:
		return &execute.TransportError{Code: execute.CodeHTTP, Message: "ended the subscription without completing it", Err: err}
	default:
		return &execute.TransportError{Code: execute.CodeHTTP, Message: fmt.Sprintf("closed the subscription with code %d", code), Err: err}
	}
}

// closeServerError is the close code of the graphql-ws library for internal errors.
const closeServerError websocket.StatusCode = 4500
