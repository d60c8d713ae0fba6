package execute

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"souk/router/operation"
)

// A Transport carries requests to subgraphs. It is safe for concurrent use.
type Transport interface {
	// Send sends a request and reads the whole answer. Answers of any status
	// that may hold a GraphQL response are given back; for what cannot, the
	// error is a *TransportError, or ctx's.
	Send(ctx context.Context, r *SubgraphRequest) (*SubgraphResponse, error)
	// Subscribe opens a stream and calls event for each message, in order,
	// until the subgraph ends the stream (nil), ctx is done, event fails, or
	// the stream is lost for good. A subgraph that refuses the subscription
	// with GraphQL errors gives a *RequestError. Subscribe has let go of the
	// stream when it returns. The response given to event is released by event.
	Subscribe(ctx context.Context, r *SubgraphRequest, event func(*SubgraphResponse) error) error
}

// A SubgraphRequest is one GraphQL request to one subgraph.
type SubgraphRequest struct {
	// Subgraph is its name in the supergraph.
	Subgraph string
	// Kind is the kind of the operation; only queries may be sent twice.
	Kind operation.Kind
	// Body is the request as JSON: {"query":…,"variables":{…}}. The buffer is
	// the executor's: a transport that uses it after Send returned retains it.
	Body *Buffer
	// Header is the client's, of which a transport passes on what its rules
	// say. It must not be changed.
	Header http.Header
	// Room, unless nil, is asked before memory is taken for the answer.
	Room *Room
}

// A SubgraphResponse is a subgraph's answer.
type SubgraphResponse struct {
	// Status is the HTTP status, or 200 for a message of a stream.
	Status int
	Header http.Header
	// Body belongs to the receiver, which releases it. It may be shared with
	// others and must not be written to.
	Body *Buffer
}

// A TransportError says why a subgraph gave no answer.
type TransportError struct {
	// Code is the extensions.code for the client: CodeHTTP and so on.
	Code string
	// Message is for the client: it names no address.
	Message string
	// Status is the HTTP status, or 0 if there was none.
	Status int
	// Errors, unless nil, is a JSON list of GraphQL errors that the client is
	// told in the place of Message.
	Errors json.RawMessage
	// Err is what happened, for logs and development.
	Err error
}

func (e *TransportError) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

func (e *TransportError) Unwrap() error { return e.Err }

// The values of extensions.code in errors that the executor and transports
// make. Errors of subgraphs keep their own code, and have CodeDownstream if
// they came without.
const (
	// CodeHTTP: the subgraph could not be reached or did not answer with 2xx.
	CodeHTTP = "SUBREQUEST_HTTP_ERROR"
	// CodeTimeout: the subgraph took too long.
	CodeTimeout = "SUBREQUEST_TIMEOUT"
	// CodeMalformed: what the subgraph sent is not a GraphQL response.
	CodeMalformed = "SUBREQUEST_MALFORMED_RESPONSE"
	// CodeCircuitOpen: the subgraph failed so often that it was not asked.
	CodeCircuitOpen = "CIRCUIT_BREAKER_OPEN"
	// CodeDownstream: the subgraph says that something went wrong.
	CodeDownstream = "DOWNSTREAM_SERVICE_ERROR"
	// CodeInvalidValue: a value does not have the type the schema says.
	CodeInvalidValue = "RESPONSE_VALIDATION_FAILED"
	// CodeRejected: an extension of the router refused the request.
	CodeRejected = "SUBREQUEST_REJECTED"
	// CodeOverloaded: the router has no memory left for the answer.
	CodeOverloaded = "OVERLOADED"
	// CodeCancelled: the client went away or its time was over.
	CodeCancelled = "REQUEST_CANCELLED"
	// CodeInternal: the gateway itself failed.
	CodeInternal = "INTERNAL_SERVER_ERROR"
)

// Observer is told of every fetch. It returns a context for the fetch and a
// function that is called when it has ended.
type Observer func(ctx context.Context, r *SubgraphRequest, f FetchInfo) (context.Context, func(*FetchStatistics))

// FetchInfo says what a fetch is for.
type FetchInfo struct {
	// Step is the ID of the plan's step.
	Step int
	// Representations is how many entities are asked for, 0 for root fetches.
	Representations int
}

// FetchStatistics says how a fetch went.
type FetchStatistics struct {
	FetchInfo
	Subgraph string
	Duration time.Duration
	// Sent and Received are the sizes of the bodies in bytes.
	Sent, Received int
	// Status is the HTTP status, or 0 if there was none.
	Status int
	// Found is how many of the representations the cache had; 1 for a root
	// fetch that it had.
	Found int
	// Err is why there was no answer, or nil.
	Err error
}
