package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

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

func (o *openStreams) load() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count
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
	detaches := p.op.Kind == operation.Subscription && detach.Supports(x.r)
	if detaches {
		x.w.Header().Set("Connection", "close") // the server cannot have the connection back
	}
	err := out.Begin()
	if err == nil && detaches {
		var d *detach.Response
		var ahead *bufio.ReadWriter
		if d, ahead, err = detach.Take(x.w, x.r); err == nil {
			x.serveDetached(d, ahead, p, out, done)
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
		result := make(chan error, 1)
		x.serveOut(ctx, p, out, func(err error) { result <- err })
		err = <-result
	}
	if !x.logFault(ctx, err) && err != nil && x.r.Context().Err() == nil {
		x.logger.DebugContext(ctx, "stream ended", "error", err)
	}
}

// serveOut writes the stream of an operation.
func (x *exchange) serveOut(ctx context.Context, p *prepared, out subscribe.Writer, ended func(error)) {
	out.Serve(ctx, func(ctx context.Context, emit func([]byte) error, ended func(error)) { x.stream(ctx, p, emit, ended) }, ended)
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
// holds, and then calls ended. While a subscription waits for events, it needs no goroutine.
func (x *exchange) stream(ctx context.Context, p *prepared, emit func([]byte) error, ended func(error)) {
	x.slot.unmeasured = true
	ctx, end := context.WithCancelCause(ctx)
	release := func() {}
	finish := func(err error) {
		if err != nil {
			err = x.failedStream(ctx, x.ended(ctx, p, err))
		}
		release()
		end(nil)
		ended(err)
	}
	if x.options.Lifetime != nil {
		life, forget := x.options.Lifetime(x.r)
		release = forget
		if life.Err() != nil {
			end(subscribe.ErrExpired)
			finish(subscribe.ErrExpired)
			return
		}
		if life.Done() != nil {
			unwatch := context.AfterFunc(life, func() { end(subscribe.ErrExpired) })
			release = func() { unwatch(); forget() }
		}
	}
	if p.op.Kind == operation.Subscription {
		x.subscribe(ctx, end, p, x.emitHooked(ctx, emit), finish)
		return
	}
	finish(panics.Catch(func() error { return x.answer(ctx, p, emit) }))
}

// answer runs a query or mutation whose client accepts only a stream.
func (x *exchange) answer(ctx context.Context, p *prepared, emit func([]byte) error) error {
	if x.shares(p) && !p.deferring {
		return x.emitShared(ctx, p, emit)
	}
	return x.deliver(ctx, p, time.Now(), func(response *execute.Response) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		_, body := x.hookResponse(ctx, http.StatusOK, response.Body, response)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return emit(body)
	})
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
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return emit(body)
}

// subscribe runs a subscription, and then calls ended. If it shares a stream, subscribe returns
// before.
func (x *exchange) subscribe(ctx context.Context, end context.CancelCauseFunc, p *prepared, emit func([]byte) error, ended func(error)) {
	x.detach(p)
	x.slot.release() // subscriptions.max_connections bounds those that are open
	if x.seen != nil {
		x.seen.Stream = true
	}
	x.metrics.Subscriptions.Inc()
	unfollow := x.follow(p, end)
	finish := func(err error) {
		unfollow()
		x.metrics.Subscriptions.Dec()
		ended(err)
	}
	identified := func(response []byte, id string) error {
		x.eventID = id
		return emit(response)
	}
	if !x.config.Subscriptions.Deduplicate || x.lastEventID(p) != "" {
		finish(panics.Catch(func() error { return x.upstream(ctx, p, identified) }))
		return
	}
	err := panics.Catch(func() error {
		x.shared.follow(ctx, x, p, identified, finish)
		return nil
	})
	if err != nil { // before anything is open: events are handed on by other means
		finish(err)
	}
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

func errorList(f failure) json.RawMessage {
	out, err := jsonscan.Marshal(f.errors)
	if err != nil { // unreachable: every value can be encoded
		panic(err)
	}
	return out
}
