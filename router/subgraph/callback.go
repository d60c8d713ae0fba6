package subgraph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"souk/router/callback"
	"souk/router/execute"
	"souk/router/internal/jsonscan"
)

// Callback configures subscriptions by Apollo's HTTP callback protocol.
type Callback struct {
	// Receiver receives the messages.
	Receiver *callback.Receiver
	// URL is the URL of the Receiver's handler, without an ID, as subgraphs reach it.
	URL string
	// Heartbeat is the interval in which subgraphs send a message at least; 0 means that they
	// need not.
	Heartbeat time.Duration
	// MaxSubscriptions bounds the open subscriptions; 0 means no bound.
	MaxSubscriptions int
}

// missedHeartbeats is the number of intervals without a message after which a stream is lost.
const missedHeartbeats = 3

// errNoHeartbeat means that a subgraph has stopped sending messages.
var errNoHeartbeat = errors.New("the subgraph has stopped sending heartbeats")

// overCallback runs one stream by HTTP callback.
func (st *stream) overCallback(ctx context.Context) error {
	c := st.s.Subscriptions.Callback
	s, err := c.Receiver.Open(c.MaxSubscriptions)
	if err != nil {
		return &execute.TransportError{Code: execute.CodeOverloaded, Message: "was not asked for a subscription, because too many are open by HTTP callback", Err: err}
	}
	defer s.Close()
	body, err := st.callbackBody(s)
	if err != nil {
		return &execute.TransportError{Code: execute.CodeInternal, Message: "was not asked for a subscription: its request could not be written", Err: err}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(st.s.Subscriptions.ConnectTimeout, func() { cancel(context.DeadlineExceeded) })
	defer late.Stop()
	answered := make(chan error, 1)
	go func() { answered <- st.register(ctx, body) }()
	return st.receiveCallbacks(ctx, s, answered, late)
}

// callbackBody adds what the protocol needs to the extensions of the request.
func (st *stream) callbackBody(s *callback.Subscription) ([]byte, error) {
	c := st.s.Subscriptions.Callback
	value, err := json.Marshal(map[string]any{
		"callbackUrl": strings.TrimSuffix(c.URL, "/") + "/" + s.ID, "subscriptionId": s.ID, "verifier": s.Verifier, "heartbeatIntervalMs": c.Heartbeat.Milliseconds(),
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the extension subscription: %w", err)
	}
	return withExtension(st.body, "subscription", value)
}

// withExtension sets a member of the extensions of a GraphQL request.
func withExtension(request []byte, name string, value []byte) ([]byte, error) {
	members := map[string]json.RawMessage{}
	out := []byte{'{'}
	r := jsonscan.NewReader(request, jsonscan.MaxDepth)
	err := r.Object(func(key []byte) error {
		v, err := r.Value()
		if err != nil || string(key) == "extensions" {
			return errors.Join(err, json.Unmarshal(v, &members))
		}
		quoted, err := json.Marshal(string(key))
		if err != nil {
			return err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, quoted...), ':'), v...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	if members == nil { // extensions: null
		members = map[string]json.RawMessage{}
	}
	members[name] = value
	extensions, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("encoding the extensions: %w", err)
	}
	return append(append(append(out, `,"extensions":`...), extensions...), '}'), nil
}

// register asks the subgraph for the subscription. It returns nil if the subgraph has accepted.
func (st *stream) register(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, httpURL(st.to.stream), bytes.NewReader(body))
	if err != nil {
		return &execute.TransportError{Code: execute.CodeHTTP, Message: "has no usable URL for subscriptions", Err: err}
	}
	request.Header = st.header.Clone()
	request.Header.Set("Accept", callback.Accept)
	response, err := st.to.streams.RoundTrip(request)
	if err != nil {
		return lost(errors.Join(err, context.Cause(ctx)))
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return st.refusedStream(response)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxReason))
	if err != nil {
		return lost(err)
	}
	if list := requestErrors(text, false); list != nil {
		return &execute.RequestError{Errors: list}
	}
	return nil
}

// receiveCallbacks passes on messages until the subscription ends. The subgraph may send the first
// ones before it has responded.
func (st *stream) receiveCallbacks(ctx context.Context, s *callback.Subscription, answered <-chan error, late *time.Timer) error {
	c := st.s.Subscriptions.Callback
	var beat <-chan time.Time
	if c.Heartbeat > 0 {
		ticker := time.NewTicker(c.Heartbeat)
		defer ticker.Stop()
		beat = ticker.C
	}
	heard := s.Heard()
	accept := func() {
		if answered == nil && heard == nil && st.accepted.IsZero() {
			late.Stop()
			st.accept(ctx)
		}
	}
	for {
		select {
		case err := <-answered:
			if err != nil {
				return err
			}
			answered = nil
			accept()
		case <-heard: // the first message, which must arrive within ConnectTimeout
			heard = nil
			accept()
		case m := <-s.Messages():
			more, err := st.callbackMessage(m)
			if !more {
				return err
			}
		case now := <-beat:
			if !st.accepted.IsZero() && now.Sub(s.Last()) > missedHeartbeats*c.Heartbeat {
				if st.options.Hooks.HeartbeatLost != nil {
					st.options.Hooks.HeartbeatLost(st.s.name)
				}
				return lost(errNoHeartbeat)
			}
		case <-ctx.Done():
			return lost(context.Cause(ctx))
		}
	}
}

// callbackMessage handles a message. It reports whether more may follow.
func (st *stream) callbackMessage(m *callback.Message) (more bool, err error) {
	defer m.Done()
	switch {
	case !m.Complete:
		err = st.receive(m.Payload)
		return err == nil, err
	case m.Errors == nil:
		return false, nil
	}
	var list []json.RawMessage
	if json.Unmarshal(m.Errors, &list) != nil || len(list) == 0 {
		return false, nil
	}
	return false, &execute.RequestError{Errors: bytes.Clone(m.Errors)}
}
