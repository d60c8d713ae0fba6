// Package jwks verifies signed JWTs (RFC 7519) against the keys that an issuer
// publishes as a JWK Set (RFC 7517). The router and the subgraphs share it.
//
// A [Set] fetches the keys of a URL when a token first needs them, when they
// have become old, and when a token names a key that is not among them. Keys
// that were fetched stay in use while the URL is out of reach; a token whose
// key cannot be known because of that gives [ErrUnavailable], never "invalid".
// One key of a set that cannot be used is left out with a line in the log; it
// does not affect the others.
//
// [Verify] checks a token in compact form by the keys of a [Source].
//
// jwk.Cache of lestrrat-go/jwx was tried for this. It keeps the last good keys
// too, but it fetches on a timer, in goroutines that something has to end, and
// it has no fetch for a key that is not known yet that is shared by all who
// wait for it and bounded in how often it happens.
package jwks
