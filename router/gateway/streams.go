package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"souk/internal/detach"
	"souk/internal/memory"
	"souk/router/execute"
	"souk/router/hook"
	"souk/router/internal/body"
	"souk/router/internal/jsonscan"
	"souk/router/internal/panics"
	"souk/router/operation"
	"souk/router/subscribe"
)

func isWebSocket(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// openStreams counts open streams and WebSockets. The zero value is ready for use.
type openStreams struct {
	mu      sync.Mutex
	count   int
	waiting chan struct{} // closed when count becomes 0; nil if nobody waits
}

// add counts one more stream. It reports false if there are most already; 0 means no
// limit.
func (o *openStreams) add(most int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if most > 0 && o.count >= most {
		return false
	}
	o.count++
	return true
}

func (o *openStreams) done() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.count--; o.count == 0 && o.waiting != nil {
		close(o.waiting)
		o.waiting = nil
	}
}

// idle returns a channel that is closed when no stream is open.
func (o *openStreams) idle() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waiting == nil {
		o.waiting = make(chan struct{})
	}
	idle := o.waiting
	if o.count == 0 {
		close(idle)
		o.waiting = nil
	}
	return idle
}

// openStream counts a new stream and returns a function that the caller must call when
// the stream ends. The problem says why no stream can be opened.
func (gw *Gateway) openStream() (func(), *problem) {
	refuse := func(code, detail string) (func(), *problem) {
		return nil, &problem{status: http.StatusServiceUnavailable, code: code, detail: detail}
	}
	switch {
	case !gw.config.Subscriptions.Enabled:
		return nil, &problem{status: http.StatusNotAcceptable, code: "SUBSCRIPTIONS_DISABLED", detail: "Subscriptions are disabled."}
	case gw.draining.Load():
		return refuse(codeShuttingDown, "The router is shutting down.")
	case !gw.open.add(gw.config.Subscriptions.MaxConnections):
		return refuse("TOO_MANY_STREAMS", "The router has reached its limit of open streams. Try again later.")
	}
	return sync.OnceFunc(gw.open.done), nil
}

// serveStream serves a subscription, or an operation of any kind whose client accepts
// only an event stream.
func (x *exchange) serveStream(p *prepared) {
	if !x.accept.events && !x.accept.subscription && x.config.Subscriptions.Enabled {
		x.writeProblem(&problem{status: http.StatusNotAcceptable, code: "NOT_ACCEPTABLE",
			detail: "Subscriptions need a streaming response. Send Accept: text/event-stream or Accept: " + subscriptionParts + ", or use a WebSocket with the subprotocol " + subscribe.Protocol + "."})
		return
	}
	done, refused := x.openStream()
	if refused != nil {
		x.writeProblem(refused)
		return
	}
	var out subscribe.Writer
	if x.accept.subscription && p.op.Kind == operation.Subscription {
		out = subscribe.NewSubscriptionParts(x.w, x.config.Subscriptions.Heartbeat)
	} else {
		out = subscribe.NewEvents(x.w, x.config.Subscriptions.Heartbeat, func() string { return x.eventID })
	}
	run := func(ctx context.Context, emit func([]byte) error) error { return x.stream(ctx, p, emit) }
	detaches := p.op.Kind == operation.Subscription && detach.Supports(x.r)
	if detaches {
		x.w.Header().Set("Connection", "close") // the server cannot have the connection back
	}
	err := out.Begin()
	if err == nil && detaches {
		var d *detach.Response
		var ahead *bufio.ReadWriter
		if d, ahead, err = detach.Take(x.w, x.r); err == nil {
			x.serveDetached(d, ahead, p, out, run, done)
			return
		}
		if errors.Is(err, detach.ErrUnsupported) {
			err = nil
		}
	}
	defer done()
	ctx, stop := x.untilStopped(x.r.Context())
	defer stop()
	if err == nil {
		err = out.Serve(ctx, run)
	}
	if err != nil && x.r.Context().Err() == nil {
		x.logger.DebugContext(ctx, "stream ended", "error", err)
	}
}

