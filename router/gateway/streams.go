package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subscribe"
)

func isWebSocket(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// openStream counts a stream in, unless there are too many. The result takes
// it out again.
func (gw *Gateway) openStream() (func(), *problem) {
	refuse := func(code, detail string) (func(), *problem) {
		return nil, &problem{status: http.StatusServiceUnavailable, code: code, detail: detail}
	}
	switch {
	case !gw.config.Subscriptions.Enabled:
		return nil, &problem{status: http.StatusNotAcceptable, code: "SUBSCRIPTIONS_DISABLED", detail: "Streams are not enabled here."}
	case gw.draining.Load():
		return refuse("SHUTTING_DOWN", "The router is about to stop.")
	}
	if most := gw.config.Subscriptions.MaxConnections; gw.openStreams.Add(1) > int64(most) && most > 0 {
		gw.openStreams.Add(-1)
		return refuse("TOO_MANY_STREAMS", "There are as many open streams as there may be; try again later.")
	}
	var once atomic.Bool
	return func() {
		if !once.Swap(true) {
			gw.openStreams.Add(-1)
		}
	}, nil
}

// serveEvents answers by server-sent events.
func (x *exchange) serveEvents(p *prepared) {
	if !x.accept.events {
		(&problem{status: http.StatusNotAcceptable, code: "NOT_ACCEPTABLE",
			detail: "A subscription is answered as a stream: send Accept: text/event-stream, or use WebSocket with " + subscribe.Protocol + "."}).write(x.w)
		return
	}
	done, refused := x.openStream()
	if refused != nil {
		refused.write(x.w)
		return
	}
	defer done()
	ctx, stop := x.untilStopped(x.r.Context())
	defer stop()
	err := subscribe.ServeEvents(ctx, x.w, x.config.Subscriptions.Heartbeat, func(ctx context.Context, emit func([]byte) error) error {
		return x.stream(ctx, p, emit)
	})
	if err != nil && x.r.Context().Err() == nil {
		x.logger.DebugContext(ctx, "event stream ended", "error", err)
	}
}

// untilStopped gives a context that ends when open streams must.
func (gw *Gateway) untilStopped(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(gw.streams, cancel)
	return ctx, func() { stop(); cancel() }
}

// stream runs an operation of any kind and hands on its responses.
func (x *exchange) stream(ctx context.Context, p *prepared, emit func([]byte) error) error {
	if p.op.Kind != operation.Subscription {
		return x.deliver(ctx, p, time.Now(), func(response *execute.Response) error { return emit(response.Body) })
	}
	x.place.leave() // subscriptions.max_connections bounds those that are open
	x.metrics.Subscriptions.Inc()
	defer x.metrics.Subscriptions.Dec()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer x.follow(p, end)()
	err := x.gen.executor.Subscribe(ctx, x.executeRequest(p), func(response *execute.Response) error {
		defer response.Release()
		x.metrics.countErrors(response.Codes)
		return emit(response.Body)
	})
	switch {
	case errors.Is(context.Cause(ctx), errReloaded):
		return emit(x.refuse(&operation.Error{Message: "The schema has changed, and the subscription does not fit it any more.", Code: "SUBSCRIPTION_SCHEMA_RELOAD"}).body())
	case err == nil || ctx.Err() != nil:
		return nil
	}
	x.logger.WarnContext(ctx, "subscription lost", "operation", p.document.name, "error", err)
	return emit(x.lost(err))
}

// lost is the last response of a stream that could not be had or kept.
func (x *exchange) lost(err error) []byte {
	e := &operation.Error{Message: "The subscription was lost.", Code: errorCode(err)}
	if x.config.Dev {
		e.Message = err.Error()
	}
	return x.refuse(e).body()
}

var errReloaded = errors.New("the subscription does not fit the new schema")

// following are the subscriptions that are open, with what ends them.
type following struct {
	mu   sync.Mutex
	open map[*prepared]context.CancelCauseFunc
}

// follow makes a subscription known; the result makes it forgotten.
func (gw *Gateway) follow(p *prepared, end context.CancelCauseFunc) func() {
	f := &gw.following
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		f.open = map[*prepared]context.CancelCauseFunc{}
	}
	f.open[p] = end
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.open, p)
	}
}

