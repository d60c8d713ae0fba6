package subgraph

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"souk/router/execute"
)

// A responseHead has the fields of a response head that the router uses.
type responseHead struct {
	status          int
	contentType     string
	contentEncoding string
	location        string
	retryAfter      string
	length          int64 // -1 without Content-Length
	chunked         bool
	keep            bool
	// old is set for HTTP/1.0, noCache for Pragma: no-cache.
	old, noCache bool
	// header has the fields that control caching: Age, Cache-Control and Vary. If whole
	// is set, it has all fields.
	header http.Header
	whole  bool
}

const (
	// maxHead bounds the size of a response head, including preceding informational
	// responses, and of a trailer section.
	maxHead = 1 << 20
	// maxInformational bounds the number of informational (1xx) responses before the
	// final one.
	maxInformational = 16
)

// protocolError returns the error for a response that violates HTTP/1.1.
func protocolError(format string, args ...any) error {
	return &execute.TransportError{Code: execute.CodeHTTP, Message: sentInvalid, Err: fmt.Errorf(format, args...)}
}

// readHead reads the head of the final response.
func (c *conn) readHead() (responseHead, error) {
	first, err := c.r.Peek(1)
	if err != nil {
		return responseHead{}, noAnswer{err}
	}
	if first[0] == alertRecord {
		return responseHead{}, errSpeaksTLS
	}
	left := maxHead
	for range maxInformational + 1 {
		h, err := c.readOneHead(&left)
		// The router never requests an upgrade, so 101 is final and an error.
		if err != nil || h.status >= 200 || h.status == http.StatusSwitchingProtocols {
			return h, err
		}
	}
	return responseHead{}, protocolError("more than %d informational responses", maxInformational)
}

func (c *conn) readOneHead(left *int) (responseHead, error) {
	h := responseHead{length: -1, whole: c.wholeHeader}
	line, err := c.line(left)
	if err != nil {
		return h, err
	}
	// HTTP/1.1 200 OK
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || !digits(line[7:8]) || line[8] != ' ' || !digits(line[9:12]) || len(line) > 12 && line[12] != ' ' {
		return h, protocolError("status line %q", start(line))
	}
	h.status = int(line[9]-'0')*100 + int(line[10]-'0')*10 + int(line[11]-'0')
	if h.status < 100 {
		return h, protocolError("status line %q", start(line))
	}
	h.old = line[7] == '0'
	h.keep = !h.old
	if next, err := c.r.Peek(1); err == nil && blank(next[0]) {
		return h, protocolError("a header field begins with a space")
	}
	for {
		line, err := c.field(left)
		if err != nil {
			return h, err
		}
		if len(line) == 0 {
			return h, h.check()
		}
		if err := h.take(line); err != nil {
			return h, err
		}
	}
}

// check validates the combination of fields after the last one.
func (h *responseHead) check() error {
	switch {
	// RFC 9112, section 6.1: the framing of such a message is faulty.
	case h.chunked && h.old:
		return protocolError("Transfer-Encoding in HTTP/1.0")
	// RFC 9112, section 6.3: this may be an attempt at response splitting.
	case h.chunked && h.length >= 0:
		return protocolError("both Content-Length and Transfer-Encoding")
	}
	if h.status == http.StatusNoContent || h.status == http.StatusNotModified {
		h.length, h.chunked = 0, false
	}
	if h.noCache && h.header["Cache-Control"] == nil {
		h.addHeader("Cache-Control", "no-cache")
	}
	return nil
}

