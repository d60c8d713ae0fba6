package subscribe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"souk/internal/detach"
	"souk/router/execute"
)

// A Stream runs one operation. It passes each response, a JSON text, to emit until
// there are no more responses (nil), ctx is done, or emit fails. It may reuse the
// text when emit has returned. Then it calls ended with the reason, once and perhaps
// long after it has returned: an idle stream has no goroutine. A *Failure ends the
// operation with errors for the client. [ErrCut] and any other error end the stream
// without a final message, so that the client considers the connection lost and
// reconnects.
type Stream func(ctx context.Context, emit func(response []byte) error, ended func(error))

// A Writer writes the responses of one stream to a client.
type Writer interface {
	// Begin sends the header of the response.
	Begin() error
	// Detach makes the stream go on in a response that outlives its handler.
	Detach(d *detach.Response)
	// Serve runs a stream. When it has ended, Serve calls ended with the error, perhaps
	// after it has returned.
	Serve(ctx context.Context, run Stream, ended func(error))
}

// A Failure is an error that ends an operation with errors and no data.
type Failure struct {
	// Errors is a JSON list of GraphQL errors (GraphQL, section 7.1.2).
	Errors json.RawMessage
	// Transport is set if the stream failed rather than the operation: the
	// connection to the subgraph was lost, or the caller may not continue.
	Transport bool
}

// Error implements error.
func (f *Failure) Error() string { return "the operation failed: " + string(f.Errors) }

// response returns a GraphQL response with the errors and no data.
func (f *Failure) response() []byte {
	return append(append([]byte(`{"errors":`), f.Errors...), '}')
}

var (
	// ErrCut ends a stream that the client should open again, because this server
	// is shutting down. It is also the cancellation cause of operations in the stream.
	ErrCut = fmt.Errorf("streams end: %w", execute.ErrShuttingDown)
	// ErrExpired is the cancellation cause for operations whose caller's
	// identity, such as an access token, has expired.
	ErrExpired = errors.New("the caller's identity has expired")
)
