package router_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"souk/router/gateway/config"
)

// Whichever rule makes a header of the client's request, responses that may depend on it are
// for this client only: in the entity cache, in shared executions, and in HTTP caches.
func TestResponsesFollowTheHeaderRules(t *testing.T) {
	jwks, token := issuer(t)
	sdl := composed(t, accountsA, accountsB)
	for name, c := range map[string]struct {
		rules   config.HeaderRules
		header  string // of the client, with the caller
		control string
		vary    string
	}{
		"pattern": {config.HeaderRules{PropagateMatching: []string{"auth.*"}}, "Authorization: %s", "private", "*"},
		"rename":  {config.HeaderRules{Rename: map[string]string{"X-Caller": "Authorization"}}, "X-Caller: %s", "private", "X-Caller"},
		"removed source": {config.HeaderRules{
			Propagate: []string{"X-Caller"}, Rename: map[string]string{"X-Caller": "Authorization"}, Remove: []string{"X-Caller"},
		}, "X-Caller: %s", "private", "X-Caller"},
		"claim": {config.HeaderRules{SetFromClaims: map[string]string{"Authorization": "sub"}}, "Authorization: token of %s", "private", "Authorization"},
	} {
		t.Run(name, func(t *testing.T) {
			at := serveRouter(t, sdl, nil, accounts("max-age=60"), func(conf *config.Config) {
				conf.Headers.All = c.rules
				conf.Authentication.JWT.JWKS = []config.JWKS{{URL: jwks}}
				conf.TrafficShaping.Router.Deduplicate = true
				conf.ResponseCache.Enabled = true
				conf.ResponseCache.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
				conf.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"a": {Root: []string{"mine"}}, "b": {Types: []string{"Account"}}}
				if name != "claim" {
					conf.Authentication.JWT.JWKS = nil
				}
			})
			for range 2 {
				for _, query := range []string{"{ account { balance } }", "{ mine }"} {
					for _, caller := range []string{"ada", "bob"} {
						header := fmt.Sprintf(c.header, caller)
						if name == "claim" {
							header = strings.Replace(header, "token of "+caller, "Bearer "+token(caller), 1)
						}
						r, body := ask(t, "POST", at+"/graphql", `{"query":"`+query+`"}`, posts, header)
						if !strings.Contains(body, `"of `+caller+`"`) {
							t.Errorf("caller %s: got %s", caller, body)
						}
						if got := r.Header.Get("Cache-Control"); !strings.HasPrefix(got, c.control) || !varies(r, c.vary) {
							t.Errorf("caller %s: Cache-Control = %q, Vary = %q", caller, got, r.Header.Values("Vary"))
						}
					}
				}
			}
		})
	}
}

// A header made of a claim is never what the client has sent.
func TestClaimsCannotBeForged(t *testing.T) {
	jwks, token := issuer(t)
	at := serveRouter(t, composed(t, valuesA, valuesB), nil, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"data":null,"errors":[{"message":%q}]}`, fmt.Sprint(r.Header["X-User"]))
	}, func(c *config.Config) {
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: jwks}}
		c.IncludeErrors.All = true
		c.Headers.All = config.HeaderRules{Propagate: []string{"X-User"}, SetFromClaims: map[string]string{"X-User": "sub"}}
	})
	for _, c := range []struct {
		want    string
		headers []string
	}{
		{want: `"[]"`, headers: []string{"X-User: admin"}},
		{want: `"[ada]"`, headers: []string{"X-User: admin", "Authorization: Bearer " + token("ada")}},
	} {
		if _, body := ask(t, "POST", at+"/graphql", `{"query":"{ open }"}`, append(c.headers, posts)...); !strings.Contains(body, c.want) {
			t.Errorf("%v: got %s, want %s", c.headers, body, c.want)
		}
	}
}
