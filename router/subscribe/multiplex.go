package subscribe

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// A Multiplex is an event stream that carries several operations, identified by
// id: the single connection mode of GraphQL over SSE. It is safe for concurrent
// use.
type Multiplex struct{ flusher }

// NewMultiplex returns a stream in the response w. A comment is sent if nothing else has
// been sent for the duration of heartbeat.
func NewMultiplex(w http.ResponseWriter, heartbeat time.Duration) *Multiplex {
	m := new(Multiplex)
	m.init(w, heartbeat)
	return m
}

// Begin sends the header and, so that clients receive it, a comment.
func (m *Multiplex) Begin() error { return m.beginEvents() }

// Serve carries operations until ctx is done or the client has left. It passes the stream
// to attach. The stream must not be written to after the function that attach returns has
// been called.
func (m *Multiplex) Serve(ctx context.Context, attach func(*Multiplex) (detach func())) error {
	end := attach(m)
	result := make(chan error, 1)
	m.carry(ctx, heartbeatEvent, func(ctx context.Context, ended func(error)) {
		<-ctx.Done()
		end()
		ended(ctx.Err())
	}, func(err error) error { return err }, func(err error) { result <- err })
	return <-result
}

// Run runs a stream as the operation with an id and returns when it has ended. If the stream
// ends with [ErrCut] or an unexpected error, Run sends no complete event.
func (m *Multiplex) Run(ctx context.Context, id string, run Stream) {
	next := func(response []byte) error { return m.event("next", id, response) }
	result := make(chan error, 1)
	run(ctx, next, func(err error) { result <- err })
	err := <-result
	var failure *Failure
	if errors.As(err, &failure) {
		err = next(failure.response())
	}
	if err == nil {
		_ = m.event("complete", id, nil) // an error means that the client has left
	}
}

func (m *Multiplex) event(name, id string, payload []byte) error {
	quoted, _ := json.Marshal(id) // every string can be marshaled
	pieces := [][]byte{[]byte(`{"id":`), quoted}
	if payload != nil {
		pieces = append(pieces, []byte(`,"payload":`), payload)
	}
	pieces = append(pieces, []byte("}"))
	return m.send(func(out *bufio.Writer) { writeEvent(out, name, pieces...) })
}