// serveDetached serves a stream that has begun and outlives the handler. done is called at its end.
func (x *exchange) serveDetached(d *detach.Response, ahead *bufio.ReadWriter, p *prepared, out subscribe.Writer, run subscribe.Stream, done func()) {
	out.Detach(d)
	x.outlive(d, p)
	sentAhead := ahead.Reader.Buffered() > 0
	d.Serve(func() {
		ctx, stop := x.untilStopped(x.r.Context())
		defer stop()
		if !sentAhead {
			d.Watch(stop)
		}
		err := panics.Catch(func() error { return out.Serve(ctx, run) })
		if !x.logFault(ctx, err) && err != nil && !errors.Is(context.Cause(ctx), context.Canceled) {
			x.logger.DebugContext(ctx, "stream ended", "error", err)
		}
	}, done)
}

// outlive prepares an exchange for the time after its handler.
func (x *exchange) outlive(d *detach.Response, p *prepared) {
	x.outlives = true
	d.After(x.end)
	x.r, x.w = detach.Request(x.r), nil
	if x.hooked != nil {
		x.hooked.HTTP = detach.Request(x.hooked.HTTP)
	}
	x.detach(p)
}

// untilStopped returns a context for a stream. While the gateway drains, streams end at
// random times in the second half of the drain period. The randomness spreads the
// reconnects; the first half gives load balancers time to notice that this router is
// going away.
func (gw *Gateway) untilStopped(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	cut := func() { cancel(subscribe.ErrCut) }
	unwatch := context.AfterFunc(gw.streams, cut)
	undrain := context.AfterFunc(gw.drain, func() {
		// Streams must end before the server closes their connections.
		half := min(gw.config.Subscriptions.DrainPeriod, gw.config.TrafficShaping.Router.ShutdownTimeout/2) / 2
		timer := time.AfterFunc(half+rand.N(max(half, 1)), cut)
		context.AfterFunc(ctx, func() { timer.Stop() })
	})
	return ctx, func() { unwatch(); undrain(); cancel(nil) }
}

// stream runs an operation of any kind for as long as its caller's identity
// holds.
func (x *exchange) stream(ctx context.Context, p *prepared, emit func([]byte) error) error {
	x.slot.unmeasured = true
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	if x.options.Lifetime != nil {
		life, release := x.options.Lifetime(x.r)
		defer release()
		if life.Err() != nil {
			end(subscribe.ErrExpired)
			return x.failedStream(ctx, x.ended(ctx, p, subscribe.ErrExpired))
		}
		defer context.AfterFunc(life, func() { end(subscribe.ErrExpired) })()
	}
	var err error
	switch {
	case p.op.Kind == operation.Subscription:
		err = x.subscribe(ctx, end, p, x.emitHooked(ctx, emit))
	case x.shares(p) && !p.deferring:
		err = x.emitShared(ctx, p, emit)
	default:
		err = x.deliver(ctx, p, time.Now(), func(response *execute.Response) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			_, body := x.hookResponse(ctx, http.StatusOK, response.Body, response)
			return emit(body)
		})
	}
	if err == nil {
		return nil
	}
	return x.failedStream(ctx, x.ended(ctx, p, err))
}

// emitShared emits the one response of a query, which identical queries share.
func (x *exchange) emitShared(ctx context.Context, p *prepared, emit func([]byte) error) error {
	f := x.join(ctx, p, time.Now())
	if f == nil {
		return ctx.Err()
	}
	if f.body == nil {
		return errFlight
	}
	defer f.body.Release()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, body := x.hookResponse(ctx, http.StatusOK, f.body.Bytes, &f.outcome)
	return emit(body)
}

func (x *exchange) subscribe(ctx context.Context, end context.CancelCauseFunc, p *prepared, emit func([]byte) error) error {
	x.detach(p)
	x.slot.release() // subscriptions.max_connections bounds those that are open
	if x.seen != nil {
		x.seen.Stream = true
	}
	x.metrics.Subscriptions.Inc()
	defer x.metrics.Subscriptions.Dec()
	defer x.follow(p, end)()
	identified := func(response []byte, id string) error {
		x.eventID = id
		return emit(response)
	}
	if !x.config.Subscriptions.Deduplicate || x.lastEventID(p) != "" {
		return x.upstream(ctx, p, identified)
	}
	return x.shared.follow(ctx, x, p, identified)
}

// lastEventID returns the Last-Event-ID of a client that continues a subscription whose events
// have IDs. A client of a WebSocket cannot send one for each subscription.
func (x *exchange) lastEventID(p *prepared) string {
	if !p.program.FedByEvents() || x.carrier == hook.WebSocket {
		return ""
	}
	return x.r.Header.Get("Last-Event-Id")
}

