package hook

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"souk/router/execute"
	"souk/router/operation"
)

// Hooks are the hook functions of one extension. The functions must be safe for
// concurrent use. Their context is canceled when the request ends, or when the fetch
// ends for the subgraph hooks. Work that continues longer needs its own context. If the
// router ends a request, such as at a shutdown or when a token expires, the client still
// gets an error; the Response hooks have a few seconds for it.
type Hooks struct {
	// Name identifies the extension in logs.
	Name string

	// Request is called when a GraphQL request has been read. It may modify
	// ClientHeader and the request itself.
	Request func(context.Context, *Request) error
	// Operation is called when Exchange.Operation is set. It may set Exchange.Labels.
	Operation func(context.Context, *Exchange) error
	// Plan is called when Exchange.Plan is set. This hook makes the router keep plans in
	// memory in addition to the compiled programs.
	Plan func(context.Context, *Exchange) error
	// SubgraphRequest is called before a request is sent to a subgraph and before a
	// subscription is opened. It is not called for entities that come from the cache. It
	// runs once per request, before retries and before identical queries are joined. A
	// header with a different value in each request prevents joining.
	SubgraphRequest func(context.Context, *SubgraphRequest) error
	// SubgraphResponse is called for each response of a subgraph, for each failed
	// request, and for each event of a subscription.
	SubgraphResponse func(context.Context, *SubgraphResponse) error
	// Response is called for each response to the client: once, or for each payload of
	// an operation with @defer and each event of a subscription. It is also called for
	// requests that are rejected after the Request hooks.
	Response func(context.Context, *Response) error
}

// A Request is a client's GraphQL request. Hooks may modify the fields.
type Request struct {
	*Exchange
	// Query is the text of the document. It is empty if the client sent only a hash.
	Query         string
	OperationName string
	// Variables and Extensions are JSON objects, or nil.
	Variables, Extensions json.RawMessage
}

// A SubgraphRequest is a request that is about to be sent.
type SubgraphRequest struct {
	*Exchange
	// ID identifies the subgraph request within the exchange.
	ID int64
	// Subgraph is the name in the supergraph, URL the URL of the subgraph.
	Subgraph, URL string
	Kind          operation.Kind
	// Header is the header to be sent, after the configured rules. A hook may modify
	// it. The request fails if the header has connection headers or headers that
	// describe the framing of the body.
	Header http.Header
	// Body is the request as JSON: {"query":…,"variables":{…}}. A hook may replace the
	// slice but must not modify its bytes.
	Body []byte

	// Answer replaces the response of the subgraph if a hook sets it. The router then
	// sends nothing and calls no further SubgraphRequest hooks, but it calls the
	// SubgraphResponse hooks. Subscriptions cannot be answered this way.
	Answer *Answer
}

// An Answer is a response that a hook provides in place of a subgraph.
type Answer struct {
	// Status is the HTTP status. 0 means 200.
	Status int
	Header http.Header
	// Body is a GraphQL response as JSON.
	Body []byte
}

// A SubgraphResponse is the response of a subgraph, or the failure to get one.
type SubgraphResponse struct {
	*Exchange
	// ID is the ID of the SubgraphRequest.
	ID            int64
	Subgraph, URL string
	Kind          operation.Kind
	// Status is the HTTP status. It is 200 for an event and 0 if there was no response.
	Status int
	// Header is the header of the response. A hook may modify it; Cache-Control, Age and
	// Vary control how the router caches the response. It is empty for an event.
	Header http.Header
	// Body is a GraphQL response as JSON. A hook may replace the slice but must not
	// modify or retain its bytes.
	Body []byte
	// Err is why there was no response. A hook that sets it to nil and sets Body
	// provides the response in place of the subgraph.
	Err error
	// Duration is the time from the request to the response. It is 0 for an event.
	Duration time.Duration
}

// A Response is a response that is about to be sent to the client.
type Response struct {
	*Exchange
	// Status is the HTTP status. A hook may change it. The change has no effect in
	// batches and on WebSockets and streams, where a response has no status of its own,
	// nor on REST routes, which determine the status themselves.
	Status int
	// Body is a GraphQL response as JSON. A hook may replace the slice but must not
	// modify or retain its bytes.
	Body []byte
	// Executed reports whether Body is a result of the operation. It is false for the
	// errors of a request that was rejected, and for those that end a stream.
	Executed bool
	// Errors is the number of errors in Body before any hook changed it.
	Errors int
	// HasNext reports whether more payloads of the operation follow.
	HasNext bool
	// Fetches has statistics of the subgraph requests, including responses from the
	// cache. It is nil for an event and for a shared response. It must not be retained.
	Fetches []execute.FetchStatistics
	// Duration is the time since the request was read.
	Duration time.Duration
}
