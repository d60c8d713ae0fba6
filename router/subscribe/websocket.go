package subscribe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"souk/internal/detach"
	"souk/internal/memory"
	"souk/router/internal/body"
	"souk/router/internal/panics"
)

// Protocol is the name of the WebSocket subprotocol.
const Protocol = "graphql-transport-ws"

// Sockets serves WebSocket connections with the graphql-transport-ws protocol.
type Sockets struct {
	// Init handles connection_init with its payload, or nil. An error closes
	// the connection with code 4403 (Forbidden) and its text as the reason.
	Init func(r *http.Request, payload json.RawMessage) (*Session, error)
	// Run runs an operation from the payload of a subscribe message. When it has
	// ended, Run calls ended, perhaps after it has returned: with a JSON list of
	// request errors if the operation was not executed, otherwise nil. The lease is
	// charged for the message; Run may reduce the charge once it does not need all of
	// the payload.
	Run func(ctx context.Context, payload json.RawMessage, lease *memory.Lease, emit func(response []byte) error, ended func(refused json.RawMessage))
	// Origins are patterns of the origins allowed in addition to the host
	// itself; "*" allows all.
	Origins []string
	// InitTimeout is the time limit for connection_init.
	InitTimeout time.Duration
	// Heartbeat is the interval of pings; 0 turns them off.
	Heartbeat time.Duration
	// MaxMessage is the largest accepted message in bytes; 0 means the default
	// of the WebSocket library.
	MaxMessage int64
	// MessageTimeout is the time limit for receiving a message, from its first
	// byte; 0 means no limit.
	MessageTimeout time.Duration
	// Memory is charged for each message until its operation ends or needs less
	// of it; nil means no limit.
	Memory *memory.Budget
	// MaxOperations is the number of operations that may run on a connection
	// at the same time; 0 means no limit.
	MaxOperations int
}

// A Session is the state of a connection after connection_init.
type Session struct {
	// Values provides the values of the operations' contexts.
	Values context.Context
	// Identity, if not nil, is done when the client's identity expires. The
	// operations then end with the cause [ErrExpired], and the connection is
	// closed as forbidden, because the protocol allows only one
	// connection_init.
	Identity context.Context
	// Release, if not nil, is called when the connection has ended.
	Release func()
}

func (s *Session) expired() bool { return s.Identity != nil && s.Identity.Err() != nil }

const reasonExpired = "The access token has expired"

// The close codes of the protocol.
const (
	closeBadRequest    websocket.StatusCode = 4400
	closeUnauthorized  websocket.StatusCode = 4401
	closeForbidden     websocket.StatusCode = 4403
	closeNotAcceptable websocket.StatusCode = 4406
	closeInitTimeout   websocket.StatusCode = 4408
	closeDuplicate     websocket.StatusCode = 4409
	closeTooManyInits  websocket.StatusCode = 4429
)

// patience is the time limit for a write to a client.
const patience = 10 * time.Second

// A Socket is an open WebSocket.
type Socket struct{ c connection }

// Accept upgrades a request to a WebSocket. It returns nil if that fails; it has then sent
// the reason. The caller must call Serve.
func (s *Sockets) Accept(w http.ResponseWriter, r *http.Request) *Socket {
	options := &websocket.AcceptOptions{Subprotocols: []string{Protocol}, OriginPatterns: s.Origins}
	h := &handshake{ResponseWriter: w, request: r}
	conn, err := websocket.Accept(h, r, options)
	if err != nil {
		return nil // Accept has sent an error response
	}
	if s.MaxMessage > 0 {
		conn.SetReadLimit(s.MaxMessage)
	}
	return &Socket{connection{Sockets: s, conn: conn, wire: h.wire, detached: h.detached, request: detach.Request(r)}}
}

// Detached returns the response that outlives the handler, or nil if Serve must return before
// the handler does.
func (s *Socket) Detached() *detach.Response { return s.c.detached }

