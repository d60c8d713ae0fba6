package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"souk/router/hook"
	"souk/router/subscribe"
)

// This file implements the single connection mode of GraphQL over server-sent events. A
// client reserves an event stream with PUT and receives a token. It opens the stream with
// the token, and then sends each operation in a separate request. The responses arrive
// on the stream.

const (
	// tokenHeader and tokenParameter carry the token of a reservation.
	tokenHeader    = "X-Graphql-Event-Stream-Token"
	tokenParameter = "token"
	// tokenPrefix distinguishes tokens from other uses of the parameter.
	tokenPrefix = "es_"
	// maxOperations bounds the operations in progress on one event stream or WebSocket.
	// It is the usual limit of concurrent streams on an HTTP/2 connection.
	maxOperations = 100
)

// reservations holds the event streams that clients have reserved or opened, by token.
// The zero value is ready for use.
type reservations struct {
	mu      sync.Mutex
	byToken map[string]*reservation
	running sync.WaitGroup // operations
}

// A reservation is one event stream and its operations.
type reservation struct {
	token string
	owner string          // the caller that reserved it; see Gateway.owner
	life  context.Context // canceled when the reservation ends
	end   func()

	connected chan struct{} // closed when the stream is open
	mu        sync.Mutex
	stream    *subscribe.Multiplex
	taken     bool // a stream was opened, or the reservation timed out
	// operations has the cancel functions of operations in progress, by operationId.
	operations map[string]context.CancelFunc
	running    sync.WaitGroup
}

// streamToken returns the reservation token in a request, or "".
func streamToken(r *http.Request) string {
	token := r.Header.Get(tokenHeader)
	if token == "" && strings.Contains(r.URL.RawQuery, tokenPrefix) {
		token = r.URL.Query().Get(tokenParameter)
	}
	if !strings.HasPrefix(token, tokenPrefix) {
		return ""
	}
	return token
}

func (gw *Gateway) singleConnection() bool {
	return gw.config.Subscriptions.Enabled && gw.config.Subscriptions.SingleConnection.Enabled
}

// serveSingleConnection serves the requests of the single connection mode other than
// operations: reserving, opening a stream, and stopping an operation. It reports false
// for all other requests.
func (gw *Gateway) serveSingleConnection(w http.ResponseWriter, r *http.Request, accept accepted) bool {
	if !gw.singleConnection() {
		return false
	}
	token := streamToken(r)
	switch {
	case r.Method == http.MethodPut:
		gw.reserve(w, r)
	case token == "":
		return false
	case r.Method == http.MethodDelete:
		gw.stopOperation(w, r, token)
	case accept.events && (r.Method == http.MethodGet && !r.URL.Query().Has("query") || r.Method == http.MethodPost && r.ContentLength == 0):
		gw.openReserved(w, r, token)
	default:
		return false
	}
	return true
}

func (gw *Gateway) reserve(w http.ResponseWriter, r *http.Request) {
	slot, refused := gw.takeSlot(r, w.Header())
	if refused != nil {
		Reject(w, r, refused)
		return
	}
	slot.release()
	c := gw.config.Subscriptions.SingleConnection
	s := &gw.reservations
	s.mu.Lock()
	defer s.mu.Unlock()
	if gw.draining.Load() || len(s.byToken) >= c.MaxReservations {
		w.Header().Set("Retry-After", "1")
		(&problem{status: http.StatusServiceUnavailable, code: "TOO_MANY_STREAMS", detail: "The router has reached its limit of event stream reservations. Try again in 1 s."}).write(w)
		return
	}
	res := &reservation{token: tokenPrefix + rand.Text(), owner: gw.owner(r), connected: make(chan struct{}), operations: map[string]context.CancelFunc{}}
	res.life, res.end = gw.untilStopped(context.Background())
	timer := time.AfterFunc(c.Timeout, func() {
		if res.claim() {
			res.end()
		}
	})
	context.AfterFunc(res.life, func() {
		timer.Stop()
		s.forget(res)
	})
	if s.byToken == nil {
		s.byToken = map[string]*reservation{}
	}
	s.byToken[res.token] = res
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte(res.token)) // an error means that the client has disconnected
}

