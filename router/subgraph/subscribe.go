package subgraph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"souk/router/execute"
)

// errLost marks errors after which reopening the stream may succeed: the connection could
// not be opened, or it broke. The subgraph has neither completed nor rejected the
// subscription.
var errLost = errors.New("the stream was lost")

func lost(err error) error { return fmt.Errorf("%w: %w", errLost, err) }

// An endedByReceiver wraps an error of the function that receives events.
type endedByReceiver struct{ error }

func (e endedByReceiver) Unwrap() error { return e.error }

// A stream is one subscription. It has one connection at a time.
type stream struct {
	*Transport
	s *subgraph
	// to is the target of the current connection, which began to be opened at entered. judged is set if
	// its circuit breaker has the result of the connection, or does not count it. tried are the endpoints
	// that failed. moves counts the connections that could not be opened and were opened elsewhere at once.
	to      target
	entered time.Time
	judged  bool
	tried   endpointSet
	moves   int

	body   []byte
	header http.Header
	event  func(*execute.SubgraphResponse) error

	// established is set when the subgraph has sent an event, or has kept a connection
	// open for ConnectTimeout. From then on, a broken connection is reopened up to
	// MaxReconnects times; before, only ConnectAttempts apply.
	established bool
	// connected is set when the subgraph has accepted the current WebSocket.
	connected bool
	// accepted is when the subgraph accepted the stream on the current connection. It is
	// zero if that has not happened.
	accepted time.Time
	// lastEventID is the ID of the last server-sent event that has one.
	lastEventID string
	// retryAfter is the minimum reconnect delay that the subgraph has requested.
	retryAfter time.Duration
}

// Subscribe implements execute.Transport. It runs a stream until it ends.
//
// Until the stream is established, Subscribe makes ConnectAttempts attempts, without those that
// opened no connection while another URL was left. After that, if
// the connection breaks and Resume is set, it reopens the stream up to MaxReconnects times in
// a row. Events that the subgraph sends in the meantime are lost, unless its server-sent
// events have IDs. A stream that the subgraph ends itself, normally or not, is never
// reopened.
func (t *Transport) Subscribe(ctx context.Context, r *execute.SubgraphRequest, event func(*execute.SubgraphResponse) error) error {
	s := t.subgraphs[r.Subgraph]
	if s == nil {
		return &execute.TransportError{Code: execute.CodeHTTP, Message: "is not known to the gateway"}
	}
	header := s.requestHeader(ctx, r.Header).Clone()
	if t.options.Interceptor == nil {
		return t.subscribe(ctx, s, r, header, event)
	}
	out := &Outgoing{Request: *r, URL: withoutUser(s.endpoints[0].stream), Header: header}
	return t.options.Interceptor.Subscribe(ctx, out, event, func(event func(*execute.SubgraphResponse) error) error {
		if err := out.check(); err != nil {
			return err
		}
		return t.subscribe(ctx, s, &out.Request, out.Header, event)
	})
}

func (t *Transport) subscribe(ctx context.Context, s *subgraph, r *execute.SubgraphRequest, header http.Header, event func(*execute.SubgraphResponse) error) error {
	st := &stream{Transport: t, s: s, body: r.Body.B, header: header, event: event}
	open := st.overWebSocket
	switch s.Subscriptions.Protocol {
	case "sse":
		open = st.overSSE
	case "callback":
		open = st.overCallback
	}
	return st.keepOpen(ctx, open)
}

// steadyTime is how long a connection lasts at least before earlier failures no longer count, however
// short MaxInterval is: a subgraph that cuts each stream after its first event has not recovered.
const steadyTime = 10 * time.Second