// detach makes an operation independent of the text of its request, which it may outlive
// by hours, and reduces the charge for the text to what the operation retains: the
// document and the variables. As for bodies, the first body.FreeBytes are free.
func (x *exchange) detach(p *prepared) {
	if x.text.Held() == 0 && !x.outlives {
		return
	}
	vars, retained := slices.Clone(p.vars), len(p.document.text)+x.detachExtensions()
	for i := range vars {
		vars[i].Value = bytes.Clone(vars[i].Value)
		retained += len(vars[i].Value)
	}
	p.vars = vars
	if x.hooked != nil {
		x.hooked.Operation.Variables = vars
	}
	x.body = nil
	if retained <= body.FreeBytes {
		retained = 0
	}
	if x.text != nil {
		x.text.Resize(retained)
	}
}

// upstream opens a subscription to the subgraph and hands on its responses.
func (x *exchange) upstream(ctx context.Context, p *prepared, emit func(response []byte, eventID string) error) error {
	x.metrics.SubscriptionUpstreams.Inc()
	defer x.metrics.SubscriptionUpstreams.Dec()
	req := x.executeRequest(p)
	req.LastEventID = x.lastEventID(p)
	return x.snapshot.executor.Subscribe(ctx, req, func(response *execute.Response) error {
		defer response.Release()
		x.metrics.countErrors(response.Codes)
		x.metrics.Ended(x.metrics.blame.Outcome(response.Codes, response.DataNull)).Inc()
		x.sawEvent(response)
		x.exceeded(ctx, p, response)
		return emit(response.Body, response.EventID)
	})
}

// Values of extensions.code for subscriptions that the router ends.
const (
	codeShuttingDown = execute.CodeShuttingDown
	codeSchemaReload = "SUBSCRIPTION_SCHEMA_RELOAD"
	codeExpired      = "SUBSCRIPTION_JWT_EXPIRED"
	codeSlowClient   = "SUBSCRIPTION_SLOW_CLIENT"
)

// ended returns the error to report for a stream that did not complete normally.
func (x *exchange) ended(ctx context.Context, p *prepared, err error) error {
	var refused *execute.RequestError
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errReloaded):
		return x.failure(codeSchemaReload, "The schema has changed and this subscription is no longer valid. Subscribe again with an operation that is valid for the new schema.")
	case errors.Is(cause, subscribe.ErrExpired):
		return x.failure(codeExpired, "The access token has expired. Subscribe again with a new one.")
	case cause != nil:
		return cause // the client has disconnected or must reconnect elsewhere
	case errors.Is(err, memory.ErrExhausted):
		x.metrics.Limits.Shed.Inc()
		return x.failure(codeOverloaded, errNoRoom.Err.Message)
	case errors.Is(err, errSlowClient):
		x.metrics.SubscriptionsDropped.Inc()
		return x.failure(codeSlowClient, "The client reads events too slowly. Its subscription has ended; subscribe again.")
	case errors.As(err, &refused):
		if refused.Err != nil {
			x.logger.WarnContext(ctx, "subscription failed", "operation", p.document.name, "error", refused.Err)
		}
		x.metrics.countErrors(refused.Codes)
		x.metrics.Ended(x.metrics.blame.Outcome(refused.Codes, true)).Inc()
		x.sawCodes(refused.Codes)
		return &subscribe.Failure{Errors: refused.Errors, Transport: refused.Err != nil}
	}
	return err
}

func (x *exchange) failure(code, message string) error {
	f := x.refuse(&operation.Error{Message: message, Code: code})
	x.sawFailure(f)
	return &subscribe.Failure{Errors: errorList(f), Transport: true}
}

var errReloaded = errors.New("the subscription is not valid for the new schema")

// following holds the open subscriptions and the functions that end them.
type following struct {
	mu   sync.Mutex
	open map[*prepared]followed
}

// A followed subscription is an open one.
type followed struct {
	end     context.CancelCauseFunc
	carrier string // websocket, sse or multipart
}

// follow registers a subscription. The returned function removes it.
func (x *exchange) follow(p *prepared, end context.CancelCauseFunc) func() {
	f := &x.following
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		f.open = map[*prepared]followed{}
	}
	f.open[p] = followed{end, x.streamCarrier()}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.open, p)
	}
}

