package subscribe

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"
)

// signOfLife is a comment, which clients ignore.
const signOfLife = ":\n\n"

// ServeEvents writes a stream as server-sent events: a next event for each
// response, and complete at its end. A failure is one more next event before
// complete; a stream that is cut ends without it. A comment is sent when
// nothing else has been for as long as heartbeat. ServeEvents returns when the
// stream has ended.
func ServeEvents(ctx context.Context, w http.ResponseWriter, heartbeat time.Duration, run Stream) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := newFlusher(w, heartbeat, cancel)
	if err := f.beginEvents(); err != nil {
		return err
	}
	next := func(response []byte) error {
		return f.send(func(out *bufio.Writer) { writeEvent(out, "next", response) })
	}
	err := f.carry(ctx, heartbeat, signOfLife, func(ctx context.Context) error { return run(ctx, next) })
	var failure *Failure
	if errors.As(err, &failure) {
		err = next(failure.response())
	}
	if err != nil {
		return err
	}
	return f.send(func(out *bufio.Writer) { writeEvent(out, "complete") })
}

// beginEvents writes the header and a comment, so that the client sees it.
func (f *flusher) beginEvents() error {
	h := f.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // or nginx keeps events back
	f.w.WriteHeader(http.StatusOK)
	return f.send(func(out *bufio.Writer) { _, _ = out.WriteString(signOfLife) })
}

// writeEvent writes a server-sent event. EventSource ignores those without a
// data field, so that there always is one. The data is JSON in some pieces, whose
// line breaks are white space. Errors stay in out.
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
