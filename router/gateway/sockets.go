package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"golang.org/x/net/http/httpguts"

	"souk/internal/memory"
	"souk/router/hook"
	"souk/router/internal/panics"
	"souk/router/operation"
	"souk/router/subscribe"
)

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
		Run: func(ctx context.Context, payload json.RawMessage, lease *memory.Lease, emit func([]byte) error, ended func(json.RawMessage)) {
			gw.runMessage(initialised.WithContext(ctx), payload, lease, emit, ended)
		},
	}
	socket := sockets.Accept(w, r)
	if socket == nil {
		done()
		return
	}
	ctx := context.WithoutCancel(r.Context()) // the server no longer knows about the client
	serve := func() {
		ctx, stop := gw.untilStopped(ctx)
		defer stop()
		if err := panics.Catch(func() error { return socket.Serve(ctx) }); err != nil {
			gw.logFault(ctx, err)
		}
	}
	if d := socket.Detached(); d != nil {
		d.Serve(func() {
			serve()
			d.End()
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
	if gw.options.Lifetime == nil {
		return s
	}
	if life, release := gw.options.Lifetime(r); life.Done() != nil {
		s.Identity, s.Release = life, release
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

// runMessage runs the operation of a subscribe message, and then calls ended with a list of errors,
// or nil.
func (gw *Gateway) runMessage(r *http.Request, payload json.RawMessage, lease *memory.Lease, emit func([]byte) error, ended func(json.RawMessage)) {
	current := gw.acquire()
	if current == nil {
		ended(errorList(gw.refuse(&Refusal{Err: &operation.Error{Message: "The router is shutting down.", Code: codeShuttingDown}})))
		return
	}
	x := &exchange{Gateway: gw, snapshot: current, r: r, accept: accepted{events: true}, carrier: hook.WebSocket, text: lease}
	finish := func(refused json.RawMessage) {
		x.end()
		ended(refused)
	}
	var p *prepared
	var refused json.RawMessage
	err := panics.Catch(func() error {
		x.see("websocket")
		p, refused = x.prepareMessage(payload)
		return nil
	})
	switch {
	case err != nil:
		gw.logFault(r.Context(), err)
		finish(errorList(gw.refuse(err)))
		return
	case refused != nil:
		finish(refused)
		return
	}
	payload = nil //nolint:ineffassign,wastedassign // a subscription must not retain the message
	x.stream(x.r.Context(), p, emit, func(err error) {
		var failure *subscribe.Failure
		switch {
		case gw.logFault(r.Context(), err):
			finish(errorList(gw.refuse(err)))
		case errors.As(err, &failure):
			finish(failure.Errors)
		default:
			finish(nil)
		}
	})
}

// prepareMessage prepares the operation of a subscribe message, or returns a list of errors.
func (x *exchange) prepareMessage(payload json.RawMessage) (*prepared, json.RawMessage) {
	var refused *Refusal
	if x.slot, refused = x.takeSlot(x.r, http.Header{}); refused != nil {
		f := x.refuse(refused)
		x.sawFailure(f)
		return nil, errorList(f)
	}
	var req request
	err := req.parse(payload)
	var p *prepared
	if err == nil {
		p, err = x.prepare(x.r.Context(), &req)
	}
	if err != nil {
		x.logFault(x.r.Context(), err)
		f := x.refuse(err)
		x.sawFailure(f)
		return nil, x.refusedStream(x.r.Context(), errorList(f))
	}
	return p, nil
}
