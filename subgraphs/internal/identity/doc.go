// Package identity says who calls. Authenticator.Middleware reads a request's
// bearer token, a JWT signed by the user service, or the token services show
// each other, and From gives the Caller to whatever decides on it. A token that
// cannot be verified because the user service's keys are out of reach is
// answered with 503.
//
// In tutorial mode a caller without any token counts as an administrator, so
// that the store can be tried with bare curl. A caller with a token is always
// held to it, and a token that is not valid gives nothing.
package identity
