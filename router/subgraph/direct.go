package subgraph

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"souk/router/execute"
	"souk/router/operation"
)

// A direct client speaks HTTP/1.1 (RFC 9112) over plain TCP to one host. A
// request is written and its answer read by the goroutine that asks, where
// net/http has two more for each connection and a map for each header: that is
// about half of what a small request costs. Everything but http URLs without
// HTTP/2 and proxies is left to net/http.
type direct struct {
	limit int // of a body
	// head is the part of a request's head that is always the same.
	head  []byte
	fixed http.Header
	pool  pool
}

func newDirect(u *url.URL, s *Subgraph, fixed http.Header) *direct {
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "80")
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: %s\r\n", u.RequestURI(), u.Host)
	// The error is impossible: a bytes.Buffer takes everything.
	_ = fixed.Write(&head)
	d := &direct{limit: s.MaxResponseBytes, head: head.Bytes(), fixed: fixed}
	d.pool.init(address, s)
	return d
}

func (d *direct) close() { d.pool.close() }

// errNoAnswer says that a connection ended before the first byte of an answer.
var errNoAnswer = errors.New("the connection was closed before an answer came")

func (d *direct) roundTrip(ctx context.Context, deadline time.Time, kind operation.Kind, body *execute.Buffer, header http.Header) (*execute.SubgraphResponse, error) {
	for {
		c, err := d.pool.get(ctx, deadline, kind == operation.Mutation)
		if err != nil {
			return nil, err
		}
		reused := c.used
		response, err := d.exchange(ctx, deadline, c, body, header)
		if err == nil || !reused || kind != operation.Query || !errors.Is(err, errNoAnswer) || ctx.Err() != nil {
			return response, err
		}
		// The subgraph had closed a connection that was idle: others may be
		// as old, but each is tried only once.
	}
}

// exchange sends a request over a connection and reads the answer. The
// connection is back in the pool or closed when it returns.
func (d *direct) exchange(ctx context.Context, deadline time.Time, c *conn, body *execute.Buffer, header http.Header) (*execute.SubgraphResponse, error) {
	if err := c.SetDeadline(deadline); err != nil {
		d.pool.drop(c)
		return nil, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	stop := context.AfterFunc(ctx, c.abort)
	response, keep, err := d.converse(c, body, header)
	if !stop() || !keep {
		d.pool.drop(c)
	} else {
		d.pool.put(c)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return response, err
}

// abort makes what waits for the connection fail at once.
func (c *conn) abort() { _ = c.SetDeadline(time.Unix(1, 0)) }

// converse sends the request and reads the answer. It says whether the
// connection can be used again.
func (d *direct) converse(c *conn, body *execute.Buffer, header http.Header) (response *execute.SubgraphResponse, keep bool, err error) {
	if err := d.write(c, body.B, header); err != nil {
		return nil, false, err
	}
	h, err := c.readHead()
	if err != nil {
		return nil, false, err
	}
	if err := acceptable(h.status, h.contentType, h.location); err != nil {
		// The rest is not read: the connection ends here.
		return nil, false, err
	}
	b, err := d.readBody(c, &h)
	if err != nil {
		return nil, false, err
	}
	return &execute.SubgraphResponse{Status: h.status, Header: h.header, Body: b}, h.keep && c.r.Buffered() == 0, nil
}

// write sends the request, in one piece.
func (d *direct) write(c *conn, body []byte, header http.Header) error {
	request := execute.NewBuffer(len(d.head) + len(body) + 256)
	defer request.Release()
	b := request.B
	b = append(b, d.head...)
	for name, values := range header {
		if _, fixed := d.fixed[name]; fixed {
			continue
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
				return &execute.TransportError{Code: execute.CodeHTTP, Message: "cannot be sent a header", Err: fmt.Errorf("header %q is not valid", name)}
			}
			b = append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
		}
	}
	b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10), "\r\n\r\n"...)
	b = append(b, body...)
	request.B = b
	if _, err := c.Write(b); err != nil {
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	return nil
}

// A responseHead is what the router needs of a response's head.
type responseHead struct {
	status      int
	contentType string
	location    string
	length      int64 // -1 if not given
	chunked     bool
	keep        bool
	// header has only the fields that say how long the answer holds.
	header http.Header
}

// maxHead bounds a response's head.
const maxHead = 64 << 10

// protocolError says that an answer is not HTTP/1.1.
func protocolError(format string, args ...any) error {
	return &execute.TransportError{Code: execute.CodeHTTP, Message: "did not answer in HTTP", Err: fmt.Errorf(format, args...)}
}

