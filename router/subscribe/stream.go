package subscribe

import (
	"context"
	"encoding/json"
	"errors"
)

// A Stream runs one operation: it hands each response, a JSON text, to emit,
// until there are no more (nil), ctx is done, or emit fails. The text is
// emit's only while it runs. A *Failure ends the operation with errors that
// the client is told; [ErrCut] and any other error end it without a word, so
// that the client takes the stream for lost and opens it again.
type Stream func(ctx context.Context, emit func(response []byte) error) error

// A Failure ends an operation with errors and no data.
type Failure struct {
	// Errors is a JSON list of GraphQL errors (GraphQL, section 7.1.2).
	Errors json.RawMessage
	// Transport says that the stream failed, rather than the operation: it was
	// lost, or may not go on.
	Transport bool
}

func (f *Failure) Error() string { return "the operation failed: " + string(f.Errors) }

// response is a GraphQL response with the failure's errors alone.
func (f *Failure) response() []byte {
	return append(append([]byte(`{"errors":`), f.Errors...), '}')
}

var (
	// ErrCut ends a stream that the client shall open again elsewhere.
	ErrCut = errors.New("the server is going away")
	// ErrExpired is the cause of the end of what was begun with an identity
	// that holds no more.
	ErrExpired = errors.New("the caller's identity has expired")
)