// Serve serves the connection until the client closes it or ctx is done. It returns an error only
// if something panicked.
func (s *Socket) Serve(ctx context.Context) error {
	c, conn := &s.c, s.c.conn
	defer func() { _ = conn.CloseNow() }()
	if conn.Subprotocol() != Protocol {
		_ = conn.Close(closeNotAcceptable, "Subprotocol not acceptable; use "+Protocol)
		return nil
	}
	// The library closes a connection whose read or write is cancelled, before a
	// reason can be sent. So reads and writes get a context that is not cancelled.
	c.uncancelled = context.WithoutCancel(ctx)
	c.operations = map[string]context.CancelCauseFunc{}
	goingAway := context.AfterFunc(ctx, func() { _ = conn.Close(websocket.StatusGoingAway, "Going away") })
	defer goingAway()
	ctx, cancel := context.WithCancel(ctx)
	err := c.serve(ctx)
	var closing *closeError
	if !errors.As(err, &closing) {
		_ = conn.CloseNow() // nothing can be read or sent any more: nobody waits for a pong
	}
	cancel()
	c.running.Wait()
	c.watching.Wait()
	if c.session != nil && c.session.Release != nil {
		c.session.Release()
	}
	if closing != nil {
		_ = conn.Close(closing.code, closing.reason)
	}
	if c.quiet != nil {
		c.quiet() // the ping in progress has ended with the connection
	}
	var fault *panics.Error
	if errors.As(err, &fault) {
		return fault
	}
	return nil
}

// A closeError closes a connection with a code.
type closeError struct {
	code   websocket.StatusCode
	reason string
}

func (e *closeError) Error() string { return e.reason }

// closing returns a closeError with a formatted reason.
func closing(code websocket.StatusCode, format string, args ...any) error {
	reason := fmt.Sprintf(format, args...)
	return &closeError{code, reason[:min(len(reason), 120)]} // a close frame holds 123 bytes
}

// TryAgainLater returns an error for Init that closes the connection with code
// 1013 (Try Again Later), so that clients reconnect. Code 4403 would tell them not
// to.
func TryAgainLater(reason string) error { return closing(websocket.StatusTryAgainLater, "%s", reason) }

// A connection is one WebSocket connection.
type connection struct {
	*Sockets
	conn     *websocket.Conn
	wire     *wire
	detached *detach.Response
	request  *http.Request // until the session begins
	// uncancelled is never cancelled; see Serve.
	uncancelled context.Context
	session     *Session
	running     sync.WaitGroup // operations
	watching    sync.WaitGroup // goroutines that watch the session
	quiet       func()         // stops the pings; nil without them

	mu         sync.Mutex
	operations map[string]context.CancelCauseFunc
}

// A message is a message of the protocol.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`

	// lease is for the text that the message was read from.
	lease *memory.Lease
}

// serve reads messages until the connection is closed. Operations run with contexts
// derived from ctx.
func (c *connection) serve(ctx context.Context) error {
	ctx, err := c.initialise(ctx)
	if err != nil {
		return err
	}
	if c.Heartbeat > 0 {
		c.quiet = every(c.Heartbeat, func() bool { return c.beat(ctx) })
	}
	if c.session.Identity != nil {
		c.watching.Add(1)
		stop := context.AfterFunc(c.session.Identity, func() {
			defer c.watching.Done()
			c.expire(ctx)
		})
		defer func() {
			if stop() {
				c.watching.Done()
			}
		}()
	}
	for {
		err := c.read(func(m message) error {
			if m.Type != "subscribe" {
				m.lease.Release() // what little is left of it ends with handle
			}
			err := c.handle(ctx, m)
			if err != nil {
				m.lease.Release()
			}
			return err
		})
		if err != nil {
			return err
		}
	}
}

