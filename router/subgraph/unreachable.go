package subgraph

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"

	"souk/router/execute"
)

// A handshakeError says that a TLS handshake failed.
type handshakeError struct{ error }

func (e handshakeError) Unwrap() error { return e.error }

// A handshakeWatch remembers why the TLS handshake for a request failed, which
// net/http's error does not tell apart from a failure later on.
type handshakeWatch struct {
	mu     sync.Mutex
	failed error
}

// done is for [httptrace.ClientTrace].
func (w *handshakeWatch) done(_ tls.ConnectionState, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = err
}

// explain makes the error of a request tell what net/http says only in words,
// or not at all.
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

// alertRecord begins a TLS record that carries an alert (RFC 8446, section
// 5.1). No HTTP response begins so.
const alertRecord = 0x15

// errSpeaksTLS says that a subgraph with an http URL answers in TLS.
var errSpeaksTLS = errors.New("the answer is a TLS record, but the URL begins with http://")

// unreachable is the error for a request that got no answer.
func unreachable(err error) error {
	return &execute.TransportError{Code: execute.CodeHTTP, Message: "could not be reached" + reason(err), Err: err}
}

// reason is what clients are told of the cause of a failure. It names no
// address, and repeats nothing that the subgraph sent.
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
		return ": it refuses connections"
	case errors.Is(err, errNoAnswer), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return ": the connection was closed before an answer came"
	case strings.HasPrefix(err.Error(), "stream error: "):
		return ": the HTTP/2 stream was reset before an answer came"
	}
	return ""
}

// explain makes an error the client's: ctx's own if it was ended from outside.
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
			Code: execute.CodeTimeout, Message: fmt.Sprintf("did not answer within %v", s.Timeout), Err: err,
		}
	}
	var t *execute.TransportError
	if errors.As(err, &t) {
		return t
	}
	return unreachable(err)
}
