// Package auth authenticates callers and enforces the supergraph's
// @authenticated, @requiresScopes and @policy.
//
// A request passes it twice. First, [Authenticator.Middleware], which wraps all
// endpoints, verifies the bearer token (RFC 6750; a JWT signed by a key in a
// configured JWKS) and adds a [Caller] to the request's context. It answers an invalid
// token with 401, and a token that cannot be verified because the issuer's keys are
// unavailable with 503. Later, between validation and planning, [Policy.Filter] takes
// an operation and returns the one that the caller may run: fields that the caller may
// not access are marked as denied. The executor does not fetch them; the response has
// null and an error in their place.
//
// The hubs are authenticator.go (token verification) and policy.go (authorization).
// caller.go has the Caller, middleware.go the HTTP responses, filter.go marks
// fields as denied, and verdicts.go keeps decisions on policies.
package auth