func (st *stream) keepOpen(ctx context.Context, open func(context.Context) error) error {
	config := st.s.Subscriptions
	failures, wait := 0, config.Interval
	for {
		st.connected, st.accepted = false, time.Time{}
		st.enter(failures)
		err := open(ctx)
		moves := st.leave(ctx, err)
		up := st.up()
		st.established = st.established || up >= config.ConnectTimeout
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil || !errors.Is(err, errLost):
			return st.final(err)
		case up >= max(config.MaxInterval, steadyTime):
			failures, wait, st.tried = 0, config.Interval, 0 // the stream had recovered
		case moves:
			st.options.Logger.WarnContext(ctx, "opening a subscription at another URL", "subgraph", st.s.name, "error", err)
			continue
		}
		if failures++; !st.mayReopen(failures) {
			return st.final(err)
		}
		pause := max(wait/2+time.Duration(st.options.Jitter()*float64(wait/2)), st.retryAfter)
		st.options.Logger.WarnContext(ctx, "reopening a subscription", "subgraph", st.s.name, "error", err, "established", st.established, "retry_in", pause)
		if !sleep(ctx, pause) {
			return ctx.Err()
		}
		wait = min(2*wait, config.MaxInterval)
		if st.options.Hooks.Reconnected != nil {
			st.options.Hooks.Reconnected(st.s.name)
		}
	}
}

// enter chooses the endpoint of the next connection, if the subgraph has several. Open circuit
// breakers do not stop subscriptions: if all are, any endpoint is tried.
func (st *stream) enter(failures int) {
	s := st.s
	st.to, st.entered, st.judged = target{endpoint: s.endpoints[0]}, time.Now(), true
	if !st.shared() {
		return
	}
	if to := s.choose(choice{tried: st.tried, repeatable: st.mayReopen(failures + 1), subscription: true}); to.endpoint != nil {
		st.to, st.judged = to, false
	} else {
		st.to.endpoint = s.endpoints[s.random(len(s.endpoints))]
	}
	st.to.subscriptions.Add(1)
}

// accept notes that the subgraph has accepted the stream on the current connection.
func (st *stream) accept(ctx context.Context) {
	st.accepted, st.moves = time.Now(), 0
	st.judge(ctx, verdict{}, nil)
}

// leave notes the end of a connection. It reports whether another endpoint is tried at once, because
// no connection could be opened.
func (st *stream) leave(ctx context.Context, err error) (moves bool) {
	if e := st.to.endpoint; st.shared() {
		e.subscriptions.Add(-1)
		if errors.Is(err, errLost) {
			st.tried |= e.bit()
			left := st.s.closed()&^st.tried != 0
			if moves = left && unopened(err) && st.moves < len(st.s.endpoints); moves {
				st.moves++
			}
			if !left {
				st.tried = e.bit()
			}
		}
	}
	st.judge(ctx, st.verdict(ctx, err), err)
	return moves
}

// shared reports whether the subscriptions of the subgraph are spread over several endpoints.
func (st *stream) shared() bool { return st.s.several() && st.s.Subscriptions.URL == "" }

// verdict returns that on a connection that the subgraph has not accepted. A response that the
// subscription may be to blame for is only suspected.
func (st *stream) verdict(ctx context.Context, err error) verdict {
	var refused *execute.RequestError
	var failed *execute.TransportError
	errors.As(err, &failed)
	switch {
	case ctx.Err() != nil:
		return verdict{failed: true}.within(ctx, time.Since(st.entered), st.s.Subscriptions.ConnectTimeout)
	case failed != nil && (failed.Code == execute.CodeOverloaded || failed.Code == execute.CodeInternal):
		return verdict{inconclusive: true} // the router did not send it
	case !errors.Is(err, errLost):
		return verdict{}
	}
	return verdict{
		failed: true, unopened: unopened(err), timedOut: errors.Is(err, context.DeadlineExceeded),
		suspected: errors.As(err, &refused) || failed != nil && !judge(failed).failed,
	}
}

// judge reports whether the current connection could be opened, once.
func (st *stream) judge(ctx context.Context, v verdict, err error) {
	if st.judged {
		return
	}
	st.judged = true
	st.s.record(st.to, v)
	st.observed(ctx, st.s, st.to.endpoint, v, nil, err)
}

// up returns how long the last connection carried the stream.
func (st *stream) up() time.Duration {
	if st.accepted.IsZero() {
		return 0
	}
	return time.Since(st.accepted)
}

func (st *stream) mayReopen(failures int) bool {
	config := st.s.Subscriptions
	if !st.established {
		return failures < config.ConnectAttempts
	}
	return config.Resume && failures <= config.MaxReconnects
}

