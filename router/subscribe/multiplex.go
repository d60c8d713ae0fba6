package subscribe

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// A Multiplex is an event stream that carries several operations, by their
// ids: the single connection mode of GraphQL over server-sent events. It is
// safe for concurrent use.
type Multiplex struct{ f *flusher }

// ServeMultiplex writes an event stream until ctx ends or the client is gone.
// It gives attach the stream for others to write to, and when attach's result
// has been called nobody does any more.
func ServeMultiplex(ctx context.Context, w http.ResponseWriter, heartbeat time.Duration, attach func(*Multiplex) (detach func())) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := newFlusher(w, heartbeat, cancel)
	if err := f.beginEvents(); err != nil {
		return err
	}
	defer attach(&Multiplex{f})()
	return f.carry(ctx, heartbeat, signOfLife, func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
}

// Run runs a stream as the operation of an id. A stream that is cut ends
// without a complete event.
func (m *Multiplex) Run(ctx context.Context, id string, run Stream) {
	next := func(response []byte) error { return m.event("next", id, response) }
	err := run(ctx, next)
	var failure *Failure
	if errors.As(err, &failure) {
		err = next(failure.response())
	}
	if err == nil {
		_ = m.event("complete", id, nil) // if it fails the client is gone
	}
}

func (m *Multiplex) event(name, id string, payload []byte) error {
	quoted, _ := json.Marshal(id) // a string can always be written
	pieces := [][]byte{[]byte(`{"id":`), quoted}
	if payload != nil {
		pieces = append(pieces, []byte(`,"payload":`), payload)
	}
	pieces = append(pieces, []byte("}"))
	return m.f.send(func(out *bufio.Writer) { writeEvent(out, name, pieces...) })
}
