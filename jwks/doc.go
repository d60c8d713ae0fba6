// Package jwks verifies signed JWTs (RFC 7519) with the public keys that an issuer
// publishes as a JWK Set (RFC 7517). The router and the subgraphs share it.
//
// A [Set] fetches the keys from a URL when a token first needs them, when they are
// old, and when a token names an unknown key. It keeps the last good keys while
// the URL is unavailable. If a token's key cannot be looked up for that reason, the
// error is [ErrUnavailable]: nothing is known about the validity of the token. An
// unusable key in a set is skipped and logged; the other keys remain in use.
//
// A Set may also be a local file, which is read again when it changes.
//
// With a [Storage], a file or Redis, the last good keys also survive a restart.
// [Set.Keep] saves them again if the Storage loses them.
//
// [Verify] checks a token in compact form with the keys of a [Source].
//
// jwk.Cache of lestrrat-go/jwx is not used. It keeps the last good keys too, but it
// fetches on a timer in goroutines that must be stopped. It has no fetch for an
// unknown key that all waiting tokens share and whose rate is limited.
//
// The hubs are set.go and verify.go. read.go parses a JWK Set, file.go reads
// one from a file, and match.go selects
// the keys for a signature. storage.go keeps the keys beyond the process.
package jwks
