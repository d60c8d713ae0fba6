package eventsource

import (
	"context"
	"errors"
	"net/http"

	"souk/router/execute"
	"souk/router/internal/jsonscan"
	"souk/router/operation"
	"souk/router/supergraph"
	"souk/router/telemetry"
)

// A Transport answers the subscriptions that event streams feed, and passes all other requests on.
type Transport struct {
	execute.Transport
	hub     *Hub
	streams *streams
}

// NewTransport returns a Transport for the event streams of a supergraph: next itself if it has
// none. The error lists each stream that is not valid, with its place.
func NewTransport(next execute.Transport, m *supergraph.Model, h *Hub) (execute.Transport, error) {
	s, err := compile(m, h.sources())
	if err != nil {
		return nil, err
	}
	if len(s.fields) == 0 {
		return next, nil
	}
	return &Transport{Transport: next, hub: h, streams: s}, nil
}

// Check returns an error if event streams of a supergraph are not valid, or if brokers of these
// kinds, by provider, cannot feed them.
func Check(m *supergraph.Model, kinds map[string]string) error {
	sources := make(map[string]Source, len(kinds))
	for name, kind := range kinds {
		switch kind { // only CheckTopic is called
		case "nats":
			sources[name] = (*NATS)(nil)
		case "kafka":
			sources[name] = (*Kafka)(nil)
		default:
			sources[name] = (*Redis)(nil)
		}
	}
	_, err := compile(m, sources)
	return err
}

// sources returns the providers. A nil Hub has none.
func (h *Hub) sources() map[string]Source {
	if h == nil {
		return nil
	}
	return h.options.Sources
}

// Refuse implements execute.Limiter.
func (t *Transport) Refuse(subgraph string) bool {
	limiter, ok := t.Transport.(execute.Limiter)
	return ok && limiter.Refuse(subgraph)
}

// Subscribe implements execute.Transport. The Last-Event-ID of the client says where the events
// begin.
func (t *Transport) Subscribe(ctx context.Context, r *execute.SubgraphRequest, event func(*execute.SubgraphResponse) error) error {
	request, err := t.streams.read(r)
	if err != nil {
		return &execute.TransportError{Code: execute.CodeInternal, Message: "could not be asked for events", Err: err}
	}
	if request == nil {
		return t.Transport.Subscribe(ctx, r, event)
	}
	s := request.stream
	topic, err := s.topic.topic(request.arguments)
	if err == nil && t.hub.sources()[s.provider].CheckTopic(topic) != nil {
		err = badInput("An argument that selects the events has characters that the message broker does not allow.")
	}
	if err != nil {
		return outcome(ctx, err)
	}
	m := t.hub.options.Metrics(s.provider, s.topic.text)
	p := &projection{streams: t.streams, request: request}
	err = t.hub.subscribe(ctx, topicKey{s.provider, topic}, m, r.LastEventID, func(e *Event, cursor string) error {
		body, sent := t.body(ctx, p, m, topic, e)
		if !sent {
			return nil
		}
		return event(&execute.SubgraphResponse{Status: http.StatusOK, Body: body, EventID: cursor})
	})
	return outcome(ctx, err)
}

// body returns the response for an event. It reports false if the subscription does not get it.
func (t *Transport) body(ctx context.Context, p *projection, m *telemetry.EventTopic, topic string, e *Event) (*execute.Buffer, bool) {
	s := p.stream
	value, err := e.value()
	if err == nil && s.filter != nil && !s.filter.holds(value, p.arguments) {
		m.Filtered.Inc()
		return nil, false
	}
	body := execute.NewBuffer(2 * len(e.Payload))
	if err == nil {
		body.B, err = p.response(body.B, value)
	}
	if err != nil {
		body.Release()
		m.Invalid.Inc()
		t.hub.options.Logger.WarnContext(ctx, "an event cannot be used", "provider", s.provider, "topic", topic, "event", e.ID, "error", err)
		return nil, false
	}
	m.Sent.Inc()
	return body, true
}

// outcome converts an error of the Hub to one of a Transport.
func outcome(ctx context.Context, err error) error {
	var (
		receiver receiverError
		request  *RequestError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &receiver):
		return receiver.error
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &request):
		return refused(request)
	case errors.Is(err, context.DeadlineExceeded):
		return &execute.TransportError{Code: execute.CodeTimeout, Message: "has no events, because their provider did not respond in time", Err: err}
	}
	return &execute.TransportError{Code: execute.CodeHTTP, Message: "has no events, because their provider is unavailable", Err: err}
}

// refused returns the error for a client whose request is wrong.
func refused(e *RequestError) error {
	list, err := jsonscan.Marshal(operation.Errors{{Message: e.Message, Code: e.Code}})
	if err != nil {
		return &execute.TransportError{Code: execute.CodeInternal, Message: "could not be asked for events", Err: err}
	}
	return &execute.TransportError{Code: e.Code, Message: "sends no events: " + e.Message, Errors: list, Err: e.Err}
}