// initialise waits for connection_init. It answers pings meanwhile.
func (c *connection) initialise(ctx context.Context) (context.Context, error) {
	late := time.AfterFunc(max(c.InitTimeout, time.Millisecond), func() {
		_ = c.conn.Close(closeInitTimeout, "Connection initialisation timeout")
	})
	defer late.Stop()
	for c.session == nil {
		err := c.read(func(m message) error {
			m.lease.Release() // no operation holds the payload yet
			switch m.Type {
			case "connection_init":
				return c.begin(m.Payload)
			case "ping", "pong":
				return c.handle(ctx, m)
			default:
				return closing(closeUnauthorized, "Unauthorized: send connection_init first")
			}
		})
		if err != nil {
			return nil, err
		}
	}
	// Operations end with the connection and have the values of the
	// session. Without the cancellation of those, package context needs no
	// goroutine to cancel what is derived.
	return &joinedContext{Context: ctx, values: context.WithoutCancel(c.session.Values)}, nil
}

// begin handles connection_init.
func (c *connection) begin(payload json.RawMessage) error {
	session, err := c.Init(c.request, payload)
	if err != nil {
		var own *closeError
		if errors.As(err, &own) {
			return own
		}
		return closing(closeForbidden, "%s", err)
	}
	c.session, c.request = session, nil
	if c.session.expired() {
		return closing(closeForbidden, reasonExpired)
	}
	return c.write(message{Type: "connection_ack"})
}

// A joinedContext is done when one context is done and has the values of another.
type joinedContext struct {
	context.Context
	values context.Context
}

func (j *joinedContext) Value(key any) any {
	if v := j.values.Value(key); v != nil {
		return v
	}
	return j.Context.Value(key)
}

// read waits for a message and passes it to handle. It waits with little on the stack of this
// goroutine, which would otherwise keep the size that reading and handling a message once took.
func (c *connection) read(handle func(message) error) error {
	kind, reader, err := c.conn.Reader(c.uncancelled)
	if err != nil {
		return err
	}
	if kind != websocket.MessageText {
		return closing(closeBadRequest, "Messages must be text")
	}
	result := make(chan error, 1)
	go func() {
		result <- panics.Catch(func() error {
			m, err := c.decode(reader)
			if err != nil {
				return err
			}
			return handle(m)
		})
	}()
	return <-result
}

// decode reads a message. Its memory is charged to a lease.
func (c *connection) decode(reader io.Reader) (m message, err error) {
	lease := new(memory.Lease)
	lease.Of(c.Memory)
	data, err := c.receive(reader, lease)
	if err == nil {
		err = c.parse(data, &m, lease)
	}
	if err != nil {
		lease.Release()
		return m, err
	}
	m.lease = lease
	return m, nil
}

// receive reads the text of a message within MessageTimeout.
func (c *connection) receive(reader io.Reader, lease *memory.Lease) ([]byte, error) {
	if c.MessageTimeout > 0 {
		late := time.AfterFunc(c.MessageTimeout, func() {
			_ = c.conn.Close(websocket.StatusPolicyViolation, "A message did not arrive in time")
		})
		defer late.Stop()
	}
	var text bytes.Buffer
	_, err := text.ReadFrom(body.Charge(c.uncancelled, reader, lease))
	if errors.Is(err, memory.ErrExhausted) {
		return nil, TryAgainLater("The router is reading as many messages as its memory allows")
	}
	return text.Bytes(), err
}

// parse decodes a message. The payload is a copy, so it is charged in addition to
// the text.
func (c *connection) parse(text []byte, m *message, lease *memory.Lease) error {
	if len(text) > body.FreeBytes && lease.Grow(c.uncancelled, len(text)) != nil {
		return TryAgainLater("The router is reading as many messages as its memory allows")
	}
	err := json.Unmarshal(text, m)
	var wrong *json.UnmarshalTypeError // whose text names types of this program
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &wrong):
		return closing(closeBadRequest, "Invalid message: %s", err)
	case wrong.Field == "":
		return closing(closeBadRequest, "Invalid message: it must be a JSON object")
	}
	return closing(closeBadRequest, "Invalid message: its %s must be a string", wrong.Field)
}

