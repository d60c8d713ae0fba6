package execute

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"souk/router/internal/panics"
	"souk/router/operation"
)

// A Transport sends requests to subgraphs. It is safe for concurrent use.
type Transport interface {
	// Send sends a request and reads the whole response. It returns responses
	// of any status that may hold a GraphQL response. Otherwise the error is a
	// *TransportError, or ctx's.
	Send(ctx context.Context, r *SubgraphRequest) (*SubgraphResponse, error)
	// Subscribe opens a stream and calls event for each message, in order,
	// until the subgraph ends the stream (nil), ctx is done, event fails, or
	// the stream is lost and cannot be reopened. A subgraph that refuses the subscription
	// with GraphQL errors returns a *RequestError. The stream is closed when
	// Subscribe returns. event releases the response that it is given.
	Subscribe(ctx context.Context, r *SubgraphRequest, event func(*SubgraphResponse) error) error
}

// A Limiter is a Transport that knows, before a request is made, that it would refuse to send it to a
// subgraph now, because as many as the subgraph can serve are in flight. A refusal is counted.
type Limiter interface{ Refuse(subgraph string) bool }

// A SubgraphRequest is one GraphQL request to one subgraph.
type SubgraphRequest struct {
	// Subgraph is its name in the supergraph.
	Subgraph string
	// Kind is the kind of the operation. Only queries, and mutations with an IdempotencyKey, may be
	// sent twice.
	Kind operation.Kind
	// Body is the request as JSON: {"query":…,"variables":{…}}. The buffer
	// belongs to the executor: a transport that uses it after Send returns
	// retains it.
	Body *Buffer
	// Header is the client's header. A transport sends the fields that its rules
	// propagate. It must not be modified.
	Header http.Header
	// Files has the files that the request sends, or is nil. Such a request is sent once.
	Files FileBody
	// Partition is the partition of the Caller. Queries of different partitions must not share a
	// response, even if they are identical.
	Partition string
	// LastEventID is the ID of the last event that the client got from an earlier
	// subscription, or "".
	LastEventID string
	// Reservation, unless nil, reserves memory before it is allocated for the
	// response.
	Reservation *MemoryReservation
	// IdempotencyKey, unless empty, is sent as a header, so that the subgraph executes a mutation
	// once although it gets it more than once.
	IdempotencyKey string
	// URL is the number of the subgraph's URL that the request goes to, from 1. With 0, the transport
	// chooses one.
	URL int
	// Retries, Shared and Unsent are set by the transport: see FetchStatistics.
	Retries int
	Shared  bool
	Unsent  bool
}

// A SubgraphResponse is a subgraph's response.
type SubgraphResponse struct {
	// Status is the HTTP status, or 200 for a message of a stream.
	Status int
	Header http.Header
	// Body belongs to the receiver, which releases it. It may be shared and
	// must not be written to.
	Body *Buffer
	// EventID is the ID of an event of a stream that can be continued after it, or "".
	EventID string
}

// A TransportError describes why a subgraph returned no response.
type TransportError struct {
	// Code is the extensions.code for the client: CodeHTTP and so on.
	Code string
	// Message is for the client. It contains no address.
	Message string
	// Status is the HTTP status, or 0 if there was none.
	Status int
	// Errors, unless nil, is a JSON list of GraphQL errors for the client, in
	// place of Message.
	Errors json.RawMessage
	// Err is the cause, for logs and development.
	Err error
}

// CatchPanic calls f, which asks a subgraph in a goroutine of its own. A panic is a *TransportError.
func CatchPanic(f func() error) error {
	err := panics.Catch(f)
	if panicked := (*panics.Error)(nil); errors.As(err, &panicked) {
		return &TransportError{Code: CodeInternal, Message: "could not be asked because of an internal error", Err: err}
	}
	return err
}

func (e *TransportError) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

func (e *TransportError) Unwrap() error { return e.Err }

