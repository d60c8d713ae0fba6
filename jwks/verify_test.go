package jwks_test

import (
	"context"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"souk/jwks"
)

// source has the public keys of key pairs.
type source struct{ set jwk.Set }

func (s source) Keys(_ context.Context, id string, algorithm jwa.SignatureAlgorithm) ([]jwk.Key, error) {
	list := jwks.Match(s.set, id, algorithm)
	if len(list) == 0 {
		return nil, jwks.ErrUnknownKey
	}
	return list, nil
}

// pair is a private key with its members.
func pair(t testing.TB, raw any, id string) jwk.Key {
	t.Helper()
	key, err := jwk.Import(raw)
	if err != nil {
		t.Fatal(err)
	}
	if id != "" {
		if err := key.Set(jwk.KeyIDKey, id); err != nil {
			t.Fatal(err)
		}
	}
	return key
}

func publish(t testing.TB, pairs ...jwk.Key) source {
	t.Helper()
	s := source{jwk.NewSet()}
	for _, private := range pairs {
		public, err := private.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.set.AddKey(public); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// sign makes a token; header has further protected members.
func sign(t testing.TB, key jwk.Key, algorithm jwa.SignatureAlgorithm, payload string, header map[string]any) string {
	t.Helper()
	protected := jws.NewHeaders()
	for name, value := range header {
		if err := protected.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	token, err := jws.Sign([]byte(payload), jws.WithKey(algorithm, key, jws.WithProtectedHeaders(protected)))
	if err != nil {
		t.Fatal(err)
	}
	return string(token)
}

// forge puts another header before a token's payload and signature.
func forge(token, header string) string {
	_, rest, _ := strings.Cut(token, ".")
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + rest
}

func TestVerify(t *testing.T) {
	ed, other, ec, rsa := pair(t, newEd25519(t), "ed"), pair(t, newEd25519(t), "other"), pair(t, newEC(t, elliptic.P256()), "ec"), pair(t, newRSA(t), "rsa")
	keys := publish(t, other, ed, ec, rsa)
	const claims = `{"sub":"42"}`
	good := sign(t, ed, jwa.EdDSA(), claims, nil)
	parts := strings.Split(good, ".")
	for _, c := range []struct {
		name, token string
		want        error
	}{
		{"key ID", good, nil},
		{"no key ID", sign(t, pair(t, export(t, ed), ""), jwa.EdDSA(), claims, nil), nil},
		{"no key ID, RSA", sign(t, pair(t, export(t, rsa), ""), jwa.RS256(), claims, nil), nil},
		{"no key ID, somebody else's key", sign(t, pair(t, newEd25519(t), ""), jwa.EdDSA(), claims, nil), jwks.ErrSignature},
		{"unknown key ID", sign(t, pair(t, export(t, ed), "x"), jwa.EdDSA(), claims, nil), jwks.ErrUnknownKey},
		{"key ID of another key", sign(t, pair(t, export(t, ed), "other"), jwa.EdDSA(), claims, nil), jwks.ErrSignature},
		{"key ID of a key of another type", sign(t, pair(t, export(t, ed), "rsa"), jwa.EdDSA(), claims, nil), jwks.ErrUnknownKey},
		{"algorithm that is not accepted", sign(t, rsa, jwa.PS256(), claims, nil), jwks.ErrAlgorithm},
		{"shared secret", sign(t, pair(t, []byte(strings.Repeat("secret", 8)), "ed"), jwa.HS256(), claims, nil), jwks.ErrAlgorithm},
		{"none", forge(parts[0]+"."+parts[1]+".", `{"alg":"none"}`), jwks.ErrAlgorithm},
		{"none with a signature", forge(good, `{"alg":"none"}`), jwks.ErrAlgorithm},
		{"none in other letters", forge(good, `{"alg":"NoNe"}`), jwks.ErrMalformed},
		{"no algorithm", forge(good, `{"kid":"ed"}`), jwks.ErrAlgorithm},
		{"another algorithm", forge(good, `{"alg":"ES256","kid":"ed"}`), jwks.ErrUnknownKey},
		{"critical extension", sign(t, ed, jwa.EdDSA(), claims, map[string]any{"crit": []string{"exp"}, "exp": 1}), jwks.ErrCritical},
		{"critical extension, forged", forge(good, `{"alg":"EdDSA","kid":"ed","crit":["x"],"x":1}`), jwks.ErrCritical},
		{"empty list of critical extensions", forge(good, `{"alg":"EdDSA","kid":"ed","crit":[]}`), jwks.ErrCritical},
		{"payload that is not encoded", forge(good, `{"alg":"EdDSA","kid":"ed","b64":false}`), jwks.ErrCritical},
		{"JSON form", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, jwks.ErrMalformed},
		{"encrypted", good + ".a.b", jwks.ErrMalformed},
		{"line end", good + "\n", jwks.ErrMalformed},
		{"padding", good + "=", jwks.ErrMalformed},
		{"no payload", parts[0] + ".." + parts[2], jwks.ErrMalformed},
		{"no signature", parts[0] + "." + parts[1] + ".", jwks.ErrMalformed},
		{"empty", "", jwks.ErrMalformed},
		{"too long", strings.Repeat("x", jwks.MaxToken+1), jwks.ErrTooLong},
		{"a key of its own", sign(t, pair(t, newEd25519(t), ""), jwa.EdDSA(), claims, map[string]any{"jwk": publicOf(t, other)}), jwks.ErrSignature},
	} {
		t.Run(c.name, func(t *testing.T) {
			token, err := jwks.Verify(t.Context(), c.token, keys, jwks.DefaultAlgorithms())
			if c.want != nil {
				if !errors.Is(err, c.want) {
					t.Errorf("error %v, want %v", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if subject, _ := token.Subject(); subject != "42" {
				t.Errorf("subject %q", subject)
			}
		})
	}
}

func export(t testing.TB, key jwk.Key) any {
	t.Helper()
	var raw any
	if err := jwk.Export(key, &raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

func publicOf(t testing.TB, key jwk.Key) jwk.Key {
	t.Helper()
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// No token but those that were signed is accepted, and none makes it panic.
func FuzzVerify(f *testing.F) {
	key := pair(f, newEd25519(f), "ed")
	keys := publish(f, key, pair(f, newEC(f, elliptic.P256()), "ec"))
	good := sign(f, key, jwa.EdDSA(), `{"sub":"42"}`, nil)
	f.Add(good)
	f.Add(forge(good, `{"alg":"none"}`))
	f.Add(forge(good, `{"alg":"ES256","crit":["b64"],"b64":false}`))
	f.Add("..")
	f.Add(`{"payload":"","signatures":[]}`)
	f.Fuzz(func(t *testing.T, token string) {
		parsed, err := jwks.Verify(t.Context(), token, keys, jwks.DefaultAlgorithms(), jwt.WithValidate(false))
		if (err == nil) != (parsed != nil) {
			t.Errorf("%v, %v", parsed, err)
		}
		if err == nil && !sameToken(token, good) {
			t.Errorf("accepted %q", token)
		}
	})
}

// sameToken says whether two tokens have the same parts: the last letter of one
// may have bits that mean nothing.
func sameToken(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range y {
		p, err := base64.RawURLEncoding.DecodeString(x[i])
		q, _ := base64.RawURLEncoding.DecodeString(y[i])
		if err != nil || string(p) != string(q) {
			return false
		}
	}
	return true
}

// published answers every request with a document.
type published string

func (p published) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(p))), Request: r}, nil
}

// A document of an issuer never makes reading it panic, and what is kept are
// public keys.
func FuzzSet(f *testing.F) {
	f.Add(set(publicKey(f, newEd25519(f), map[string]any{"kid": "1"})))
	f.Add(set("null", `{"kty":"RSA","n":"AQ","e":"AQAB"}`, `{"kty":"oct","k":"AA"}`))
	f.Add(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`)
	f.Add(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"","d":"AA"}]}`)
	f.Fuzz(func(t *testing.T, document string) {
		s := jwks.New(jwks.Options{URL: "http://issuer.example", Client: &http.Client{Transport: published(document)}})
		for _, algorithm := range jwks.DefaultAlgorithms() {
			keys, err := s.Keys(t.Context(), "", algorithm)
			if (err == nil) != (len(keys) > 0) {
				t.Errorf("%d keys, %v", len(keys), err)
			}
			for _, key := range keys {
				if private, err := jwk.IsPrivateKey(key); err != nil || private {
					t.Errorf("a key that is not public: %v", err)
				}
			}
		}
	})
}
