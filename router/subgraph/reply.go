package subgraph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"time"

	"souk/router/execute"
	"souk/router/internal/jsonscan"
)

// unacceptable returns an error if the head shows that the response cannot be a GraphQL
// response.
func (h *responseHead) unacceptable() error {
	if h.status < 200 {
		return protocolError("unexpected status %d", h.status)
	}
	if h.status >= 300 && h.status <= 399 {
		return &execute.TransportError{
			Code: execute.CodeHTTP, Message: fmt.Sprintf("responded with a redirect (status %d), which is not followed", h.status),
			Status: h.status, Err: fmt.Errorf("redirect to %q", h.location),
		}
	}
	switch h.contentType {
	case "application/json", "application/graphql-response+json", "application/json; charset=utf-8", "":
		return nil
	}
	media, _, err := mime.ParseMediaType(h.contentType)
	if err == nil && (media == "application/json" || media == "application/graphql-response+json") {
		return nil
	}
	if h.status >= 200 && h.status <= 299 {
		return &execute.TransportError{
			Code: execute.CodeMalformed, Message: fmt.Sprintf("responded with %q instead of JSON", h.contentType), Status: h.status,
		}
	}
	return h.failure()
}

// failure returns the error for a response with an error status.
func (h *responseHead) failure() error {
	e := &execute.TransportError{Code: execute.CodeHTTP, Message: fmt.Sprintf("responded with status %d", h.status), Status: h.status}
	if wait := retryAfter(h.retryAfter, time.Now()); wait > 0 {
		e.Err = retryLater(wait)
	}
	return e
}

// retryLater is the cause of a failure with Retry-After: the delay that the subgraph asks
// for.
type retryLater time.Duration

func (r retryLater) Error() string {
	return fmt.Sprintf("it asks to retry after %v", time.Duration(r))
}

// retryAfter parses Retry-After (RFC 9110, section 10.2.3), a number of seconds or a date. It
// returns 0 for anything else.
func retryAfter(value string, now time.Time) time.Duration {
	// Reserve a number out of range, ParseUint returns the maximum.
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// response returns the response for a head and a body. It takes ownership of the body.
func (h *responseHead) response(ctx context.Context, room *execute.MemoryReservation, body *execute.Buffer, limit int) (*execute.SubgraphResponse, error) {
	if h.contentEncoding != "" && len(body.B) > 0 {
		decoded, err := decode(ctx, room, body, h.contentEncoding, limit, h.status)
		if err != nil {
			return nil, err
		}
		body = decoded
	}
	if bytes.HasPrefix(body.B, byteOrderMark) {
		// RFC 8259, section 8.1, allows parsers to ignore a byte order mark.
		body.B = body.B[:copy(body.B, body.B[len(byteOrderMark):])]
	}
	if h.status == http.StatusBadRequest && askedInPlain(body.B) {
		body.Release()
		return nil, &execute.TransportError{Code: execute.CodeHTTP, Message: "could not be reached" + reason(errSpeaksTLS), Status: h.status, Err: errSpeaksTLS}
	}
	if temporary(h.status) && !isResponse(body.B) {
		body.Release()
		return nil, h.failure()
	}
	return &execute.SubgraphResponse{Status: h.status, Header: h.header, Body: body}, nil
}

var byteOrderMark = []byte("\xEF\xBB\xBF")

// temporary reports whether a status may come from a proxy or an overloaded server rather
// than from the subgraph. Such a response counts only if its body is a GraphQL response,
// regardless of its Content-Type.
func temporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// isResponse reports whether a body is a GraphQL response: a JSON object with non-null data
// or a non-empty list of errors.
func isResponse(body []byte) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return false
	}
	var errors []json.RawMessage
	if json.Unmarshal(members["errors"], &errors) == nil && len(errors) > 0 {
		return true
	}
	data, found := members["data"]
	return found && string(data) != "null"
}

// resembles reports whether a body looks like a GraphQL response: it begins like a JSON object, up to
// the member data or errors, and ends like one. It reads only that much of a large response.
func resembles(body []byte) bool {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[len(body)-1] != '}' {
		return false
	}
	r := jsonscan.NewReader(body, jsonscan.MaxDepth)
	return errors.Is(r.Object(func(key []byte) error {
		if string(key) == "data" || string(key) == "errors" {
			return errFound
		}
		_, err := r.Value()
		return err
	}), errFound)
}

var errFound = errors.New("found")

// askedInPlain reports whether a body is the response of Go's net/http to a request without
// TLS on a TLS port.
func askedInPlain(body []byte) bool {
	return string(bytes.TrimSpace(body)) == "Client sent an HTTP request to an HTTPS server."
}

// errTooLarge means that a body exceeds its limit.
var errTooLarge = errors.New("too large")

// readAll reads a body of the given length, or to the end if length is negative.
func readAll(ctx context.Context, room *execute.MemoryReservation, r io.Reader, length int64, limit, status int) (*execute.Buffer, error) {
	b, err := fill(ctx, room, r, length, limit)
	if err == nil {
		return b, nil
	}
	received := len(b.B)
	b.Release()
	if errors.Is(err, errTooLarge) {
		return nil, tooLarge(limit, status)
	}
	return nil, cut(err, received)
}

func tooLarge(limit, status int) error {
	return &execute.TransportError{
		Code: execute.CodeHTTP, Message: fmt.Sprintf("sent a response larger than max_response_bytes (%d)", limit), Status: status,
	}
}

// fill reads length bytes, or to the end if length is negative. On an error, it also returns
// what it has read. It fails if the memory budget is exhausted. The executor may use each part as it
// arrives.
func fill(ctx context.Context, room *execute.MemoryReservation, r io.Reader, length int64, limit int) (*execute.Buffer, error) {
	if length > int64(limit) {
		return execute.NewBuffer(0), errTooLarge
	}
	if err := room.Reserve(ctx, int(length)); err != nil {
		return execute.NewBuffer(0), err
	}
	b := execute.NewBuffer(max(int(length), 512))
	for int64(len(b.B)) != length {
		if len(b.B) == cap(b.B) {
			// Room for one byte more than the limit detects that it is exceeded.
			size := max(min(2*cap(b.B), limit+1), cap(b.B)+1)
			if err := room.Reserve(ctx, size); err != nil {
				return b, err
			}
			larger := execute.NewBuffer(size)
			larger.B = append(larger.B, b.B...)
			b.Release()
			b = larger
		}
		end := cap(b.B)
		if length >= 0 {
			end = min(end, int(length)) // what follows is another response
		}
		n, err := r.Read(b.B[len(b.B):end])
		b.B = b.B[:len(b.B)+n]
		switch {
		case len(b.B) > limit:
			return b, errTooLarge
		case int64(len(b.B)) == length:
			// A reader may return io.EOF with the last bytes or after them.
		case errors.Is(err, io.EOF) && length < 0:
			return b, nil
		case err != nil:
			return b, err
		default:
			room.Arrived(b)
		}
	}
	return b, nil
}

// cut returns the error for a response that ended early. It returns timeouts, cancellations
// and transport errors unchanged.
func cut(err error, received int) error {
	var t *execute.TransportError
	var n net.Error
	if errors.As(err, &t) || errors.As(err, &n) && n.Timeout() || errors.Is(err, context.Canceled) {
		return err
	}
	return &execute.TransportError{
		Code: execute.CodeHTTP, Message: fmt.Sprintf("ended its response early, after %d bytes", received), Err: err,
	}
}
