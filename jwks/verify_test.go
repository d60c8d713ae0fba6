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

// A source is a Source with the public keys of key pairs.
type source struct{ set jwk.Set }

func (s source) Keys(_ context.Context, id string, algorithm jwa.SignatureAlgorithm) ([]jwk.Key, error) {
	list := jwks.Match(s.set, id, algorithm)
	if len(list) == 0 {
		return nil, jwks.ErrUnknownKey
	}
	return list, nil
}

// pair returns a private key as a JWK with a key ID.
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

// publish returns a source with the public keys of pairs.
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

// sign returns a token; header has additional protected members.
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

// forge replaces the header of a token.
func forge(token, header string) string {
	_, rest, _ := strings.Cut(token, ".")
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + rest
}

func TestVerifyAcceptsOnlySignedTokens(t *testing.T) {
	ed, other, ec, rsa := pair(t, newEd25519(t), "ed"), pair(t, newEd25519(t), "other"), pair(t, newEC(t, elliptic.P256()), "ec"), pair(t, newRSA(t), "rsa")
	keys := publish(t, other, ed, ec, rsa)
	const claims = `{"sub":"42"}`
	good := sign(t, ed, jwa.EdDSA(), claims, nil)
	parts := strings.Split(good, ".")
	for _, c := range []struct {
		name, token string
		want        error
	}{
		{name: "key ID", token: good, want: nil},
		{name: "no key ID", token: sign(t, pair(t, export(t, ed), ""), jwa.EdDSA(), claims, nil), want: nil},
		{name: "no key ID, RSA", token: sign(t, pair(t, export(t, rsa), ""), jwa.RS256(), claims, nil), want: nil},
		{name: "no key ID, somebody else's key", token: sign(t, pair(t, newEd25519(t), ""), jwa.EdDSA(), claims, nil), want: jwks.ErrSignature},
		{name: "unknown key ID", token: sign(t, pair(t, export(t, ed), "x"), jwa.EdDSA(), claims, nil), want: jwks.ErrUnknownKey},
		{name: "key ID of another key", token: sign(t, pair(t, export(t, ed), "other"), jwa.EdDSA(), claims, nil), want: jwks.ErrSignature},
		{name: "key ID of a key of another type", token: sign(t, pair(t, export(t, ed), "rsa"), jwa.EdDSA(), claims, nil), want: jwks.ErrUnknownKey},
		{name: "algorithm that is not accepted", token: sign(t, rsa, jwa.PS256(), claims, nil), want: jwks.ErrAlgorithm},
		{name: "shared secret", token: sign(t, pair(t, []byte(strings.Repeat("secret", 8)), "ed"), jwa.HS256(), claims, nil), want: jwks.ErrAlgorithm},
		{name: "none", token: forge(parts[0]+"."+parts[1]+".", `{"alg":"none"}`), want: jwks.ErrAlgorithm},
		{name: "none with a signature", token: forge(good, `{"alg":"none"}`), want: jwks.ErrAlgorithm},
		{name: "none in other letters", token: forge(good, `{"alg":"NoNe"}`), want: jwks.ErrMalformed},
		{name: "no algorithm", token: forge(good, `{"kid":"ed"}`), want: jwks.ErrAlgorithm},
		{name: "another algorithm", token: forge(good, `{"alg":"ES256","kid":"ed"}`), want: jwks.ErrUnknownKey},
		{name: "critical extension", token: sign(t, ed, jwa.EdDSA(), claims, map[string]any{"crit": []string{"exp"}, "exp": 1}), want: jwks.ErrCritical},
		{name: "critical extension, forged", token: forge(good, `{"alg":"EdDSA","kid":"ed","crit":["x"],"x":1}`), want: jwks.ErrCritical},
		{name: "empty list of critical extensions", token: forge(good, `{"alg":"EdDSA","kid":"ed","crit":[]}`), want: jwks.ErrCritical},
		{name: "payload that is not encoded", token: forge(good, `{"alg":"EdDSA","kid":"ed","b64":false}`), want: jwks.ErrCritical},
		{name: "JSON form", token: `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, want: jwks.ErrMalformed},
		{name: "encrypted", token: good + ".a.b", want: jwks.ErrMalformed},
		{name: "line end", token: good + "\n", want: jwks.ErrMalformed},
		{name: "padding", token: good + "=", want: jwks.ErrMalformed},
		{name: "no payload", token: parts[0] + ".." + parts[2], want: jwks.ErrMalformed},
		{name: "no signature", token: parts[0] + "." + parts[1] + ".", want: jwks.ErrMalformed},
		{name: "empty", token: "", want: jwks.ErrMalformed},
		{name: "too long", token: strings.Repeat("x", jwks.MaxToken+1), want: jwks.ErrTooLong},
		{name: "a key of its own", token: sign(t, pair(t, newEd25519(t), ""), jwa.EdDSA(), claims, map[string]any{"jwk": publicOf(t, other)}), want: jwks.ErrSignature},
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

// FuzzVerify checks that only the signed token is accepted and that no token makes
// Verify panic.
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

// sameToken reports whether two tokens have the same decoded parts. The last
// character of a part can have bits without meaning.
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

// published is an http.RoundTripper that always returns the same document.
type published string

func (p published) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(p))), Request: r}, nil
}

// FuzzSet checks that no document of an issuer makes parsing panic and that all keys
// are public.
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
					t.Errorf("a key is not public: %v", err)
				}
			}
		}
	})
}