// final converts an error to the one that Subscribe returns.
func (st *stream) final(err error) error {
	var (
		receiver endedByReceiver
		refused  *execute.RequestError
		failed   *execute.TransportError
	)
	switch {
	case errors.As(err, &receiver):
		return receiver.error
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &failed):
		return failed
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return &execute.TransportError{Code: execute.CodeTimeout,
			Message: fmt.Sprintf("did not accept the subscription within %v", st.s.Subscriptions.ConnectTimeout), Err: err}
	case st.established:
		return &execute.TransportError{Code: execute.CodeHTTP, Message: "lost the subscription", Err: err}
	}
	return &execute.TransportError{Code: execute.CodeHTTP, Message: st.unstarted(err), Err: err}
}

// unstarted describes why a stream without an event was lost. It says how far the last
// connection came.
func (st *stream) unstarted(err error) string {
	switch {
	case errors.Is(err, errSilent), errors.Is(err, errNoHeartbeat):
		return "stopped responding before the first event of the subscription"
	case !st.accepted.IsZero():
		return "ended the subscription stream early, before its first event was complete"
	case st.connected:
		return "closed the WebSocket before it acknowledged the connection"
	}
	if invalidResponse(err) {
		return sentInvalid
	}
	return "could not be reached for a subscription" + reason(err)
}

// receive passes on the payload of one event.
func (st *stream) receive(payload []byte) error {
	if list := requestErrors(payload, st.established); list != nil {
		return &execute.RequestError{Errors: list}
	}
	st.established = true
	body := execute.NewBuffer(len(payload))
	body.B = append(body.B, payload...)
	if err := st.event(&execute.SubgraphResponse{Status: http.StatusOK, Body: body}); err != nil {
		return endedByReceiver{err}
	}
	return nil
}

// requestErrors returns the errors of a response that is a request error, or nil. A request
// error result has errors and no data (GraphQL, section 7.1). Some servers also send "data":
// null. At the beginning of a stream (later is false), that is treated as a request error
// unless an error has a path, because only the execution of an event produces paths.
func requestErrors(response []byte, later bool) json.RawMessage {
	var r struct {
		Data   json.RawMessage   `json:"data"`
		Errors []json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(response, &r) != nil || len(r.Errors) == 0 {
		return nil
	}
	if r.Data != nil {
		if string(r.Data) != "null" || later {
			return nil
		}
		for _, e := range r.Errors {
			var placed struct{ Path []json.RawMessage }
			if json.Unmarshal(e, &placed) != nil || len(placed.Path) > 0 {
				return nil
			}
		}
	}
	return errorList(r.Errors)
}

func errorList(errors []json.RawMessage) json.RawMessage {
	list, err := json.Marshal(errors)
	if err != nil { // unreachable: each error is valid JSON
		return nil
	}
	return list
}

// maxReason bounds how many bytes are read of a response that is not a stream.
const maxReason = 1 << 20

// refusedStream returns the error for a response that is not a stream. If it is a GraphQL
// response with errors, those are the error. For temporary statuses, the result wraps
// errLost, so that the stream is reopened.
func (st *stream) refusedStream(r *http.Response) error {
	err := error(&execute.TransportError{
		Code: execute.CodeHTTP, Message: fmt.Sprintf("refused the subscription with status %d", r.StatusCode), Status: r.StatusCode,
	})
	if r.StatusCode/100 == 2 {
		media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		err = &execute.TransportError{Code: execute.CodeMalformed, Message: fmt.Sprintf("responded to a subscription with %.100q instead of text/event-stream", media)}
	}
	if r.StatusCode == http.StatusSwitchingProtocols {
		// The body is the connection itself, which ignores the deadline.
		return err
	}
	// If the body cannot be read, the error has only the status.
	if body, readErr := io.ReadAll(io.LimitReader(r.Body, maxReason)); readErr == nil {
		var response struct{ Errors []json.RawMessage }
		if json.Unmarshal(body, &response) == nil && len(response.Errors) > 0 {
			err = &execute.RequestError{Errors: errorList(response.Errors)}
		}
	}
	switch r.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return lost(err)
	}
	var failed *execute.TransportError
	if st.shared() && (r.StatusCode >= http.StatusInternalServerError || errors.As(err, &failed) && doubtful(nil, err)) {
		return lost(err) // another URL may accept it
	}
	return err
}