// The values of extensions.code in errors of the executor and of transports.
// Errors of subgraphs keep their own code; those without have CodeDownstream.
const (
	// CodeHTTP: the subgraph could not be reached or did not respond with 2xx.
	CodeHTTP = "SUBREQUEST_HTTP_ERROR"
	// CodeTimeout: the subgraph took too long.
	CodeTimeout = "SUBREQUEST_TIMEOUT"
	// CodeMalformed: the subgraph's response is not a GraphQL response.
	CodeMalformed = "SUBREQUEST_MALFORMED_RESPONSE"
	// CodeCircuitOpen: the circuit breaker is open, so no request was sent.
	CodeCircuitOpen = "CIRCUIT_BREAKER_OPEN"
	// CodeSubgraphOverloaded: the subgraph has as many requests in flight as it can serve, so no
	// request was sent.
	CodeSubgraphOverloaded = "SUBGRAPH_OVERLOADED"
	// CodeDownstream: the subgraph reported an error without a code.
	CodeDownstream = "DOWNSTREAM_SERVICE_ERROR"
	// CodeInvalidValue: a value does not have the type in the schema.
	CodeInvalidValue = "RESPONSE_VALIDATION_FAILED"
	// CodeRejected: an extension of the router refused the request.
	CodeRejected = "SUBREQUEST_REJECTED"
	// CodeOverloaded: the router has no memory for the response.
	CodeOverloaded = "OVERLOADED"
	// CodeMaxRepresentations: the request would be for too many entities.
	CodeMaxRepresentations = "MAX_REPRESENTATIONS_LIMIT"
	// CodeMaxResponseBytes: the response is too large for the client.
	CodeMaxResponseBytes = "MAX_RESPONSE_BYTES_LIMIT"
	// CodeCancelled: the client disconnected, or ended the operation. If the timeout of the
	// request has passed, the code is CodeTimeout.
	CodeCancelled = "REQUEST_CANCELLED"
	// CodeShuttingDown: the router ended the operation because it is shutting down.
	CodeShuttingDown = "SHUTTING_DOWN"
	// CodeInternal: the router itself failed.
	CodeInternal = "INTERNAL_SERVER_ERROR"
)

// ErrShuttingDown is the cancellation cause of operations that the router ends because it is
// shutting down.
var ErrShuttingDown = errors.New("the router is shutting down")

// An Observer is called for every request to a subgraph. It returns a context
// for the request and a function that is called when the request has ended.
type Observer func(ctx context.Context, r *SubgraphRequest, f FetchInfo) (context.Context, func(*FetchStatistics))

// FetchInfo describes a fetch.
type FetchInfo struct {
	// FetchID is the ID of the fetch in the plan.
	FetchID int
	// Representations is the number of entities requested; 0 for root fetches.
	Representations int
}

// FetchStatistics describes one fetch.
type FetchStatistics struct {
	FetchInfo
	Subgraph string
	Duration time.Duration
	// Sent and Received are the sizes of the bodies in bytes. Sent is 0 if the fetch sent
	// no request.
	Sent, Received int
	// Status is the HTTP status, or 0 if there was none.
	Status int
	// Start is when the fetch began.
	Start time.Time
	// Looked is the number of representations that were looked up in the cache; 1 for a
	// root fetch.
	Looked int
	// Found is the number of representations that the cache had; 1 for a root fetch that
	// it had.
	Found int
	// Expired is the number of those that the cache had although they had expired.
	Expired int
	// Age is the time since the oldest of the expired ones was stored, or 0.
	Age time.Duration
	// Retries is how often the request was sent again. Shared is set if the
	// response is that of an identical request in flight, Unsent if the router refused
	// to send the request, as with an open circuit breaker.
	Retries int
	Shared  bool
	Unsent  bool
	// Err is why there was no response, or nil.
	Err error
	// Cost is the cost of the subgraph's response, if the program has costs.
	Cost float64
	// Errors is the number of errors in the response. One that is not valid counts as one.
	// Codes are their extensions.code. LastError is the last of them, as clients see it.
	// NoData is set if there are errors and no data but null.
	Errors    int
	Codes     []string
	LastError string
	NoData    bool
}
