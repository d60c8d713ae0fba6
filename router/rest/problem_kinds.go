package rest

import (
	"net/http"
	"strings"
)

// problemKind has the properties that all problems of one type share.
type problemKind struct {
	status int
	name   string // kebab-case; the fragment of the type's URI
	title  string
	code   string // for programs
	about  string // for the documentation
}

// The kinds of problems that this package detects. Those of typed errors come from the schema.
var (
	brokenJSON = problemKind{http.StatusBadRequest, "broken-json", "Broken JSON", "BAD_REQUEST",
		"The body is not a single JSON value, or an object in it has a duplicate member. line and column give the position."}
	brokenBody = problemKind{http.StatusBadRequest, "broken-body", "Broken body", "BAD_REQUEST",
		"The body could not be read to its end, or could not be decoded as Content-Encoding states."}
	bodyTimeout = problemKind{http.StatusRequestTimeout, "body-timeout", "Body timeout", "REQUEST_TIMEOUT",
		"The body did not arrive in time."}
	brokenQuery = problemKind{http.StatusBadRequest, "broken-query", "Broken query", "BAD_REQUEST",
		"The query string is not correctly percent-encoded."}
	brokenHeader = problemKind{http.StatusBadRequest, "broken-header", "Broken header", "BAD_REQUEST",
		"A header is malformed."}
	unauthenticated = problemKind{http.StatusUnauthorized, "unauthenticated", "Unauthenticated", "UNAUTHENTICATED",
		"The request needs a valid access token."}
	forbidden = problemKind{http.StatusForbidden, "forbidden", "Forbidden", "FORBIDDEN",
		"The caller may not do this."}
	notFound = problemKind{http.StatusNotFound, "not-found", "Not found", "NOT_FOUND",
		"The path does not exist, or the caller may not see what is there."}
	methodNotAllowed = problemKind{http.StatusMethodNotAllowed, "method-not-allowed", "Method not allowed", "METHOD_NOT_ALLOWED",
		"The method is not allowed on this path. The Allow header lists those that are."}
	unacceptable = problemKind{http.StatusNotAcceptable, "not-acceptable", "Not acceptable", "NOT_ACCEPTABLE",
		"Accept does not allow application/json, the only media type available."}
	conflict = problemKind{http.StatusConflict, "conflict", "Conflict", "CONFLICT",
		"The change conflicts with the current state."}
	keyInProgress = problemKind{http.StatusConflict, "request-in-progress", "Request in progress", "REQUEST_IN_PROGRESS",
		"The first request with this Idempotency-Key is still in progress."}
	responseNotKept = problemKind{http.StatusConflict, "response-not-kept", "Response not kept", "RESPONSE_NOT_KEPT",
		"The first request with this Idempotency-Key was carried out. Its response was too large to be kept; read the resource instead."}
	preconditionFailed = problemKind{http.StatusPreconditionFailed, "precondition-failed", "Precondition failed", "PRECONDITION_FAILED",
		"If-Match does not name the current version."}
	contentTooLarge = problemKind{http.StatusRequestEntityTooLarge, "content-too-large", "Content too large", "CONTENT_TOO_LARGE",
		"The body, as sent or decoded, is larger than the router accepts."}
	unsupportedMediaType = problemKind{http.StatusUnsupportedMediaType, "unsupported-media-type", "Unsupported media type", "UNSUPPORTED_MEDIA_TYPE",
		"Content-Type is not application/json, or Content-Encoding is not one of those in the Accept-Encoding header."}
	invalidValues = problemKind{http.StatusUnprocessableEntity, "invalid-input", "Invalid input", "INVALID_INPUT",
		"Values in the request are invalid. errors lists each."}
	keyReused = problemKind{http.StatusUnprocessableEntity, "idempotency-key-reused", "Idempotency key reused", "IDEMPOTENCY_KEY_REUSED",
		"The Idempotency-Key was already used for a different request."}
	tooManyRequests = problemKind{http.StatusTooManyRequests, "too-many-requests", "Too many requests", "RATE_LIMIT_EXCEEDED",
		"The caller sends requests too often. Retry-After says when to try again."}
	internalError = problemKind{http.StatusInternalServerError, "internal-error", "Internal error", "INTERNAL_SERVER_ERROR",
		"An unexpected error occurred. The request itself may be valid."}
	unavailable = problemKind{http.StatusServiceUnavailable, "unavailable", "Unavailable", "UNAVAILABLE",
		"A service that the response needs is unavailable. Retry-After says when to try again."}
	responseTimeout = problemKind{http.StatusServiceUnavailable, "response-timeout", "Response timeout", "RESPONSE_TIMEOUT",
		"The response took too long. Retry-After says when to try again."}
)

// problemKinds lists all kinds, by status.
var problemKinds = []problemKind{
	brokenJSON, brokenBody, bodyTimeout, brokenQuery, brokenHeader, unauthenticated, forbidden, notFound, methodNotAllowed, unacceptable,
	conflict, keyInProgress, responseNotKept, preconditionFailed, contentTooLarge, unsupportedMediaType, invalidValues, keyReused,
	tooManyRequests, internalError, unavailable, responseTimeout,
}

// of returns k if it has the status, otherwise the general kind for the status.
func (k problemKind) of(status int) problemKind {
	if k.status == status {
		return k
	}
	for _, known := range problemKinds {
		if known.status == status {
			return known
		}
	}
	title := http.StatusText(status)
	return problemKind{status: status, name: strings.ReplaceAll(strings.ToLower(title), " ", "-"), title: title}
}

// kindOf returns the kind with a code of a typed error, or k with the code and its status.
func kindOf(code string, status int, k problemKind) problemKind {
	for _, known := range problemKinds {
		if known.code == code && known.status == status {
			return known
		}
	}
	name := strings.ToLower(strings.ReplaceAll(code, "_", "-"))
	return problemKind{status: status, name: name, title: sentence(name), code: code, about: k.about}
}

// graphKind returns the kind of problem for the code of a GraphQL error.
func graphKind(code string) problemKind {
	switch code {
	case "UNAUTHENTICATED":
		return unauthenticated
	case "FORBIDDEN", "UNAUTHORIZED_FIELD_OR_TYPE", "CSRF_PREVENTION":
		return forbidden
	case "NOT_FOUND":
		return notFound
	case "CONFLICT":
		return conflict
	case "BAD_USER_INPUT", "INVALID_INPUT", "COST_ESTIMATED_TOO_EXPENSIVE", "SUBGRAPH_COST_ESTIMATED_TOO_EXPENSIVE",
		"MAX_REPRESENTATIONS_LIMIT", "MAX_RESPONSE_BYTES_LIMIT":
		return invalidValues
	case "RATE_LIMIT_EXCEEDED":
		return tooManyRequests
	case "SUBREQUEST_HTTP_ERROR", "SUBREQUEST_MALFORMED_RESPONSE", "DOWNSTREAM_SERVICE_ERROR", "CIRCUIT_BREAKER_OPEN",
		"UNAVAILABLE", "SERVICE_UNAVAILABLE", "SHUTTING_DOWN", "OVERLOADED", "SUBGRAPH_OVERLOADED", "AUTHENTICATION_UNAVAILABLE", "AUTHORIZATION_UNAVAILABLE":
		return unavailable
	case "REQUEST_TIMEOUT":
		return bodyTimeout
	case "SUBREQUEST_TIMEOUT", "GATEWAY_TIMEOUT", "REQUEST_CANCELLED", "REQUEST_CANCELED":
		return responseTimeout
	default:
		return internalError
	}
}
