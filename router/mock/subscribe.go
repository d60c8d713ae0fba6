package mock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/ast"
)

// subprotocol is the name of GraphQL over WebSocket.
const subprotocol = "graphql-transport-ws"

// maxOperations bounds the subscriptions on one WebSocket.
const maxOperations = 100

// initTimeout is how long a client may take to send connection_init.
const initTimeout = 10 * time.Second

// Close codes of graphql-transport-ws.
const (
	closeInvalid      websocket.StatusCode = 4400
	closeUnauthorized websocket.StatusCode = 4401
	closeTooMany      websocket.StatusCode = 4429
)

// events passes the events of a subscription to send, until there are Events of them, with
// different data.
func (s *Subgraph) events(ctx context.Context, o *operation, send func([]byte) error) error {
	for i := range s.options.Events {
		if i > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-s.options.After(s.options.Interval):
			}
		}
		data, err := s.run(o, uint64(i))
		if err != nil {
			return err
		}
		if err := send(data); err != nil {
			return err
		}
	}
	return nil
}

// serveEvents responds to a subscription with server-sent events, in the distinct
// connections mode of GraphQL over SSE.
func (s *Subgraph) serveEvents(w http.ResponseWriter, r *http.Request, o *operation) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	control := http.NewResponseController(w)
	write := func(event string, data []byte) error {
		if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, data); err != nil {
			return err
		}
		return control.Flush()
	}
	err := s.events(r.Context(), o, func(data []byte) error { return write("next", data) })
	switch {
	case r.Context().Err() != nil: // the client has left
	case err != nil:
		_ = write("next", failure(err)) // the client may have left
		fallthrough
	default:
		_ = write("complete", nil) // the same
	}
}

// wantsEvents reports whether a client accepts server-sent events.
func wantsEvents(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// wantsWebSocket reports whether a request opens a WebSocket.
func wantsWebSocket(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// A message is a message of graphql-transport-ws.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// A socket is a WebSocket with subscriptions.
type socket struct {
	*Subgraph
	conn *websocket.Conn

	mu      sync.Mutex
	running map[string]context.CancelFunc // by the ID of the operation
	ended   sync.WaitGroup
}

func (s *Subgraph) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}})
	if err != nil {
		return // Accept has responded
	}
	conn.SetReadLimit(maxRequestBytes)
	c := &socket{Subgraph: s, conn: conn, running: map[string]context.CancelFunc{}}
	ctx, cancel := context.WithCancel(r.Context())
	defer func() {
		cancel()
		c.ended.Wait()
		_ = conn.CloseNow() // it may be closed
	}()
	if conn.Subprotocol() != subprotocol {
		_ = conn.Close(closeInvalid, "the subprotocol is "+subprotocol)
		return
	}
	if err := c.init(ctx); err != nil {
		_ = conn.Close(closeUnauthorized, "connection_init is missing")
		return
	}
	for {
		m, err := c.read(ctx)
		if err != nil || !c.handle(ctx, m) {
			return
		}
	}
}

// init waits for connection_init.
func (c *socket) init(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, initTimeout)
	defer cancel()
	m, err := c.read(ctx)
	if err != nil {
		return err
	}
	if m.Type != "connection_init" {
		return errors.New("the first message is not connection_init")
	}
	return c.write(ctx, message{Type: "connection_ack"})
}

// handle handles a message of the client. It reports whether more may follow.
func (c *socket) handle(ctx context.Context, m message) bool {
	switch m.Type {
	case "ping":
		return c.write(ctx, message{Type: "pong", Payload: m.Payload}) == nil
	case "pong":
		return true
	case "complete":
		c.mu.Lock()
		defer c.mu.Unlock()
		if cancel := c.running[m.ID]; cancel != nil {
			cancel()
		}
		return true
	case "subscribe":
		return c.subscribe(ctx, m)
	}
	_ = c.conn.Close(closeInvalid, "the type of a message is not known")
	return false
}

// subscribe runs an operation beside the others.
func (c *socket) subscribe(ctx context.Context, m message) bool {
	ctx, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	full := c.running[m.ID] != nil || len(c.running) >= maxOperations
	if !full {
		c.running[m.ID] = cancel
	}
	c.mu.Unlock()
	if full {
		cancel()
		_ = c.conn.Close(closeTooMany, "the ID is in use, or there are too many operations")
		return false
	}
	c.ended.Go(func() {
		defer func() {
			cancel()
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.running, m.ID)
		}()
		c.operate(ctx, m)
	})
	return true
}

// operate writes the results of an operation. Where writing fails, the reader ends the
// connection.
func (c *socket) operate(ctx context.Context, m message) {
	o, err := c.parse(m.Payload)
	if err == nil {
		next := func(data []byte) error { return c.write(ctx, message{m.ID, "next", data}) }
		if o.Operation == ast.Subscription {
			err = c.events(ctx, o, next)
		} else {
			var data []byte
			if data, err = c.run(o, 0); err == nil {
				err = next(data)
			}
		}
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		list, _ := json.Marshal([]any{map[string]any{"message": err.Error()}}) // strings always encode
		_ = c.write(ctx, message{m.ID, "error", list})
	default:
		_ = c.write(ctx, message{ID: m.ID, Type: "complete"})
	}
}

func (c *socket) read(ctx context.Context) (m message, err error) {
	_, text, err := c.conn.Read(ctx)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}

func (c *socket) write(ctx context.Context, m message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return c.conn.Write(ctx, websocket.MessageText, text)
}
