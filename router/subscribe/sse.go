package subscribe

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"
)

// heartbeatEvent is a comment, which clients ignore.
const heartbeatEvent = ":\n\n"

// Events is a stream as server-sent events: a next event for each response
// and a complete event at the end. A *Failure becomes another next event before
// complete. If the stream ends with [ErrCut] or an unexpected error, no complete
// event follows. A comment is sent if nothing else has been sent for the duration
// of the heartbeat.
type Events struct {
	flusher
	id func() string
}

// NewEvents returns a stream in the response w. The function id is called for each
// response and returns the ID of the event, or "".
func NewEvents(w http.ResponseWriter, heartbeat time.Duration, id func() string) *Events {
	e := &Events{id: id}
	e.init(w, heartbeat)
	return e
}

// Begin sends the header and, so that clients receive it, a comment.
func (e *Events) Begin() error { return e.beginEvents() }

// Serve implements [Writer].
func (e *Events) Serve(ctx context.Context, run Stream, ended func(error)) {
	next := func(response []byte) error {
		return e.send(func(out *bufio.Writer) { writeEvent(out, "next", response) })
	}
	identified := func(response []byte) error {
		return e.send(func(out *bufio.Writer) {
			writeID(out, e.id())
			writeEvent(out, "next", response)
		})
	}
	last := func(err error) error {
		var failure *Failure
		if errors.As(err, &failure) {
			err = next(failure.response())
		}
		if err != nil {
			return err
		}
		return e.send(func(out *bufio.Writer) { writeEvent(out, "complete") })
	}
	e.carry(ctx, heartbeatEvent, func(ctx context.Context, ended func(error)) { run(ctx, identified, ended) }, last, ended)
}

func (f *flusher) beginEvents() error {
	return f.begin("text/event-stream", func(out *bufio.Writer) { _, _ = out.WriteString(heartbeatEvent) })
}

// writeID writes the ID of the event that follows. The client sends the last one when it
// reconnects.
func writeID(out *bufio.Writer, id string) {
	if id != "" {
		_, _ = out.WriteString("id: " + id + "\n")
	}
}

// writeEvent writes a server-sent event. It always writes a data field, because
// EventSource ignores events without one. The data is JSON, passed in pieces; each
// line becomes a data field of its own. Errors are returned by out.Flush.
func writeEvent(out *bufio.Writer, name string, data ...[]byte) {
	_, _ = out.WriteString("event: ")
	_, _ = out.WriteString(name)
	_, _ = out.WriteString("\ndata:")
	if len(data) > 0 {
		_ = out.WriteByte(' ')
	}
	for _, piece := range data {
		for {
			line, rest, broken := bytes.Cut(piece, lineFeed)
			_, _ = out.Write(bytes.TrimSuffix(line, carriageReturn))
			if !broken {
				break
			}
			_, _ = out.WriteString("\ndata: ")
			piece = rest
		}
	}
	_, _ = out.WriteString("\n\n")
}

var lineFeed, carriageReturn = []byte("\n"), []byte("\r")
