// Package body reads the bodies of HTTP requests within bounds: of bytes, on
// the wire and decoded, and of time. GraphQL and REST requests share it.
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

// Limits bound a body.
type Limits struct {
	// Bytes bound the body as sent and as decoded; 0 for no bound.
	Bytes int
	// Timeout is for the whole body to arrive in; 0 for no bound.
	Timeout time.Duration
	// Memory is charged for what is held of bodies; nil for no bound.
	Memory *memory.Budget
}

// An Error says why a body cannot be used, as a response to the client.
type Error struct {
	// Status is 400, 408, 413, 415 or 503.
	Status int
	// Detail is for people.
	Detail string
	// Header is for the response; nil for none.
	Header http.Header
}

// Error gives the detail.
func (e *Error) Error() string { return e.Detail }

// A Reader reads bodies. It is safe for use by many goroutines.
type Reader struct {
	limits Limits
	// decoding has room for the bodies that are decoded at the same time. A
	// decoder may take 8 MiB, the largest window of zstd in HTTP (RFC 9659).
	decoding chan struct{}
}

// NewReader gives a reader of bodies within limits.
func NewReader(l Limits) *Reader {
	return &Reader{limits: l, decoding: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// Arm starts the time for a request's body, also for one that nobody reads:
// net/http reads the rest before it reuses the connection. It is for the
// outermost handler; net/http lifts the deadline at the end of the body.
func (rd *Reader) Arm(w http.ResponseWriter, r *http.Request) {
	if rd.limits.Timeout > 0 && r.ContentLength != 0 {
		// A writer without deadlines has no slow clients, such as one in a test.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(rd.limits.Timeout))
	}
}

// startSize is the most that is allocated for a body by its Content-Length
// alone, before any of it has arrived: each of thousands of connections may
// announce a body that does not come.
const startSize = 4 << 10

// FreeBytes of each body are not charged to Limits.Memory, so that requests of an
// ordinary size are read even when large ones have taken all memory that is for
// them. A buffer to read into should have no more room than that.
const FreeBytes = 16 << 10

// Read appends a request's body to a buffer, decoded as Content-Encoding says
// (RFC 9110, section 8.4). Errors are of type *Error. What the buffer holds is
// charged to the lease, which the caller releases when it lets go of the buffer.
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
	// All of the body is here: decoding waits for no client.
	select {
	case rd.decoding <- struct{}{}:
		defer func() { <-rd.decoding }()
	case <-r.Context().Done():
		return truncated()
	}
	return rd.decode(r.Context(), coding, sent.Bytes(), into, lease)
}

// receive reads a body as it was sent.
func (rd *Reader) receive(w http.ResponseWriter, r *http.Request, into *bytes.Buffer, lease *memory.Lease) error {
	limit := int64(rd.limits.Bytes)
	switch {
	case limit > 0 && r.ContentLength > limit:
		return rd.tooLarge()
	case limit > 0 && r.ContentLength < 0: // net/http holds a body to the length it gives
		r.Body = http.MaxBytesReader(w, r.Body, limit)
	}
	if r.ContentLength > 0 {
		into.Grow(int(min(r.ContentLength, startSize)) + bytes.MinRead)
	}
	_, err := into.ReadFrom(Charge(r.Context(), r.Body, lease))
	var over *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &over):
		return rd.tooLarge()
	case errors.Is(err, memory.ErrExhausted):
		w.Header().Set("Connection", "close") // the rest is not read
		return overloaded()
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close") // what comes late is no request
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
