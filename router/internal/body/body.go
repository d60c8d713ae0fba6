// Package body reads the bodies of HTTP requests. It limits their size, compressed
// and decompressed, the time they take to arrive, and the memory they use together.
//
// The GraphQL and REST handlers use it before they parse a request. The hub is
// body.go; decode.go decodes content codings, and charge.go accounts for memory.
package body

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"time"

	"souk/internal/memory"
)

// Limits are the limits for a body.
type Limits struct {
	// Bytes is the maximum size in bytes, both as sent and as decoded; 0 means
	// no limit.
	Bytes int
	// Timeout is the time limit for receiving the whole body; 0 means no limit.
	Timeout time.Duration
	// Memory is charged for the buffers of bodies; nil means no limit.
	Memory *memory.Budget
}

// An Error is the response to a request whose body cannot be used.
type Error struct {
	// Status is the HTTP status: 400, 408, 413, 415 or 503.
	Status int
	// Detail is a human-readable message.
	Detail string
	// Header has additional headers of the response; it may be nil.
	Header http.Header
}

// Error returns the detail.
func (e *Error) Error() string { return e.Detail }

// A Reader reads bodies. It is safe for concurrent use.
type Reader struct {
	limits Limits
	// decoding is a semaphore for decoding bodies. A decoder can take 8 MiB,
	// the largest window of zstd in HTTP (RFC 9659).
	decoding chan struct{}
}

// NewReader returns a Reader with these limits.
func NewReader(l Limits) *Reader {
	return &Reader{limits: l, decoding: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// Arm starts the time limit for a request's body. Call it in the outermost handler:
// the limit is also needed for a body that no handler reads, because net/http reads
// the rest of it before it reuses the connection. net/http removes the deadline at
// the end of the body.
func (rd *Reader) Arm(w http.ResponseWriter, r *http.Request) {
	if rd.limits.Timeout > 0 && r.ContentLength != 0 {
		// Ignore the error: some ResponseWriters, such as those in tests, do
		// not support deadlines.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(rd.limits.Timeout))
	}
}

// startSize bounds the bytes allocated because of Content-Length alone, before any of
// the body has arrived. Thousands of connections can each announce a large body and
// never send it.
const startSize = 4 << 10

// FreeBytes is the number of bytes of each body that are not charged to
// Limits.Memory, so that requests of an ordinary size are read even while large ones
// use up the budget. Buffers to read into should not have a larger capacity.
const FreeBytes = 16 << 10

// Read appends a request's body to a buffer, decoded according to Content-Encoding
// (RFC 9110, section 8.4). Errors are of type *Error. Read charges the buffer to the
// lease; the caller must release it when it no longer uses the buffer.
func (rd *Reader) Read(w http.ResponseWriter, r *http.Request, into *bytes.Buffer, lease *memory.Lease) error {
	if rd.limits.Memory != nil {
		lease.Of(rd.limits.Memory)
	}
	coding, err := contentCoding(r.Header["Content-Encoding"])
	if err != nil {
		return err
	}
	if coding == "" {
		return rd.receive(w, r, into, lease)
	}
	var sent bytes.Buffer
	if err := rd.receive(w, r, &sent, lease); err != nil || sent.Len() == 0 {
		return err
	}
	// The body has arrived completely, so decoding never waits for the client.
	select {
	case rd.decoding <- struct{}{}:
		defer func() { <-rd.decoding }()
	case <-r.Context().Done():
		return truncated()
	}
	return rd.decode(r.Context(), coding, sent.Bytes(), into, lease)
}

// receive reads a body without decoding it.
func (rd *Reader) receive(w http.ResponseWriter, r *http.Request, into *bytes.Buffer, lease *memory.Lease) error {
	limit := int64(rd.limits.Bytes)
	switch {
	case limit > 0 && r.ContentLength > limit:
		return rd.tooLarge()
	case limit > 0 && r.ContentLength < 0: // otherwise net/http enforces Content-Length
		r.Body = http.MaxBytesReader(w, r.Body, limit)
	}
	if r.ContentLength > 0 {
		into.Grow(int(min(r.ContentLength, startSize)) + bytes.MinRead)
	}
	from := io.Reader(r.Body)
	if r.ContentLength < 0 || r.ContentLength > FreeBytes {
		from = Charge(r.Context(), r.Body, lease)
	}
	_, err := into.ReadFrom(from)
	if err == nil {
		return nil
	}
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return rd.tooLarge()
	case errors.Is(err, memory.ErrExhausted):
		w.Header().Set("Connection", "close") // the rest of the body is not read
		return overloaded()
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close") // late bytes of the body are not a request
		return &Error{Status: http.StatusRequestTimeout,
			Detail: fmt.Sprintf("The request body did not arrive within %s.", rd.limits.Timeout)}
	case errors.Is(err, io.ErrUnexpectedEOF) || r.Context().Err() != nil:
		return truncated()
	}
	return &Error{Status: http.StatusBadRequest, Detail: "The request body could not be read to its end."}
}

func truncated() error {
	return &Error{Status: http.StatusRequestTimeout, Detail: "The request body ended early."}
}

func (rd *Reader) tooLarge() error {
	return &Error{Status: http.StatusRequestEntityTooLarge,
		Detail: fmt.Sprintf("The request body is longer than %d bytes.", rd.limits.Bytes)}
}
