package subscribe

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"time"
)

// SubscriptionSpec is the version of Apollo's multipart protocol for
// subscriptions, as clients name it in Accept:
// multipart/mixed;boundary="graphql";subscriptionSpec=1.0.
const SubscriptionSpec = "1.0"

const (
	partDelimiter = "\r\n--graphql"
	partHeader    = "\r\ncontent-type: application/json\r\n\r\n" // spelt so for Apollo iOS, see Parts.Send
	// emptyPart is a heartbeat: an empty object, and the delimiter after it.
	emptyPart = partHeader + "{}" + partDelimiter
)

// ServeSubscriptionParts writes a stream by Apollo's protocol for
// subscriptions over multipart HTTP: each part is an object whose member
// payload is a response. A stream that fails on the way has a last part with
// payload null and the errors beside it; errors of the operation are a last
// payload. A stream that is cut ends without the closing delimiter. A part with
// an empty object is sent when nothing else has been for as long as heartbeat.
// ServeSubscriptionParts returns when the stream has ended.
func ServeSubscriptionParts(ctx context.Context, w http.ResponseWriter, heartbeat time.Duration, run Stream) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := newFlusher(w, heartbeat, cancel)
	h := w.Header()
	h.Set("Content-Type", `multipart/mixed;boundary="graphql";subscriptionSpec=`+SubscriptionSpec)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // or nginx keeps parts back
	w.WriteHeader(http.StatusOK)
	// A client knows that a part has ended by the delimiter after it. So each
	// is written with its part, and the first one alone.
	begin := func(out *bufio.Writer) { _, _ = out.WriteString(partDelimiter) }
	if err := f.send(begin); err != nil {
		return err
	}
	emit := func(response []byte) error {
		return f.send(func(out *bufio.Writer) { writePart(out, `{"payload":`, response) })
	}
	err := f.carry(ctx, heartbeat, emptyPart, func(ctx context.Context) error { return run(ctx, emit) })
	var failure *Failure
	switch {
	case errors.As(err, &failure) && failure.Transport:
		err = f.send(func(out *bufio.Writer) { writePart(out, `{"payload":null,"errors":`, failure.Errors) })
	case failure != nil:
		err = emit(failure.response())
	}
	if err != nil {
		return err
	}
	return f.send(func(out *bufio.Writer) { _, _ = out.WriteString("--\r\n") })
}

func writePart(out *bufio.Writer, before string, value []byte) {
	_, _ = out.WriteString(partHeader)
	_, _ = out.WriteString(before)
	_, _ = out.Write(value)
	_, _ = out.WriteString("}" + partDelimiter)
}
