package telemetry

import "slices"

// An Outcome is how an operation, or an event of a subscription, ended.
type Outcome string

// The outcomes. Partial and Errors are failures of the router or of a subgraph.
const (
	Data         Outcome = "data"
	Partial      Outcome = "partial"       // data and errors
	Errors       Outcome = "errors"        // errors without data
	ClientErrors Outcome = "client_errors" // all errors are the client's, with or without data
)

var outcomes = []Outcome{Data, Partial, Errors, ClientErrors}

// clientCodes are the values of extensions.code by which the client caused the error: those
// of the router, and those that subgraphs commonly use.
var clientCodes = []string{
	// the document, its variables and the request
	"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "OPERATION_RESOLUTION_FAILURE", "BAD_USER_INPUT", "BAD_REQUEST", "INVALID_INPUT", "INVALID_LAST_EVENT_ID",
	"PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_REQUIRED", "PERSISTED_QUERY_ID_REQUIRED", "PERSISTED_QUERY_NOT_SUPPORTED",
	"METHOD_NOT_ALLOWED", "NOT_ACCEPTABLE", "UNSUPPORTED_MEDIA_TYPE", "REQUEST_TOO_LARGE", "CONTENT_TOO_LARGE", "REQUEST_REJECTED",
	"INTROSPECTION_DISABLED", "SUBSCRIPTIONS_DISABLED", "MUTATION_FORBIDDEN", "CSRF_PREVENTION", "ORIGIN_NOT_ALLOWED",
	// limits of one client
	"MAX_TOKENS_LIMIT", "MAX_RECURSION_LIMIT", "MAX_DEPTH_LIMIT", "MAX_ALIASES_LIMIT", "MAX_ROOT_FIELDS_LIMIT", "MAX_DIRECTIVES_LIMIT", "MAX_FIELDS_LIMIT", "MAX_LIST_ITEMS_LIMIT",
	"MAX_HEIGHT_LIMIT", "MAX_REPRESENTATIONS_LIMIT", "MAX_RESPONSE_BYTES_LIMIT",
	"LIST_TOO_LONG", "COMPLEXITY_LIMIT_EXCEEDED", "TOO_MANY_OPERATIONS",
	"COST_ESTIMATED_TOO_EXPENSIVE", "SUBGRAPH_COST_ESTIMATED_TOO_EXPENSIVE", "RATE_LIMIT_EXCEEDED", "TOO_MANY_REQUESTS", "TOO_MANY_ATTEMPTS",
	// who the client is, and what it may do
	"UNAUTHENTICATED", "UNAUTHORIZED", "FORBIDDEN", "UNAUTHORIZED_FIELD_OR_TYPE", "INVALID_CREDENTIALS", "INVALID_TOKEN", "INVALID_REFRESH_TOKEN",
	"SUBSCRIPTION_JWT_EXPIRED", "SUBSCRIPTION_SESSION_ENDED",
	// what it asks for
	"NOT_FOUND", "CONFLICT", "PRECONDITION_FAILED", "IDEMPOTENCY_KEY_REUSED", "REQUEST_IN_PROGRESS", "RESPONSE_NOT_KEPT",
	"STREAM_NOT_FOUND", "STREAM_ALREADY_OPEN", "OPERATION_EXISTS",
	// it has disconnected, reads too slowly, or has to subscribe again with a valid operation
	"REQUEST_CANCELLED", "SUBSCRIPTION_SLOW_CLIENT", "SUBSCRIPTION_SCHEMA_RELOAD",
}

// A Blame tells the errors of clients from those of the router and its subgraphs, by
// extensions.code.
type Blame map[string]struct{}

// NewBlame returns a Blame with the codes of the router, those that subgraphs commonly use,
// and more.
func NewBlame(more ...string) Blame {
	b := Blame{}
	for _, code := range slices.Concat(clientCodes, more) {
		b[code] = struct{}{}
	}
	return b
}

// Outcome returns the outcome of a response by the codes of its errors. An unknown code, or
// none, is not the client's.
func (b Blame) Outcome(codes []string, null bool) Outcome {
	if len(codes) == 0 {
		return Data
	}
	for _, code := range codes {
		if _, ok := b[code]; ok {
			continue
		}
		if null {
			return Errors
		}
		return Partial
	}
	return ClientErrors
}