// readHead reads the head of the final response.
func (c *conn) readHead() (responseHead, error) {
	if _, err := c.r.Peek(1); err != nil {
		return responseHead{}, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	for {
		h, err := c.readOneHead()
		if err != nil || h.status >= 200 {
			return h, err
		}
		if h.status == http.StatusSwitchingProtocols {
			return h, protocolError("status 101 was not asked for")
		}
	}
}

func (c *conn) readOneHead() (responseHead, error) {
	h := responseHead{length: -1}
	line, err := c.line()
	if err != nil {
		return h, err
	}
	// HTTP/1.1 200 OK
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return h, protocolError("status line %q", line)
	}
	if h.status, err = strconv.Atoi(string(line[9:12])); err != nil || h.status < 100 {
		return h, protocolError("status line %q", line)
	}
	h.keep = line[7] == '1'
	for total := len(line); ; {
		if line, err = c.line(); err != nil {
			return h, err
		}
		if len(line) == 0 {
			break
		}
		if total += len(line); total > maxHead {
			return h, protocolError("the head is larger than %d bytes", maxHead)
		}
		if err := h.field(line); err != nil {
			return h, err
		}
	}
	if h.chunked && h.length >= 0 {
		return h, protocolError("both Content-Length and Transfer-Encoding")
	}
	if h.status == http.StatusNoContent || h.status == http.StatusNotModified {
		h.length, h.chunked = 0, false
	}
	return h, nil
}

// line reads a line without its end.
func (c *conn) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, protocolError("a line is longer than %d bytes", c.r.Size())
	case err != nil:
		return nil, cut(err, 0)
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// field takes in a header field.
func (h *responseHead) field(line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 || name[0] == ' ' || name[0] == '\t' || name[len(name)-1] == ' ' {
		return protocolError("header field %q", line)
	}
	value = bytes.Trim(value, " \t")
	switch len(name) { // most fields are of no interest
	case len("Age"), len("Location"), len("Connection"), len("Content-Type"), len("Cache-Control"), len("Content-Length"), len("Transfer-Encoding"):
	default:
		return nil
	}
	switch {
	case equal(name, "Content-Length"):
		n, err := strconv.ParseUint(string(value), 10, 62)
		if err != nil || h.length >= 0 && h.length != int64(n) {
			return protocolError("Content-Length %q", value)
		}
		h.length = int64(n)
	case equal(name, "Transfer-Encoding"):
		if !equal(value, "chunked") || h.chunked {
			return protocolError("Transfer-Encoding %q", value)
		}
		h.chunked = true
	case equal(name, "Connection"):
		if httpguts.HeaderValuesContainsToken([]string{string(value)}, "close") {
			h.keep = false
		}
	case equal(name, "Content-Type"):
		h.contentType = contentType(value)
	case equal(name, "Location"):
		h.location = string(value)
	case equal(name, "Cache-Control"), equal(name, "Age"):
		if h.header == nil {
			h.header = make(http.Header, 2)
		}
		h.header.Add(textproto.CanonicalMIMEHeaderKey(string(name)), string(value))
	}
	return nil
}

func equal(name []byte, text string) bool {
	return len(name) == len(text) && strings.EqualFold(string(name), text)
}

// contentType gives the usual types without a copy.
func contentType(value []byte) string {
	for _, usual := range [...]string{"application/json", "application/graphql-response+json", "application/json; charset=utf-8"} {
		if string(value) == usual {
			return usual
		}
	}
	return string(value)
}

// readBody reads the body that a head announces.
func (d *direct) readBody(c *conn, h *responseHead) (*execute.Buffer, error) {
	switch {
	case h.chunked:
		b, err := readAll(httputil.NewChunkedReader(c.r), -1, d.limit, h.status)
		if err != nil {
			return nil, err
		}
		if err := c.skipTrailer(); err != nil {
			b.Release()
			return nil, err
		}
		return b, nil
	case h.length >= 0:
		return readAll(&io.LimitedReader{R: c.r, N: h.length}, h.length, d.limit, h.status)
	default:
		h.keep = false
		return readAll(c.r, -1, d.limit, h.status)
	}
}

func (c *conn) skipTrailer() error {
	for total := 0; ; {
		line, err := c.line()
		if err != nil || len(line) == 0 {
			return err
		}
		if total += len(line); total > maxHead {
			return protocolError("the trailer is larger than %d bytes", maxHead)
		}
	}
}
