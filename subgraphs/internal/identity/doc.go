// Package identity identifies callers. Authenticator.Middleware verifies a
// request's bearer token, a JWT signed by the user service, or the token that
// the services share (authenticator.go). From returns the Caller to the code
// that decides what the caller may do (caller.go), with the client's address
// (client.go). If a token cannot be
// verified because the user service's keys are unavailable, the response is
// 503.
//
// In tutorial mode, a caller without a token counts as an administrator, so
// that the store can be tried with plain curl. A caller with a token always
// has only the token's rights, and an invalid token grants none.
package identity