func (c *connection) write(m message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("writing a message: %w", err)
	}
	if err := c.wire.message(data); err != nil {
		return fmt.Errorf("writing a message: %w", err)
	}
	return nil
}

// next sends a response in a next message.
func (c *connection) next(id string, response []byte) error {
	quoted, err := json.Marshal(id)
	if err != nil {
		return fmt.Errorf("writing a message: %w", err)
	}
	if err := c.wire.message([]byte(`{"id":`), quoted, []byte(`,"type":"next","payload":`), response, []byte("}")); err != nil {
		return fmt.Errorf("writing a message: %w", err)
	}
	return nil
}

// handle handles a message from the client.
func (c *connection) handle(ctx context.Context, m message) error {
	switch m.Type {
	case "ping":
		return c.write(message{Type: "pong", Payload: m.Payload})
	case "pong":
		return nil
	case "connection_init":
		return closing(closeTooManyInits, "Too many initialisation requests")
	case "complete":
		c.mu.Lock()
		defer c.mu.Unlock()
		if cancel := c.operations[m.ID]; cancel != nil {
			cancel(nil)
			delete(c.operations, m.ID)
		}
		return nil
	case "subscribe":
		return c.subscribe(ctx, m)
	}
	return closing(closeBadRequest, "Unknown message type %q", m.Type)
}

// subscribe starts an operation.
func (c *connection) subscribe(ctx context.Context, m message) error {
	if m.ID == "" || len(m.Payload) == 0 {
		return closing(closeBadRequest, "A subscribe message needs an id and a payload")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session.expired() {
		m.lease.Release()
		return nil // the connection is about to be closed
	}
	if c.operations[m.ID] != nil {
		return closing(closeDuplicate, "Subscriber for %s already exists", m.ID)
	}
	if c.MaxOperations > 0 && len(c.operations) >= c.MaxOperations {
		m.lease.Release()
		refused := json.RawMessage(fmt.Sprintf(`[{"message":"This connection already runs %d operations, the maximum.","extensions":{"code":"TOO_MANY_OPERATIONS"}}]`, c.MaxOperations))
		return c.write(message{ID: m.ID, Type: "error", Payload: refused})
	}
	ctx, cancel := context.WithCancelCause(ctx)
	c.operations[m.ID] = cancel
	c.running.Add(1)
	lease := m.lease // and not m: Run decides how long the payload is needed
	go c.run(ctx, m, func() {
		lease.Release()
		cancel(nil)
		c.running.Done()
	})
	return nil
}

// run runs an operation and sends its final message.
func (c *connection) run(ctx context.Context, m message, done func()) {
	id := m.ID
	c.Run(ctx, m.Payload, m.lease, func(response []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return c.next(id, response)
	}, func(refused json.RawMessage) {
		defer done()
		c.mu.Lock()
		delete(c.operations, id) // the client may now reuse the id
		c.mu.Unlock()
		if ctx.Err() != nil && !errors.Is(context.Cause(ctx), ErrExpired) {
			return // the client ended the operation or has left
		}
		end := message{ID: id, Type: "complete"}
		if refused != nil {
			end = message{ID: id, Type: "error", Payload: refused}
		}
		_ = c.write(end) // if it fails, so does the next read
	})
}

// expire closes the connection when the client's identity expires. It ends the
// operations first, so that each can send its error.
func (c *connection) expire(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	c.mu.Lock() // no operation starts after this
	for _, cancel := range c.operations {
		cancel(ErrExpired)
	}
	c.mu.Unlock()
	ended := make(chan struct{})
	c.watching.Go(func() {
		defer close(ended)
		c.running.Wait()
	})
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
	_ = c.conn.Close(closeForbidden, reasonExpired)
}

// beat pings the client and closes the connection if it does not respond. It reports whether to go
// on.
func (c *connection) beat(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	ping, cancel := context.WithTimeout(c.uncancelled, patience)
	defer cancel()
	err := c.conn.Ping(ping)
	if err != nil && ctx.Err() == nil {
		_ = c.conn.CloseNow()
	}
	return err == nil
}
