// Package auth authenticates callers and enforces the supergraph's
// @authenticated, @requiresScopes and @policy.
//
// A request passes it twice. Authenticator.Middleware, around everything,
// verifies the bearer token (RFC 6750, a JWT signed by a key of a configured
// JWKS) and puts a Caller into the request's context; a token that is not valid
// is answered with 401, one that cannot be verified because its issuer's keys
// are out of reach with 503. Policy.Filter, between validation and planning,
// takes an operation and gives the one this caller may run: fields they may not
// have are marked as denied, so that they are not fetched and the answer has
// null and an error in their place.
package auth
