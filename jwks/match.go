package jwks

import (
	"slices"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

// maxCandidates bounds the keys tried for a token, and so the work caused by a token
// with an invalid signature.
const maxCandidates = 16

// Match returns the keys of a set that may have made a signature, at most
// maxCandidates. A key must have the key ID; if the token has none (kid is optional,
// RFC 7515, section 4.1.4), all keys are considered. A key must also have the type
// that the algorithm needs and must not be restricted to another use by alg, use or
// key_ops (RFC 7517, section 4). The token alone never determines the algorithm:
// a key is used only with the algorithms of its type.
func Match(set jwk.Set, id string, algorithm jwa.SignatureAlgorithm) []jwk.Key {
	if set == nil {
		return nil
	}
	var list []jwk.Key
	for i := range set.Len() {
		key, _ := set.Key(i)
		if id != "" {
			if own, _ := key.KeyID(); own != id {
				continue
			}
		}
		if fits(key, algorithm) {
			list = append(list, key)
		}
		if len(list) == maxCandidates {
			break
		}
	}
	return list
}

func fits(key jwk.Key, algorithm jwa.SignatureAlgorithm) bool {
	if stated, ok := key.Algorithm(); ok && stated.String() != algorithm.String() && (!isEdDSA(stated.String()) || !isEdDSA(algorithm.String())) {
		return false
	}
	if usage, ok := key.KeyUsage(); ok && usage != jwk.ForSignature.String() {
		return false
	}
	if operations, ok := key.KeyOps(); ok && !slices.Contains(operations, jwk.KeyOpVerify) {
		return false
	}
	switch algorithm {
	case jwa.RS256(), jwa.RS384(), jwa.RS512(), jwa.PS256(), jwa.PS384(), jwa.PS512():
		return key.KeyType() == jwa.RSA()
	case jwa.ES256():
		return hasCurve(key, jwa.P256())
	case jwa.ES384():
		return hasCurve(key, jwa.P384())
	case jwa.ES512():
		return hasCurve(key, jwa.P521())
	}
	return isEdDSA(algorithm.String()) && hasCurve(key, jwa.Ed25519())
}

// isEdDSA reports whether name is one of the names of Ed25519 signatures: EdDSA (RFC
// 8037) or the fully specified Ed25519 (RFC 9864).
func isEdDSA(name string) bool {
	return name == jwa.EdDSA().String() || name == jwa.EdDSAEd25519().String()
}

func hasCurve(key jwk.Key, curve jwa.EllipticCurveAlgorithm) bool {
	k, ok := key.(interface {
		Crv() (jwa.EllipticCurveAlgorithm, bool)
	})
	if !ok {
		return false
	}
	own, _ := k.Crv()
	return own == curve
}
