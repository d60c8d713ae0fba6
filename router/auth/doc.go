// Package auth says who calls, and keeps from them what the supergraph's
// @authenticated, @requiresScopes and @policy keep from them.
//
// It stands twice in a request's way. Authenticator.Middleware, around
// everything, verifies the bearer token (RFC 6750, a JWT signed by a key of a
// configured JWKS) and puts a Caller into the request's context; a token that
// does not hold is answered with 401. Policy.Filter, between validation and
// planning, takes an operation and gives the one this caller may run: fields
// they may not have are marked as denied, so that they are not fetched and the
// answer has null and an error in their place.
package auth
