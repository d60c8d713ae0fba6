package hook

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"souk/router/execute"
	"souk/router/operation"
)

// Hooks are what one extension does, at the points it takes part in. The
// functions must be safe for concurrent use. The context ends with the request,
// or with the fetch at the subgraph points; work that goes on longer needs a
// context of its own.
type Hooks struct {
	// Name is the extension's, for logs.
	Name string

	// Request is called when a GraphQL request has been read. It may change the
	// client's header and the request itself.
	Request func(context.Context, *Request) error
	// Operation is called when Exchange.Operation is known. It may set
	// Exchange.Labels.
	Operation func(context.Context, *Exchange) error
	// Plan is called when Exchange.Plan is known. With this hook, plans are kept
	// in memory beside the programs made of them.
	Plan func(context.Context, *Exchange) error
	// SubgraphRequest is called before a request to a subgraph, and before a
	// subscription is opened there; not for what the entity cache has. It runs
	// once, before retries and before equal queries are joined: a header that
	// differs from request to request keeps queries from being joined.
	SubgraphRequest func(context.Context, *SubgraphRequest) error
	// SubgraphResponse is called for each answer of a subgraph, for a failure to
	// get one, and for each event of a subscription.
	SubgraphResponse func(context.Context, *SubgraphResponse) error
	// Response is called for each response to the client: once, or for each
	// payload of an operation with @defer and each event of a subscription. It
	// is called for requests that are refused after the Request hooks, too.
	Response func(context.Context, *Response) error
}

// A Request is a client's GraphQL request as it was read. Hooks may change the
// fields.
type Request struct {
	*Exchange
	// Query is the document's text; empty if the client sent only a hash of it.
	Query         string
	OperationName string
	// Variables and Extensions are JSON objects, or nil.
	Variables, Extensions json.RawMessage
}

// A SubgraphRequest is a request that is about to be sent.
type SubgraphRequest struct {
	*Exchange
	// ID tells the request from others of the exchange.
	ID int64
	// Subgraph is its name in the supergraph, URL where it is.
	Subgraph, URL string
	Kind          operation.Kind
	// Header is what will be sent, after the configured rules. A hook may change
	// it, except for the headers that belong to the connection and the body's
	// framing, which fail the request.
	Header http.Header
	// Body is the request as JSON: {"query":…,"variables":{…}}. A hook may
	// replace it but must not write to its bytes.
	Body []byte

	// Answer, once a hook has set it, is taken for the subgraph's answer: nothing
	// is sent, and later hooks of this point are not called. SubgraphResponse
	// hooks are. A subscription cannot be answered this way.
	Answer *Answer
}

// An Answer is what a hook answers in a subgraph's place.
type Answer struct {
	// Status is the HTTP status; 200 if it is 0.
	Status int
	Header http.Header
	// Body is a GraphQL response as JSON.
	Body []byte
}

// A SubgraphResponse is what a subgraph answered.
type SubgraphResponse struct {
	*Exchange
	// ID is that of the SubgraphRequest.
	ID            int64
	Subgraph, URL string
	Kind          operation.Kind
	// Status is the HTTP status; 200 for an event, 0 if there was no answer.
	Status int
	// Header may be changed: Cache-Control, Age and Vary say how long the answer
	// is cached. It is empty for an event.
	Header http.Header
	// Body is a GraphQL response as JSON. A hook may replace it but must not
	// write to its bytes, nor keep them.
	Body []byte
	// Err says why there was no answer. A hook that sets it to nil and gives a
	// Body answers in the subgraph's place.
	Err error
	// Duration is how long the answer took; 0 for an event.
	Duration time.Duration
}

// A Response is about to be sent to the client.
type Response struct {
	*Exchange
	// Status is the HTTP status, which a hook may change; it has no effect where
	// the response has none of its own: in batches, on sockets and streams, and
	// on REST routes, which find a status of their own.
	Status int
	// Body is a GraphQL response as JSON. A hook may replace it but must not
	// write to its bytes, nor keep them.
	Body []byte
	// Errors is the number of errors in Body as the router wrote it.
	Errors int
	// HasNext says that more payloads of the operation follow.
	HasNext bool
	// Fetches say how the requests to subgraphs went, cached answers included;
	// nil for an event, and for an answer that was shared. It must not be kept.
	Fetches []execute.FetchStatistics
	// Duration is how long the operation has taken so far.
	Duration time.Duration
}