// line reads a line and returns it without its terminator. The result is valid until the
// next read.
func (c *conn) line(left *int) ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = c.longLine(line, *left)
	}
	if err != nil {
		return nil, cut(err, 0)
	}
	if *left -= len(line); *left < 0 {
		return nil, protocolError("the head is larger than %d bytes", maxHead)
	}
	if c.trailer && !bytes.HasSuffix(line, []byte("\r\n")) {
		return nil, protocolError("a line of the trailer ends without CR")
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// longLine reads the rest of a line that exceeds the connection's buffer.
func (c *conn) longLine(begun []byte, left int) ([]byte, error) {
	long := bytes.Clone(begun)
	for {
		more, err := c.r.ReadSlice('\n')
		long = append(long, more...)
		if !errors.Is(err, bufio.ErrBufferFull) || len(long) > left {
			if len(long) > left {
				err = nil // line reports that the head is too large
			}
			return long, err
		}
	}
}

// field reads a field line with its continuation lines (RFC 9112, section 5.2), or the empty
// line at the end. The result is valid until the next read.
func (c *conn) field(left *int) ([]byte, error) {
	line, err := c.line(left)
	if err != nil || len(line) == 0 {
		return nil, err
	}
	if c.r.Buffered() == 0 {
		// Peeking at the next line overwrites this one.
		line = bytes.Clone(line)
	}
	if next, err := c.r.Peek(1); err != nil || !blank(next[0]) {
		return line, nil //nolint:nilerr // the next read gives the error
	}
	folded := bytes.Clone(bytes.TrimRight(line, " \t"))
	for {
		next, err := c.r.Peek(1)
		if err != nil || !blank(next[0]) {
			return folded, nil //nolint:nilerr // the next read gives the error
		}
		if line, err = c.line(left); err != nil {
			return nil, err
		}
		folded = append(append(folded, ' '), bytes.Trim(line, " \t")...)
	}
}

// skipTrailer reads the trailer section after the last chunk. As part of the chunked coding,
// its lines must end in CR LF.
func (c *conn) skipTrailer() error {
	left := maxHead
	c.trailer = true
	defer func() { c.trailer = false }()
	if next, err := c.r.Peek(1); err == nil && blank(next[0]) {
		return protocolError("a trailer field begins with a space")
	}
	for {
		line, err := c.field(&left)
		if err != nil || len(line) == 0 {
			return err
		}
		if _, _, err := splitField(line); err != nil {
			return err
		}
	}
}

// splitField splits a field line into name and value and validates both.
func splitField(line []byte) (name, value []byte, err error) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 {
		return nil, nil, protocolError("header field %q", start(line))
	}
	for _, b := range name {
		if !httpguts.IsTokenRune(rune(b)) {
			return nil, nil, protocolError("header field %q", start(line))
		}
	}
	for _, b := range value {
		if b < ' ' && b != '\t' || b == 0x7f {
			return nil, nil, protocolError("header field %q", start(line))
		}
	}
	return name, bytes.Trim(value, " \t"), nil
}

// take processes a header field. If a field that allows only one value occurs several times,
// the first one counts, as in net/http.
func (h *responseHead) take(line []byte) error {
	name, value, err := splitField(line)
	if err != nil {
		return err
	}
	if h.whole {
		h.addHeader(textproto.CanonicalMIMEHeaderKey(string(name)), string(value))
	}
	switch len(name) { // a cheap filter, since most fields are not used
	case len("Age"), len("Vary"), len("Pragma"), len("Location"), len("Connection"), len("Retry-After"), len("Content-Type"),
		len("Cache-Control"), len("Content-Length"), len("Content-Encoding"), len("Transfer-Encoding"):
	default:
		return nil
	}
	switch {
	case equal(name, "Content-Length"):
		n, err := strconv.ParseUint(string(value), 10, 63)
		if err != nil || h.length >= 0 && h.length != int64(n) {
			return protocolError("Content-Length %q", start(value))
		}
		h.length = int64(n)
	case equal(name, "Transfer-Encoding"):
		if !equal(value, "chunked") || h.chunked {
			return protocolError("Transfer-Encoding %q", start(value))
		}
		h.chunked = true
	case equal(name, "Connection"):
		if httpguts.HeaderValuesContainsToken([]string{string(value)}, "close") {
			h.keep = false
		}
	case equal(name, "Content-Type"):
		first(&h.contentType, contentType(value))
	case equal(name, "Content-Encoding"):
		h.contentEncoding = strings.Trim(h.contentEncoding+","+string(value), ", ")
	case equal(name, "Location"):
		first(&h.location, string(value))
	case equal(name, "Retry-After"):
		first(&h.retryAfter, string(value))
	case equal(name, "Cache-Control"), equal(name, "Age"), equal(name, "Vary"):
		if !h.whole {
			h.addHeader(textproto.CanonicalMIMEHeaderKey(string(name)), string(value))
		}
	case equal(name, "Pragma"):
		h.noCache = h.noCache || string(value) == "no-cache"
	}
	return nil
}

func (h *responseHead) addHeader(name, value string) {
	if h.header == nil {
		h.header = make(http.Header, 2)
	}
	h.header.Add(name, value)
}

func first(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

func equal(name []byte, text string) bool {
	return len(name) == len(text) && strings.EqualFold(string(name), text)
}

func blank(b byte) bool { return b == ' ' || b == '\t' }

func digits(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c < '0' || c > '9' })
}

// start returns the first bytes of b, for quoting in an error.
func start(b []byte) []byte { return b[:min(len(b), 80)] }

// contentType returns value as a string. It does not allocate for the usual types.
func contentType(value []byte) string {
	for _, usual := range [...]string{"application/json", "application/graphql-response+json", "application/json; charset=utf-8"} {
		if string(value) == usual {
			return usual
		}
	}
	return string(value)
}
