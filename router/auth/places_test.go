package auth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwt"

	"souk/router/auth"
)

// The first place with a token decides: what is in the others is not looked at.
func TestTokensAreFoundInHeadersAndCookies(t *testing.T) {
	f := newFixture(t, func(o *auth.Options) {
		o.Places = []auth.Place{{Header: "X-Token"}, {Header: "X-Scheme", Scheme: "JWT"}, {Cookie: "session"}}
	})
	token := func(subject string) string {
		return f.token("ed", func(b *jwt.Builder) *jwt.Builder { return b.Subject(subject) })
	}
	for name, c := range map[string]struct {
		header  http.Header
		want    string // the subject; empty for an anonymous caller
		refused string // part of the message, if the request is refused
	}{
		"no token":                   {header: http.Header{}},
		"the main header":            {header: http.Header{"Authorization": {"Bearer " + token("a")}, "X-Token": {token("b")}}, want: "a"},
		"another header":             {header: http.Header{"X-Token": {" " + token("b") + " "}}, want: "b"},
		"another header and scheme":  {header: http.Header{"X-Scheme": {"jwt " + token("c")}}, want: "c"},
		"a scheme for a subgraph":    {header: http.Header{"Authorization": {"Basic dTpw"}, "X-Token": {token("b")}}, want: "b"},
		"a cookie":                   {header: http.Header{"Cookie": {"a=1; session=" + token("d") + "; b=2"}}, want: "d"},
		"a header before a cookie":   {header: http.Header{"X-Token": {token("b")}, "Cookie": {"session=" + token("d")}}, want: "b"},
		"a cookie of another name":   {header: http.Header{"Cookie": {"sessions=" + token("d")}}},
		"a deleted cookie":           {header: http.Header{"Cookie": {"session="}}},
		"an invalid header":          {header: http.Header{"X-Token": {"x.y.z"}, "Cookie": {"session=" + token("d")}}, refused: "it is not a signed JWT"},
		"an invalid cookie":          {header: http.Header{"Cookie": {"session=none"}}, refused: "it is not a signed JWT"},
		"two cookies":                {header: http.Header{"Cookie": {"session=" + token("d") + "; session=" + token("e")}}, refused: "the cookie session more than once"},
		"two headers":                {header: http.Header{"X-Token": {token("a"), token("b")}}, refused: "the header X-Token more than once"},
		"an empty token with scheme": {header: http.Header{"X-Scheme": {"JWT"}}, refused: "it is empty"},
	} {
		w, caller := f.call(c.header)
		switch {
		case c.refused != "":
			if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), c.refused) {
				t.Errorf("%s: got %d %s", name, w.Code, w.Body)
			}
		case c.want == "" && (caller != nil || w.Code != http.StatusOK), c.want != "" && (caller == nil || caller.Subject != c.want):
			t.Errorf("%s: got caller %v, %d %s", name, caller, w.Code, w.Body)
		}
	}
}

// A key set has algorithms and issuers of its own.
func TestKeySetsPinAlgorithmsAndIssuers(t *testing.T) {
	f := newFixture(t, func(o *auth.Options) {
		o.Algorithms = []string{"RS256"}
		o.Sources[0].Algorithms = []string{"EdDSA", "ES256"}
	})
	by := func(key, issuer string) string {
		return f.token(key, func(b *jwt.Builder) *jwt.Builder { return b.Issuer(issuer) })
	}
	for token, want := range map[string]string{
		by("ed", "https://id.example"):   "",
		by("ec", "https://old.example"):  "",
		by("rsa", "https://id.example"):  "algorithm",
		by("ed", "https://evil.example"): "its issuer is not trusted",
	} {
		w, caller := f.call(bearer(token))
		if want == "" && caller == nil || want != "" && !strings.Contains(w.Body.String(), want) {
			t.Errorf("got %d %s, want %q", w.Code, w.Body, want)
		}
	}
}

func TestClaimsAsText(t *testing.T) {
	c := auth.NewCaller(map[string]any{
		"sub": "ada", "age": 7.5, "admin": true, "roles": []any{"A", "B"}, "realm": map[string]any{"roles": []any{"C"}, "id": "x"}, "realm.id": "dotted", "none": nil,
	})
	for name, want := range map[string]string{
		"sub": "ada", "age": "7.5", "admin": "true", "roles": "A,B", "realm.roles": "C", "realm.id": "dotted", "realm": `{"id":"x","roles":["C"]}`,
		"none": "", "other": "", "sub.other": "", "realm.roles.0": "",
	} {
		if got := c.Claim(name); got != want {
			t.Errorf("claim %s = %q, want %q", name, got, want)
		}
	}
	if got := (*auth.Caller)(nil).Claim("sub"); got != "" {
		t.Errorf("an anonymous caller has sub %q", got)
	}
}
