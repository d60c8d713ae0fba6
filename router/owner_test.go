package router_test

import (
	"testing"

	"github.com/alicebob/miniredis/v2"

	"souk/router/gateway/config"
)

// A repeated request gets the first response for any token of the same subject,
// and for no other caller.
func TestIdempotencyRecordsBelongToTheSubject(t *testing.T) {
	jwks, token := issuer(t)
	at := serveRouter(t, composed(t, valuesA, valuesB), valuesRoutes, values, func(c *config.Config) {
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: jwks}}
		c.ResponseCache.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
		c.Headers.All.Propagate = []string{"Authorization", "X-Tenant", "X-Request-Id"}
	})
	for _, c := range []struct {
		name     string
		headers  []string
		repeated bool
	}{
		{name: "the first", headers: []string{"Authorization: Bearer " + token("ada"), "X-Request-Id: 1"}, repeated: false},
		{name: "the same subject with another token", headers: []string{"Authorization: Bearer " + token("ada"), "X-Request-Id: 2"}, repeated: true},
		{name: "another subject", headers: []string{"Authorization: Bearer " + token("bob")}, repeated: false},
		{name: "the same subject of another tenant", headers: []string{"Authorization: Bearer " + token("ada"), "X-Tenant: t"}, repeated: false},
		{name: "anonymous", repeated: false},
		{name: "anonymous again", repeated: true},
	} {
		r, body := ask(t, "POST", at+"/api/login", "{}", append([]string{posts, "Idempotency-Key: k"}, c.headers...)...)
		if repeated := r.Header.Get("Idempotency-Replayed") != ""; r.StatusCode != 200 || repeated != c.repeated {
			t.Errorf("%s: got status %d, %s, replayed %v", c.name, r.StatusCode, body, repeated)
		}
	}
}
