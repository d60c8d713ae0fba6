package subscribe

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"time"
)

// SubscriptionSpec is the version of Apollo's multipart subscription protocol.
// Clients request it with
// Accept: multipart/mixed;boundary="graphql";subscriptionSpec=1.0.
const SubscriptionSpec = "1.0"

const (
	partDelimiter = "\r\n--graphql"
	partHeader    = "\r\ncontent-type: application/json\r\n\r\n" // in lower case, see Parts.Send
	// emptyPart is a heartbeat: an empty object and the delimiter.
	emptyPart = partHeader + "{}" + partDelimiter
)

// SubscriptionParts is a stream in Apollo's multipart subscription
// protocol: each part is an object whose member payload is a response. Errors of
// the operation are sent as a last payload. If the transport fails, the last part
// has a null payload and the errors beside it. If the stream ends with [ErrCut] or
// an unexpected error, the closing delimiter is missing. A part with an empty
// object is sent if nothing else has been sent for the duration of the heartbeat.
type SubscriptionParts struct{ flusher }

// NewSubscriptionParts returns a stream in the response w.
func NewSubscriptionParts(w http.ResponseWriter, heartbeat time.Duration) *SubscriptionParts {
	s := new(SubscriptionParts)
	s.init(w, heartbeat)
	return s
}

// Begin sends the header. Clients detect the end of a part by the delimiter after it. So each
// part is written with the delimiter that follows it.
func (s *SubscriptionParts) Begin() error {
	return s.begin(`multipart/mixed;boundary="graphql";subscriptionSpec=`+SubscriptionSpec, func(out *bufio.Writer) { _, _ = out.WriteString(partDelimiter) })
}

// Serve implements [Writer].
func (s *SubscriptionParts) Serve(ctx context.Context, run Stream, ended func(error)) {
	emit := func(response []byte) error {
		return s.send(func(out *bufio.Writer) { writePart(out, `{"payload":`, response) })
	}
	last := func(err error) error {
		var failure *Failure
		switch {
		case errors.As(err, &failure) && failure.Transport:
			err = s.send(func(out *bufio.Writer) { writePart(out, `{"payload":null,"errors":`, failure.Errors) })
		case failure != nil:
			err = emit(failure.response())
		}
		if err != nil {
			return err
		}
		return s.send(func(out *bufio.Writer) { _, _ = out.WriteString("--\r\n") })
	}
	s.carry(ctx, emptyPart, func(ctx context.Context, ended func(error)) { run(ctx, emit, ended) }, last, ended)
}

func writePart(out *bufio.Writer, before string, value []byte) {
	_, _ = out.WriteString(partHeader)
	_, _ = out.WriteString(before)
	_, _ = out.Write(value)
	_, _ = out.WriteString("}" + partDelimiter)
}