// endStale ends the subscriptions that a new supergraph has no place for, not
// all at once: their clients will come again. The others go on with the
// supergraph they began with.
func (gw *Gateway) endStale(next *generation) {
	gw.following.mu.Lock()
	defer gw.following.mu.Unlock()
	quiet := newMetrics(nil)
	for p, end := range gw.following.open {
		if _, err := gw.adopt(next, quiet, p); err != nil {
			time.AfterFunc(rand.N(max(gw.config.Subscriptions.ReloadJitter, 1)), func() { end(errReloaded) })
		}
	}
}

// adopt plans an operation that is under way for another generation.
func (gw *Gateway) adopt(next *generation, m *metrics, p *prepared) (*execute.Program, error) {
	d, _, err := next.document(context.Background(), m, nil, []byte(p.document.text), []byte(p.document.name))
	if err != nil {
		return nil, err
	}
	program, _, err := next.program(context.Background(), m, &prepared{document: d, op: d.Undeferred(p.vars), vars: p.vars})
	return program, err
}

// serveWebSocket answers by graphql-transport-ws. The middleware around the
// endpoint sees the request when the client has sent connection_init, since
// only there can a browser give a token.
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
	defer done()
	ctx, stop := gw.untilStopped(r.Context())
	defer stop()
	var initialised *http.Request
	sockets := subscribe.Sockets{
		Origins:     []string{"*"}, // checked above, with their schemes
		InitTimeout: gw.config.Subscriptions.InitTimeout,
		Heartbeat:   gw.config.Subscriptions.Heartbeat,
		MaxMessage:  int64(gw.config.Limits.MaxBodyBytes),
		// As many as one HTTP/2 connection would carry.
		MaxOperations: 100,
		Init: func(r *http.Request, payload json.RawMessage) (context.Context, error) {
			var err error
			initialised, err = gw.initialise(r, payload)
			if err != nil {
				return nil, err
			}
			return initialised.Context(), nil
		},
		Run: func(ctx context.Context, payload json.RawMessage, emit func([]byte) error) json.RawMessage {
			return gw.runMessage(initialised.WithContext(ctx), payload, emit)
		},
	}
	sockets.Serve(ctx, w, r)
}

var errUnauthorized = errors.New("Forbidden")

// initialise sends the request through the middleware, with the strings of
// the payload (or of "headers" in it) as headers, and gives what comes out.
func (gw *Gateway) initialise(r *http.Request, payload json.RawMessage) (*http.Request, error) {
	r = r.Clone(r.Context())
	var given map[string]json.RawMessage
	if json.Unmarshal(payload, &given) == nil {
		var inner map[string]json.RawMessage
		if json.Unmarshal(given["headers"], &inner) == nil {
			given = inner
		}
		for name, value := range given {
			var text string
			if json.Unmarshal(value, &text) == nil && text != "" {
				r.Header.Set(name, text)
			}
		}
	}
	var through *http.Request
	gw.wrap(func(_ http.ResponseWriter, r *http.Request) { through = r }).ServeHTTP(&discard{header: http.Header{}}, r)
	if through == nil {
		return nil, errUnauthorized
	}
	return through, nil
}

// discard is where the middleware writes its refusal.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// runMessage runs the operation of a subscribe message.
func (gw *Gateway) runMessage(r *http.Request, payload json.RawMessage, emit func([]byte) error) json.RawMessage {
	gen := gw.acquire()
	if gen == nil {
		return errorList(gw.refuse(&Refusal{Err: &operation.Error{Message: "The router is about to stop.", Code: "SHUTTING_DOWN"}}))
	}
	defer gen.release()
	x := exchange{Gateway: gw, gen: gen, r: r, accept: accepted{events: true}}
	var refused *Refusal
	if x.place, refused = gw.enter(r, http.Header{}); refused != nil {
		return errorList(gw.refuse(refused))
	}
	defer x.place.leave()
	var req request
	err := req.parse(payload)
	var p *prepared
	if err == nil {
		p, err = x.prepare(r.Context(), &req)
	}
	if err != nil {
		return errorList(gw.refuse(err))
	}
	// If it fails the client is gone, or has been told.
	_ = x.stream(r.Context(), p, emit)
	return nil
}

func errorList(f failure) json.RawMessage {
	out, err := json.Marshal(f.errors)
	if err != nil { // not reached: all parts have a JSON form
		panic(err)
	}
	return out
}

// errorCode gives the extensions.code for what a transport gave.
func errorCode(err error) string {
	var t *execute.TransportError
	switch {
	case errors.As(err, &t):
		return t.Code
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return execute.CodeCancelled
	}
	return execute.CodeInternal
}
