package jwks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// MaxToken is the maximum length of a token in bytes.
const MaxToken = 16 << 10

// The errors of a token, in addition to those of package jwt for its claims. Their
// texts are sent to the client after "the token is not valid: ".
var (
	ErrMalformed = errors.New("it is not a signed JWT")
	ErrTooLong   = fmt.Errorf("it is longer than %d bytes", MaxToken)
	ErrAlgorithm = errors.New("its signature algorithm is not accepted")
	ErrCritical  = errors.New("it needs an extension that is not supported (crit)")
	ErrSignature = errors.New("its signature is wrong")
	ErrClaims    = errors.New("its claims are not valid: they must be a JSON object, with numbers as exp, nbf and iat, and strings as iss, sub and jti")
)

// A Source returns the public keys that may have made a signature with an algorithm:
// the keys with an ID, or all keys if the ID is empty. It returns at least one key.
// The error is [ErrUnknownKey], or wraps [ErrUnavailable] if the keys cannot be
// fetched.
type Source interface {
	Keys(ctx context.Context, id string, algorithm jwa.SignatureAlgorithm) ([]jwk.Key, error)
}

// Verify checks a token in compact form (RFC 7515, section 3.1): its signature, by
// one of the algorithms and a key of the source, and its claims, according to
// options. It supports no critical extensions and rejects tokens that have any
// (section 4.1.11). The error is one of those above, one of the source, or one of
// package jwt for claims.
func Verify(ctx context.Context, token string, keys Source, algorithms []jwa.SignatureAlgorithm, options ...jwt.ParseOption) (jwt.Token, error) {
	if len(token) > MaxToken {
		return nil, ErrTooLong
	}
	if !compact(token) { // the library accepts JSON forms too
		return nil, ErrMalformed
	}
	var refused error
	var known bool // whether there were keys to try
	provider := jws.KeyProviderFunc(func(ctx context.Context, sink jws.KeySink, sig *jws.Signature, _ *jws.Message) error {
		refused = provide(ctx, keys, algorithms, sink, sig.ProtectedHeaders())
		known = refused == nil
		return refused
	})
	parsed, err := jwt.Parse([]byte(token), append([]jwt.ParseOption{jwt.WithContext(ctx), jwt.WithKeyProvider(provider)}, options...)...)
	switch {
	case refused != nil:
		return nil, refused
	case err == nil:
		return parsed, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, jwt.ValidateError()):
		return nil, err
	case errors.Is(err, jws.VerificationError()):
		return nil, ErrSignature
	case known: // the signature was right
		return nil, ErrClaims
	}
	return nil, ErrMalformed
}

// compact reports whether a token consists of three base64url parts, with a header
// and a payload.
func compact(token string) bool {
	parts := strings.Split(token, ".")
	return len(parts) == 3 && parts[0] != "" && parts[1] != "" && !slices.ContainsFunc(parts, func(part string) bool {
		return strings.ContainsFunc(part, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
		})
	})
}

// provide passes the keys for a signature to sink.
func provide(ctx context.Context, keys Source, algorithms []jwa.SignatureAlgorithm, sink jws.KeySink, header jws.Headers) error {
	if header == nil {
		return ErrMalformed
	}
	if header.Has(jws.CriticalKey) || header.Has("b64") {
		return ErrCritical
	}
	algorithm, ok := header.Algorithm()
	if !ok || !slices.Contains(algorithms, algorithm) {
		return ErrAlgorithm
	}
	id, _ := header.KeyID()
	list, err := keys.Keys(ctx, id, algorithm)
	if err != nil {
		return err
	}
	for _, key := range list {
		sink.Key(algorithm, key)
	}
	return nil
}

// Algorithms returns the signature algorithms with the given names (RFC 7518, section
// 3.1). It rejects algorithms with a shared secret and "none": with the former, a
// public key could be used as the secret.
func Algorithms(names []string) ([]jwa.SignatureAlgorithm, error) {
	var list []jwa.SignatureAlgorithm
	for _, name := range names {
		algorithm, ok := jwa.LookupSignatureAlgorithm(name)
		if !ok || algorithm.IsSymmetric() || algorithm == jwa.NoSignature() || algorithm == jwa.ES256K() {
			return nil, fmt.Errorf("algorithm %q is not supported; use RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA or Ed25519", shorten(name))
		}
		list = append(list, algorithm)
	}
	return list, nil
}

// DefaultAlgorithms returns the algorithms that most issuers use.
func DefaultAlgorithms() []jwa.SignatureAlgorithm {
	return []jwa.SignatureAlgorithm{jwa.RS256(), jwa.ES256(), jwa.EdDSA(), jwa.EdDSAEd25519()}
}