// endStale ends the subscriptions that are not valid for the next snapshot, at random
// times within subscriptions.reload_jitter to spread the reconnects. All others continue
// on the snapshot they began with.
func (gw *Gateway) endStale(next *snapshot) {
	gw.following.mu.Lock()
	defer gw.following.mu.Unlock()
	quiet := newMetrics(nil)
	for p, open := range gw.following.open {
		if _, err := gw.adopt(next, quiet, p); err != nil {
			time.AfterFunc(rand.N(max(gw.config.Subscriptions.ReloadJitter, 1)), func() { open.end(errReloaded) })
		}
	}
}

// adopt plans the operation of an open subscription for another snapshot. It fails if the
// operation is not valid there.
func (gw *Gateway) adopt(next *snapshot, m *metrics, p *prepared) (*execute.Program, error) {
	d, err := next.inherit(context.Background(), m, p.document)
	if err != nil {
		return nil, err
	}
	program, _, err := next.program(context.Background(), m, &prepared{document: d, op: d.Undeferred(p.vars), vars: p.vars})
	return program, err
}

// serveWebSocket serves the graphql-transport-ws protocol. The middleware of the endpoint
// runs after connection_init rather than at the handshake: browsers cannot set headers on
// the handshake, so they send the token in the payload.
func (gw *Gateway) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if refused := gw.checkSocketOrigin(r); refused != nil {
		refused.write(w)
		return
	}
	done, refused := gw.openStream()
	if refused != nil {
		refused.write(w)
		return
	}
	var initialised *http.Request
	sockets := subscribe.Sockets{
		Origins:       []string{"*"}, // checkSocketOrigin has checked the origin
		InitTimeout:   gw.config.Subscriptions.InitTimeout,
		Heartbeat:     gw.config.Subscriptions.Heartbeat,
		MaxMessage:    int64(gw.config.Limits.MaxBodyBytes),
		MaxOperations: maxOperations,
		// A message corresponds to an HTTP request body.
		MessageTimeout: gw.config.Limits.BodyTimeout,
		Memory:         gw.options.Memory,
		Init: func(r *http.Request, payload json.RawMessage) (*subscribe.Session, error) {
			var err error
			initialised, err = gw.initialise(r, payload)
			if err != nil {
				return nil, err
			}
			return gw.session(initialised), nil
		},
		Run: func(ctx context.Context, payload json.RawMessage, lease *memory.Lease, emit func([]byte) error) json.RawMessage {
			return gw.runMessage(initialised.WithContext(ctx), payload, lease, emit)
		},
	}
	socket := sockets.Accept(w, r)
	if socket == nil {
		done()
		return
	}
	ctx := context.WithoutCancel(r.Context()) // not of use for a connection that was taken over
	serve := func() {
		ctx, stop := gw.untilStopped(ctx)
		defer stop()
		socket.Serve(ctx)
	}
	if d := socket.Detached(); d != nil {
		d.Serve(func() {
			gw.logFault(ctx, panics.Catch(func() error { serve(); return nil }))
		}, done)
		return
	}
	defer done()
	serve()
}

// Reasons in the close frame of a WebSocket. They are limited to 123 bytes (RFC 6455,
// section 5.5). "Forbidden" is the reason that the graphql-transport-ws protocol gives
// for close code 4403.
var (
	errUnauthorized = errors.New("Forbidden")
	errInitPayload  = errors.New("payload of connection_init is not an object")
	errInitHeader   = errors.New("header in connection_init is not a valid string")
)

func (gw *Gateway) session(r *http.Request) *subscribe.Session {
	s := &subscribe.Session{Values: r.Context()}
	if gw.options.Lifetime != nil {
		s.Identity, s.Release = gw.options.Lifetime(r)
	}
	return s
}

// initialise adds the headers in the payload of connection_init to the handshake request
// and runs the middleware on it. It returns the request as the middleware passes it on,
// with the caller in its context.
func (gw *Gateway) initialise(r *http.Request, payload json.RawMessage) (*http.Request, error) {
	r = r.Clone(r.Context())
	if err := gw.initHeaders(r.Header, payload); err != nil {
		return nil, err
	}
	var through *http.Request
	w := &refusedInit{header: http.Header{}}
	gw.wrap(func(_ http.ResponseWriter, r *http.Request) { through = r }).ServeHTTP(w, r)
	if through == nil {
		return nil, w.reason()
	}
	return through, nil
}

