package subgraph

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"syscall"

	"souk/router/execute"
)

// A handshakeError means that a TLS handshake failed.
type handshakeError struct{ error }

func (e handshakeError) Unwrap() error { return e.error }

// A handshakeWatch records the error of the TLS handshake for a request. The errors of
// net/http do not distinguish it from later failures.
type handshakeWatch struct {
	mu     sync.Mutex
	failed error
}

// done is the TLSHandshakeDone function of [httptrace.ClientTrace].
func (w *handshakeWatch) done(_ tls.ConnectionState, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = err
}

// explain wraps the error of a request with the information that net/http provides only as
// text, or not at all.
func (w *handshakeWatch) explain(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch text := err.Error(); {
	case w.failed != nil && (errors.Is(err, w.failed) || text == w.failed.Error()):
		return handshakeError{err}
	case strings.Contains(text, `malformed HTTP response "\x15\x03`):
		return fmt.Errorf("%w: %w", errSpeaksTLS, err)
	}
	return err
}

// alertRecord is the first byte of a TLS alert record (RFC 8446, section 5.1). No HTTP
// response begins with it.
const alertRecord = 0x15

// errSpeaksTLS means that a subgraph with an http URL expects TLS.
var errSpeaksTLS = errors.New("the response is a TLS record, but the URL begins with http://")

// unreachable returns the error for a request without a response.
func unreachable(err error) error {
	if invalidResponse(err) {
		return &execute.TransportError{Code: execute.CodeHTTP, Message: sentInvalid, Err: err}
	}
	return &execute.TransportError{Code: execute.CodeHTTP, Message: "could not be reached" + reason(err), Err: err}
}

// sentInvalid says that a response violates HTTP.
const sentInvalid = "sent an invalid HTTP response"

// invalidTexts begin errors of net/http about a response that violates HTTP, which have no type.
var invalidTexts = []string{
	"malformed HTTP ", "bad Content-Length", "invalid empty Content-Length", "http: message cannot contain multiple Content-Length",
	"unsupported transfer encoding", "too many transfer encodings", "net/http: server response headers exceeded",
}

// invalidResponse reports whether the error of net/http is about a response that violates HTTP.
func invalidResponse(err error) bool {
	var header textproto.ProtocolError
	if errors.Is(err, errSpeaksTLS) {
		return false
	}
	if errors.As(err, &header) {
		return true
	}
	for ; err != nil; err = errors.Unwrap(err) {
		text := err.Error()
		if slices.ContainsFunc(invalidTexts, func(begin string) bool { return strings.HasPrefix(text, begin) }) {
			return true
		}
	}
	return false
}

// reason describes the cause of a failure for clients. It contains no address and nothing
// that the subgraph sent.
func reason(err error) string {
	var (
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		handshake   handshakeError
		alert       tls.AlertError
		name        *net.DNSError
	)
	switch {
	case errors.As(err, &certificate):
		return ": its TLS certificate is not trusted"
	case errors.Is(err, errSpeaksTLS):
		return ": it expects TLS, but its URL begins with http"
	case errors.As(err, &handshake) && errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return ": it does not speak TLS, but its URL begins with https"
	case errors.As(err, &handshake):
		return ": the TLS handshake failed"
	case errors.As(err, &record), errors.As(err, &alert), strings.Contains(err.Error(), "tls: "):
		return ": the TLS connection failed"
	case errors.As(err, &name):
		return ": its host name cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return ": it refused the connection"
	case errors.Is(err, errNoAnswer), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return ": the connection was closed before a response arrived"
	case strings.HasPrefix(err.Error(), "stream error: "):
		return ": the HTTP/2 stream was reset before a response arrived"
	}
	return ""
}

// explain converts an error of a request to the one that Send returns. If ctx was canceled,
// that is the error of ctx.
func (s *subgraph) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var net net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &net) && net.Timeout() {
		return &execute.TransportError{
			Code: execute.CodeTimeout, Message: fmt.Sprintf("did not respond within %v", s.Timeout), Err: err,
		}
	}
	var t *execute.TransportError
	if errors.As(err, &t) {
		return t
	}
	return unreachable(err)
}
