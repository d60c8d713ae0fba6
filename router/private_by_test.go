package router_test

import (
	"context"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"souk/router"
	"souk/router/gateway/config"
	"souk/router/hook"
)

// Private entries that belong to a claim are shared by callers whose token has it, and by no others.
func TestPrivateEntriesBelongToAClaim(t *testing.T) {
	jwks, token := issuerOfClaims(t)
	of := func(subject, tenant string) string {
		if tenant == "" {
			return "Authorization: Bearer " + token(subject, nil)
		}
		return "Authorization: Bearer " + token(subject, map[string]any{"org": map[string]any{"tenant": tenant}})
	}
	e := &echoing{}
	at := serveRouter(t, composed(t, accountsA, accountsB), nil, e.ServeHTTP, func(c *config.Config) {
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: jwks}}
		c.Headers.All = config.HeaderRules{SetFromClaims: map[string]string{"X-Tenant": "org.tenant"}}
		c.ResponseCache.Enabled = true
		c.ResponseCache.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
		c.ResponseCache.Subgraph.All.PrivateBy = "org.tenant"
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"b": {Types: []string{"Account"}, Private: true}}
	})
	balance := func(want string, headers ...string) {
		t.Helper()
		response, body := ask(t, "POST", at+"/graphql", `{"query":"{ account { balance } }"}`, append(headers, posts, "X-Tenant: acme")...)
		if !strings.Contains(body, `"balance":"`+want+`"`) {
			t.Errorf("got %s, want %q", body, want)
		}
		if got := response.Header.Get("Cache-Control"); len(headers) > 0 && !strings.HasPrefix(got, "private") {
			t.Errorf("Cache-Control %q", got)
		}
	}
	untilCached(t, e, func() { balance("acme", of("ada", "acme")) })
	balance("acme", of("bob", "acme"))
	if n := len(e.take("/b")); n != 0 {
		t.Errorf("%d requests for another caller of the tenant", n)
	}
	balance("other", of("ada", "other"))
	for range 2 {
		balance("", of("ada", ""))
		balance("")
	}
	if n := len(e.take("/b")); n != 5 {
		t.Errorf("%d requests for callers that do not share the entry", n)
	}
}

// Claims that the subgraph receives keep entries apart, too.
func TestPrivateEntriesDependOnClaimsInHeaders(t *testing.T) {
	jwks, token := issuerOfClaims(t)
	e := &echoing{}
	at := serveRouter(t, composed(t, accountsA, accountsB), nil, e.ServeHTTP, func(c *config.Config) {
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: jwks}}
		c.Headers.All = config.HeaderRules{SetFromClaims: map[string]string{"X-Tenant": "sub"}}
		c.ResponseCache.Enabled = true
		c.ResponseCache.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"b": {Types: []string{"Account"}, PrivateBy: "tenant"}}
	})
	untilCached(t, e, func() {
		for _, who := range []string{"ada", "bob"} {
			if _, body := ask(t, "POST", at+"/graphql", `{"query":"{ account { balance } }"}`, posts, "Authorization: Bearer "+token(who, map[string]any{"tenant": "acme"})); !strings.Contains(body, `"`+who+`"`) {
				t.Errorf("%s: got %s", who, body)
			}
		}
	})
}

// Private entries that belong to a value of the request context are shared by requests that have
// it, and by no others. Without it, nothing is cached.
func TestPrivateEntriesBelongToAValueOfTheContext(t *testing.T) {
	e := &echoing{}
	at := serveExtended(t, composed(t, accountsA, accountsB), e, func(c *config.Config) {
		c.ResponseCache.Enabled = true
		c.ResponseCache.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
		c.ResponseCache.Subgraph.All.PrivateByContext = "user_id"
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"b": {Types: []string{"Account"}, Private: true}}
	}, router.Extensions{Hooks: []hook.Hooks{{Name: "user", Operation: func(_ context.Context, x *hook.Exchange) error {
		if user := x.HTTP.Header.Get("X-Who"); user != "" {
			return x.SetContext("user_id", user)
		}
		return nil
	}}}})
	balance := func(headers ...string) {
		t.Helper()
		response, body := ask(t, "POST", at+"/graphql", `{"query":"{ account { balance } }"}`, append(headers, posts)...)
		if !strings.Contains(body, `"balance":"`) {
			t.Errorf("got %s", body)
		}
		if got := response.Header.Get("Cache-Control"); len(headers) > 0 && !strings.HasPrefix(got, "private") {
			t.Errorf("Cache-Control %q", got)
		}
	}
	untilCached(t, e, func() { balance("X-Who: ada") })
	balance("X-Who: bob")
	if n := len(e.take("/b")); n != 1 {
		t.Errorf("%d requests for another value, want 1", n)
	}
	balance()
	balance()
	if n := len(e.take("/b")); n != 2 {
		t.Errorf("%d requests without a value, want 2", n)
	}
}