func (s *reservations) forget(res *reservation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byToken, res.token)
}

// owner returns a key that identifies the caller of a request. Only the owner may use a
// reservation. The key is the caller's identity or, if the router does not authenticate
// callers, their Authorization header.
func (gw *Gateway) owner(r *http.Request) string {
	x := exchange{Gateway: gw, r: r}
	if scope := x.caller().Scope; scope != "" {
		return "scope\n" + scope
	}
	return "header\n" + strings.Join(r.Header["Authorization"], "\n")
}

// findReservation returns the caller's reservation with a token. The problem is the same
// for an unknown token and for a reservation of another caller.
func (gw *Gateway) findReservation(r *http.Request, token string) (*reservation, *problem) {
	gw.reservations.mu.Lock()
	res := gw.reservations.byToken[token]
	gw.reservations.mu.Unlock()
	if res == nil || res.owner != gw.owner(r) {
		return nil, &problem{status: http.StatusNotFound, code: "STREAM_NOT_FOUND", detail: "This event stream does not exist. Reserve one with a PUT request."}
	}
	return res, nil
}

// claim takes the reservation, for a stream or for its timeout. It reports true only for
// the first call.
func (res *reservation) claim() bool {
	res.mu.Lock()
	defer res.mu.Unlock()
	was := res.taken
	res.taken = true
	return !was
}

// openReserved serves the event stream of a reservation until the client disconnects or
// the router ends it.
func (gw *Gateway) openReserved(w http.ResponseWriter, r *http.Request, token string) {
	res, p := gw.findReservation(r, token)
	if p == nil && !res.claim() {
		p = &problem{status: http.StatusConflict, code: "STREAM_ALREADY_OPEN", detail: "This event stream is already open. Reserve another one with a PUT request."}
	}
	if p != nil {
		p.write(w)
		return
	}
	defer res.end()
	done, p := gw.openStream()
	if p != nil {
		p.write(w)
		return
	}
	defer done()
	ctx, cancel := context.WithCancel(res.life)
	defer cancel()
	defer context.AfterFunc(r.Context(), cancel)()
	m := subscribe.NewMultiplex(w, gw.config.Subscriptions.Heartbeat)
	err := m.Begin()
	if err == nil {
		err = m.Serve(ctx, func(m *subscribe.Multiplex) func() {
			res.stream = m
			close(res.connected)
			return func() { // wait until no operation writes to the response
				res.end()
				res.running.Wait()
			}
		})
	}
	if err != nil && r.Context().Err() == nil {
		gw.logger.DebugContext(ctx, "event stream ended", "error", err)
	}
}

func (gw *Gateway) stopOperation(w http.ResponseWriter, r *http.Request, token string) {
	res, p := gw.findReservation(r, token)
	id := r.URL.Query().Get("operationId")
	if p == nil && id == "" {
		p = &problem{status: http.StatusBadRequest, code: codeBadRequest, detail: "The parameter operationId is missing."}
	}
	if p != nil {
		p.write(w)
		return
	}
	res.mu.Lock()
	cancel := res.operations[id]
	res.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	w.WriteHeader(http.StatusOK)
}

// serveReserved accepts an operation for the event stream of a reservation.
func (x *exchange) serveReserved(token string) {
	res, p := x.findReservation(x.r, token)
	if p != nil {
		p.write(x.w)
		return
	}
	req, p, err := x.readReserved()
	if p != nil {
		p.write(x.w)
		return
	}
	x.accept, x.carrier = accepted{events: true}, hook.EventStream
	var prepared *prepared
	if err == nil {
		prepared, err = x.prepare(x.r.Context(), &req)
	}
	if err != nil {
		x.fail(err)
		return
	}
	if p := x.begin(res, operationID(req.extensions), prepared); p != nil {
		x.writeProblem(p)
		return
	}
	x.w.Header().Set("Cache-Control", "no-store")
	x.w.WriteHeader(http.StatusAccepted)
}

