package subgraph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"time"

	"golang.org/x/net/http/httpguts"

	"souk/router/execute"
	"souk/router/internal/lazycontext"
	"souk/router/operation"
)

// A direct client speaks HTTP/1.1 (RFC 9112) over plain TCP to one host. The calling
// goroutine writes the request and reads the response. net/http uses two more goroutines
// for each connection and a map for each header, which is about half the cost of a small
// request. https URLs, HTTP/2 and proxies use the standard client.
type direct struct {
	limit int // of a body, in bytes
	// line is the request line, host the Host field unless the request has its own, and
	// head the serialized fields in fixed.
	line, host, head []byte
	fixed            http.Header
	pool             pool
	// wholeHeader keeps all fields of a response header.
	wholeHeader bool
}

// newDirect returns a client for u. The fields in fixed are the same in every request.
func newDirect(u *url.URL, s *Subgraph, fixed http.Header, jitter func() float64) *direct {
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "80")
	}
	var head bytes.Buffer
	// Writing to a bytes.Buffer cannot fail.
	_ = fixed.Write(&head)
	d := &direct{
		limit: s.MaxResponseBytes, fixed: fixed,
		line: []byte("POST " + u.RequestURI() + " HTTP/1.1\r\n"), host: []byte(u.Host), head: head.Bytes(),
	}
	d.pool.init(address, s, jitter)
	return d
}

func (d *direct) close() { d.pool.close() }

// errNoAnswer means that a connection ended before the first byte of the response.
var errNoAnswer = errors.New("the connection was closed before a response arrived")

// A noAnswer is errNoAnswer with its cause. Its text is only that of the cause, because messages say the
// rest (see reason).
type noAnswer struct{ cause error }

func (e noAnswer) Error() string { return e.cause.Error() }

func (e noAnswer) Unwrap() []error { return []error{errNoAnswer, e.cause} }

func (d *direct) roundTrip(ctx context.Context, deadline time.Time, kind operation.Kind, body *execute.Buffer, header http.Header, room *execute.MemoryReservation) (*execute.SubgraphResponse, error) {
	for {
		c, err := d.pool.get(ctx, deadline)
		if err != nil {
			return nil, err
		}
		reused := c.used
		response, err := d.exchange(ctx, deadline, c, body, header, room)
		if err == nil || !reused || ctx.Err() != nil {
			return response, err
		}
		// The subgraph closed an idle connection. A request that was not sent can be
		// repeated on another connection, and a query even if it was sent. The loop
		// ends, because each idle connection is tried only once.
		if !errors.Is(err, errStale) && (kind != operation.Query || !errors.Is(err, errNoAnswer)) {
			return nil, err
		}
	}
}

