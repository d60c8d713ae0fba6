package subscribe

import (
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
		return f.send(func(out *bytes.Buffer) { writeEvent(out, "next", response) })
	}
	err := f.carry(ctx, heartbeat, signOfLife, func(ctx context.Context) error { return run(ctx, next) })
	var failure *Failure
	if errors.As(err, &failure) {
		err = next(failure.response())
	}
	if err != nil {
		return err
	}
	return f.send(func(out *bytes.Buffer) { writeEvent(out, "complete", nil) })
}

// beginEvents writes the header and a comment, so that the client sees it.
func (f *flusher) beginEvents() error {
	h := f.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // or nginx keeps events back
	f.w.WriteHeader(http.StatusOK)
	return f.send(func(out *bytes.Buffer) { out.WriteString(signOfLife) })
}

// writeEvent writes a server-sent event. EventSource ignores those without a
// data field, so that there always is one.
func writeEvent(out *bytes.Buffer, name string, data []byte) {
	out.WriteString("event: " + name + "\n")
	if len(data) == 0 {
		out.WriteString("data:\n\n")
		return
	}
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		out.WriteString("data: ")
		out.Write(bytes.TrimSuffix(line, []byte("\r")))
		out.WriteByte('\n')
	}
	out.WriteByte('\n')
}