// initHeaders copies headers from the payload of connection_init, or from its member
// "headers", to h. Only names in subscriptions.init_headers count. A header that the
// handshake already has stays, unless init_overrides_handshake is set: a proxy between
// the client and the router may have set it. A listed header with an invalid value is an
// error, so that a client that tries to authenticate never becomes anonymous. An empty
// string is ignored.
func (gw *Gateway) initHeaders(h http.Header, payload json.RawMessage) error {
	if len(payload) == 0 {
		return nil
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(payload, &given) != nil {
		return errInitPayload
	}
	var inner map[string]json.RawMessage
	if json.Unmarshal(given["headers"], &inner) == nil && inner != nil {
		given = inner
	}
	// A name that occurs in two spellings becomes a header with two values, which
	// authentication rejects. Choosing one would depend on map order.
	set := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		canonical := http.CanonicalHeaderKey(name)
		if !slices.ContainsFunc(gw.config.Subscriptions.InitHeaders, func(listed string) bool { return http.CanonicalHeaderKey(listed) == canonical }) {
			continue
		}
		var text string
		if json.Unmarshal(given[name], &text) != nil || !httpguts.ValidHeaderFieldValue(text) {
			return fmt.Errorf("%w: %s", errInitHeader, canonical)
		}
		if text != "" {
			set[canonical] = append(set[canonical], text)
		}
	}
	for _, name := range gw.config.Subscriptions.InitHeaders {
		name = http.CanonicalHeaderKey(name)
		_, taken := h[name]
		if values := set[name]; len(values) > 0 && (!taken || gw.config.Subscriptions.InitOverrides) {
			h[name] = values
		}
	}
	return nil
}

// A refusedInit records the response of middleware that rejects connection_init.
type refusedInit struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *refusedInit) Header() http.Header { return w.header }

// Write implements http.ResponseWriter.
func (w *refusedInit) Write(b []byte) (int, error) { return w.body.Write(b) }

// WriteHeader implements http.ResponseWriter.
func (w *refusedInit) WriteHeader(status int) { w.status = status }

// reason returns the error that closes the connection: the message of the first GraphQL
// error in the response.
func (w *refusedInit) reason() error {
	var response struct{ Errors []struct{ Message string } }
	if json.Unmarshal(w.body.Bytes(), &response) != nil || len(response.Errors) == 0 {
		return errUnauthorized
	}
	message := response.Errors[0].Message
	if w.status == http.StatusServiceUnavailable {
		return subscribe.TryAgainLater(message)
	}
	return errors.New(message)
}

// runMessage runs the operation of a subscribe message. The result is a list of errors, or nil.
func (gw *Gateway) runMessage(r *http.Request, payload json.RawMessage, lease *memory.Lease, emit func([]byte) error) (refused json.RawMessage) {
	err := panics.Catch(func() error {
		refused = gw.runSubscribe(r, payload, lease, emit)
		return nil
	})
	if err != nil {
		gw.logFault(r.Context(), err)
		return errorList(gw.refuse(err))
	}
	return refused
}

func (gw *Gateway) runSubscribe(r *http.Request, payload json.RawMessage, lease *memory.Lease, emit func([]byte) error) json.RawMessage {
	current := gw.acquire()
	if current == nil {
		return errorList(gw.refuse(&Refusal{Err: &operation.Error{Message: "The router is shutting down.", Code: codeShuttingDown}}))
	}
	defer current.release()
	x := exchange{Gateway: gw, snapshot: current, r: r, accept: accepted{events: true}, carrier: hook.WebSocket, text: lease}
	x.see("websocket")
	defer x.saw()
	var refused *Refusal
	if x.slot, refused = gw.takeSlot(r, http.Header{}); refused != nil {
		f := gw.refuse(refused)
		x.sawFailure(f)
		return errorList(f)
	}
	defer x.slot.release()
	var req request
	err := req.parse(payload)
	var p *prepared
	if err == nil {
		p, err = x.prepare(r.Context(), &req)
	}
	payload, req = nil, request{} //nolint:ineffassign,wastedassign // a subscription must not retain the message
	if err != nil {
		gw.logFault(r.Context(), err)
		f := gw.refuse(err)
		x.sawFailure(f)
		return x.refusedStream(x.r.Context(), errorList(f))
	}
	var failure *subscribe.Failure
	if errors.As(x.stream(x.r.Context(), p, emit), &failure) {
		return failure.Errors
	}
	return nil
}

func errorList(f failure) json.RawMessage {
	out, err := jsonscan.Marshal(f.errors)
	if err != nil { // unreachable: every value can be encoded
		panic(err)
	}
	return out
}