// exchange sends a request over a connection and reads the response. Then it returns the
// connection to the pool or closes it.
func (d *direct) exchange(ctx context.Context, deadline time.Time, c *conn, body *execute.Buffer, header http.Header, room *execute.MemoryReservation) (*execute.SubgraphResponse, error) {
	if earlier, ok := ctx.Deadline(); ok && earlier.Before(deadline) {
		deadline = earlier
	}
	if err := c.SetReadDeadline(deadline); err != nil {
		d.pool.drop(c)
		return nil, fmt.Errorf("%w: %w", errStale, err)
	}
	aborts := lazycontext.Notify(ctx, c)
	response, keep, err := d.converse(ctx, deadline, c, body, header, room)
	if !aborts.Stop() || !keep {
		d.pool.drop(c)
	} else {
		d.pool.put(c)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return response, err
}

// converse sends the request and reads the response. It reports whether the connection can
// be reused.
func (d *direct) converse(ctx context.Context, deadline time.Time, c *conn, body *execute.Buffer, header http.Header, room *execute.MemoryReservation) (response *execute.SubgraphResponse, keep bool, err error) {
	rest, err := d.write(c, deadline, body.B, header)
	if err != nil {
		if errors.Is(err, errUnsolicited) && !c.used {
			err = protocolError("it sent bytes before the request")
		}
		return nil, false, err
	}
	response, keep, err = d.receive(ctx, c, room)
	if rest != nil {
		failed := rest.stop(c, err == nil)
		keep = keep && failed == nil
		if errors.Is(err, errNoAnswer) && failed != nil {
			err = fmt.Errorf("%w (sending the request: %w)", err, failed)
		}
	}
	return response, keep, err
}

// receive reads a response.
func (d *direct) receive(ctx context.Context, c *conn, room *execute.MemoryReservation) (response *execute.SubgraphResponse, keep bool, err error) {
	c.wholeHeader = d.wholeHeader
	h, err := c.readHead()
	if err != nil {
		return nil, false, err
	}
	if err := h.unacceptable(); err != nil {
		// Skip the body if it has already arrived, so that the connection can be
		// reused. Otherwise closing the connection is cheaper.
		if h.length < 0 || h.chunked || h.length > int64(c.r.Buffered()) {
			return nil, false, err
		}
		_, _ = c.r.Discard(int(h.length))
		return nil, h.keep && c.r.Buffered() == 0, err
	}
	room.Arriving(h.status, h.header, h.contentEncoding != "")
	b, err := d.readBody(ctx, c, &h, room)
	if err != nil {
		return nil, false, err
	}
	response, err = h.response(ctx, room, b, d.limit)
	return response, h.keep && c.r.Buffered() == 0, err
}

// firstPart is how many bytes of a body are copied behind the head, so that one system call
// can send both.
const firstPart = 32 << 10

// write sends as much of the request as possible without blocking. A goroutine sends the
// remainder, if any, while the response is read: a subgraph may respond before it has read
// the request, to reject it or because it streams.
func (d *direct) write(c *conn, deadline time.Time, body []byte, header http.Header) (*remainder, error) {
	part := body[:min(len(body), firstPart)]
	request := execute.NewBuffer(len(d.line) + len(d.host) + len(d.head) + len(part) + 256)
	b, err := d.appendHead(request.B, header, len(body))
	if err != nil {
		request.Release()
		return nil, err
	}
	b = append(b, part...)
	request.B = b
	length, whole := len(request.B), len(part) == len(body)
	n, err := c.begin(request, whole)
	switch {
	case err != nil:
		request.Release()
		return nil, err
	case n == length && whole:
		return nil, nil
	}
	r := &remainder{sent: make(chan error, 1)}
	go func() {
		if n == length { // the request has been released
			r.sent <- c.writeUntil(deadline, body[len(part):])
			return
		}
		defer request.Release()
		r.sent <- c.writeUntil(deadline, request.B[n:], body[len(part):])
	}()
	return r, nil
}

// errInvalidHeader means that a header field cannot be sent.
var errInvalidHeader = errors.New("a header field is not valid")

func (d *direct) appendHead(b []byte, header http.Header, length int) ([]byte, error) {
	// RFC 9110, section 7.2: Host comes first.
	b = append(append(b, d.line...), "Host: "...)
	if host := header["Host"]; len(host) > 0 {
		b = append(b, host[0]...)
	} else {
		b = append(b, d.host...)
	}
	b = append(append(b, "\r\n"...), d.head...)
	for name, values := range header {
		if _, fixed := d.fixed[name]; fixed || name == "Host" {
			continue
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
				return b, &execute.TransportError{Code: execute.CodeHTTP, Message: "was not requested: a request header is invalid", Err: fmt.Errorf("%w: %q", errInvalidHeader, name)}
			}
			b = append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
		}
	}
	return append(strconv.AppendInt(append(b, "Content-Length: "...), int64(length), 10), "\r\n\r\n"...), nil
}

// A remainder is the part of a request that is sent while the response is read.
type remainder struct{ sent chan error }

// maxSendWait is how long sending the remainder may continue after the response has been
// read. After that the connection is closed.
const maxSendWait = 50 * time.Millisecond

var errNotSent = errors.New("the request was not sent completely")

// stop ends the sending of the remainder and waits for its goroutine. It returns nil if the
// request was sent completely. A request with a response gets maxSendWait; any other is
// aborted at once.
func (r *remainder) stop(c *conn, answered bool) error {
	if answered {
		timer := time.NewTimer(maxSendWait)
		defer timer.Stop()
		select {
		case err := <-r.sent:
			return err
		case <-timer.C:
		}
	}
	select {
	case err := <-r.sent:
		return err
	default:
	}
	_ = c.SetWriteDeadline(time.Unix(1, 0))
	if err := <-r.sent; err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return errNotSent
}

// readBody reads the body of a response, by chunked coding, by Content-Length, or up to the
// end of the connection (RFC 9112, section 6.3).
func (d *direct) readBody(ctx context.Context, c *conn, h *responseHead, room *execute.MemoryReservation) (*execute.Buffer, error) {
	switch {
	case h.chunked:
		b, err := readAll(ctx, room, httputil.NewChunkedReader(c.r), -1, d.limit, h.status)
		if err != nil {
			return nil, err
		}
		if err := c.skipTrailer(); err != nil {
			b.Release()
			return nil, err
		}
		return b, nil
	case h.length >= 0:
		return readAll(ctx, room, c.r, h.length, d.limit, h.status)
	default:
		h.keep = false
		return readAll(ctx, room, c.r, -1, d.limit, h.status)
	}
}