// readReserved reads an operation. It copies the body, because the operation outlives
// the request and its pooled buffer.
func (x *exchange) readReserved() (req request, p *problem, err error) {
	if x.r.Method == http.MethodGet {
		req, err = parseQuery(x.r.URL.Query())
		return req, nil, err
	}
	body, p := x.readBody(x.w, x.r, &x.memory)
	if p != nil {
		return req, p, nil
	}
	text := bytes.Clone(body.Bytes())
	bodies.put(body)
	req, err = parseBody(text)
	req.safe = x.r.Method == methodQuery
	return req, nil, err
}

// operationID returns extensions.operationId, or "" if it is missing.
func operationID(extensions json.RawMessage) string {
	var e struct {
		OperationID string `json:"operationId"`
	}
	if json.Unmarshal(extensions, &e) != nil {
		return ""
	}
	return e.OperationID
}

// begin starts an operation whose responses go to the stream of a reservation. The
// operation takes over the request's slot in flight and retains the snapshot, because
// it outlives the request.
func (x *exchange) begin(res *reservation, id string, p *prepared) *problem {
	ctx, cancel := context.WithCancel(res.life)
	if problem := res.add(id, cancel); problem != nil {
		cancel()
		return problem
	}
	own := &exchange{Gateway: x.Gateway, snapshot: x.snapshot, accept: x.accept, slot: x.slot, carrier: x.carrier, hooked: x.hooked, seen: x.seen}
	x.seen = nil
	own.memory.Take(&x.memory)
	own.text = &own.memory
	own.slot.unmeasured = true // the operation waits for the client's stream
	own.r = x.r.WithContext(&joined{Context: ctx, values: x.r.Context()})
	x.slot = slot{}
	if x.hooked != nil {
		// The header of the response to this request is not the operation's any more,
		// and both would write to it at the same time.
		x.hooked.ResponseHeader = http.Header{}
	}
	x.snapshot.retain() // cannot fail: this request holds the snapshot
	x.reservations.running.Go(func() {
		defer own.snapshot.release()
		defer own.memory.Release()
		defer own.slot.release()
		defer own.saw()
		defer res.running.Done()
		defer cancel()
		select {
		case <-res.connected:
		case <-ctx.Done():
			res.remove(id)
			return
		}
		res.stream.Run(own.r.Context(), id, func(ctx context.Context, emit func([]byte) error, ended func(error)) {
			own.stream(ctx, p, emit, func(err error) {
				own.logFault(ctx, err)
				res.remove(id) // the id is free again when the client reads complete
				ended(err)
			})
		})
	})
	return nil
}

// joined is a context that is canceled with one context and also has the values of
// another.
type joined struct {
	context.Context
	values context.Context
}

func (j *joined) Value(key any) any {
	if v := j.Context.Value(key); v != nil {
		return v
	}
	return j.values.Value(key)
}

// add registers an operation. The problem says why the stream cannot take it.
func (res *reservation) add(id string, cancel context.CancelFunc) *problem {
	res.mu.Lock()
	defer res.mu.Unlock()
	switch {
	case id == "":
		return &problem{status: http.StatusBadRequest, code: codeBadRequest, detail: "extensions.operationId is missing. It must identify the operation within the event stream."}
	case res.life.Err() != nil:
		return &problem{status: http.StatusNotFound, code: "STREAM_NOT_FOUND", detail: "The event stream has ended. Reserve another one with a PUT request."}
	case res.operations[id] != nil:
		return &problem{status: http.StatusConflict, code: "OPERATION_EXISTS", detail: "The event stream already has an operation with this operationId. Use another operationId."}
	case len(res.operations) >= maxOperations:
		return &problem{status: http.StatusTooManyRequests, code: "TOO_MANY_OPERATIONS",
			detail: fmt.Sprintf("The event stream already has %d operations in progress, which is the maximum. Wait until one completes.", maxOperations)}
	}
	res.operations[id] = cancel
	res.running.Add(1)
	return nil
}

func (res *reservation) remove(id string) {
	res.mu.Lock()
	defer res.mu.Unlock()
	delete(res.operations, id)
}
