package gateway

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"souk/router/internal/panics"
	"souk/router/operation"
)

// mayStream allows that the response to an operation is sent before it is complete. It does not if the
// status, a header or another stage depends on the whole response, or if the client could not tell that
// a response ends too early.
func (x *exchange) mayStream(p *prepared) {
	c := &x.config
	if c.TrafficShaping.Router.StreamResponses.Enabled && p.op.Kind == operation.Query && x.r.Method != http.MethodHead && x.r.ProtoAtLeast(1, 1) &&
		x.hooks == nil && !x.options.Extended && !x.receives && x.exposed == exposeNothing && !c.Telemetry.ServerTiming &&
		x.accept.single != noMediaType && (!c.HTTP.PartialSuccessStatus || x.accept.single != graphQLResponse) {
		x.early = p
	}
}

// An earlyStream sends a response while it is made. A goroutine of its own writes, so that a client that
// reads slowly does not hold the subgraph, nor identical queries that wait for the response.
type earlyStream struct {
	w       http.ResponseWriter
	coder   *coder  // nil for no compression
	encoder encoder // of coder

	mu   sync.Mutex
	body []byte // so far
	// whole is set once body is complete, and broken if it never will be.
	whole, broken bool
	changed       chan struct{}
	done          chan error
}

// Begin implements [execute.Early]. Errors may follow, so the response must not be stored.
func (x *exchange) Begin() {
	h := x.w.Header()
	h["Cache-Control"] = noStore
	x.vary = x.early.program.Audience.Vary
	x.describeBody(h)
	s := &earlyStream{w: x.w, changed: make(chan struct{}, 1), done: make(chan error, 1)}
	if s.coder = x.coders.choose(x.r.Header["Accept-Encoding"], x.config.HTTP.Compression); s.coder != nil {
		s.encoder = s.coder.pool.Get().(encoder)
		s.encoder.Reset(x.w)
		h.Set("Content-Encoding", s.coder.name)
	}
	if x.seen != nil {
		x.seen.Status = http.StatusOK
	}
	x.metrics.Streamed.Inc()
	if span := trace.SpanFromContext(x.r.Context()); span.IsRecording() {
		span.SetAttributes(attribute.Bool("souk.response.streamed", true))
	}
	x.w.WriteHeader(http.StatusOK)
	x.sending = s
	go func() { s.done <- panics.Catch(s.run) }()
}

// Send implements [execute.Early].
func (x *exchange) Send(body []byte) { x.sending.set(body, false, false) }

func (s *earlyStream) set(body []byte, whole, broken bool) {
	s.mu.Lock()
	s.body, s.whole, s.broken = body, whole, broken
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default: // run has not seen the last change
	}
}

// run writes the response until it is complete, or the client has disconnected.
func (s *earlyStream) run() error {
	flusher := http.NewResponseController(s.w)
	for sent := 0; ; {
		<-s.changed
		s.mu.Lock()
		body, whole, broken := s.body, s.whole, s.broken
		s.mu.Unlock()
		if broken {
			return nil
		}
		if err := s.write(body[sent:], whole); err != nil {
			return err
		}
		if sent = len(body); whole {
			return nil
		}
		_ = flusher.Flush() // what cannot be flushed is sent later
	}
}

// write writes a part of the response, up to its end if it is the last one.
func (s *earlyStream) write(part []byte, last bool) error {
	if s.encoder == nil {
		_, err := s.w.Write(part)
		return err
	}
	if _, err := s.encoder.Write(part); err != nil {
		return err
	}
	if last {
		return s.encoder.Close()
	}
	return s.encoder.Flush()
}

// end waits until nothing is written any more.
func (s *earlyStream) end() error {
	err := <-s.done
	if s.encoder != nil {
		s.encoder.Reset(nil)
		s.coder.pool.Put(s.encoder)
	}
	return err
}

// finishStream sends the rest of a response.
func (x *exchange) finishStream(body []byte) {
	s := x.sending
	x.slot.answered()
	s.set(body, true, false)
	err := s.end()
	x.sending = nil
	if panicked := (*panics.Error)(nil); errors.As(err, &panicked) {
		x.logger.ErrorContext(x.r.Context(), "sending a response failed", "error", err, "stack", string(panicked.Stack))
		panic(http.ErrAbortHandler)
	}
}

// closeStream ends a response that will not be completed, by closing the connection: otherwise, the client
// would take it for complete.
func (x *exchange) closeStream() {
	s := x.sending
	if s == nil {
		return
	}
	problem := recover()
	s.set(nil, false, true)
	_ = s.end()
	if problem != nil && problem != http.ErrAbortHandler { //nolint:errorlint // net/http compares, too
		x.logger.ErrorContext(context.WithoutCancel(x.r.Context()), "an operation failed after a part of its response was sent", "error", problem, "stack", string(debug.Stack()))
	}
	panic(http.ErrAbortHandler)
}
