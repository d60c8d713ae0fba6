package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"

	"souk/router/gateway/config"
)

// The router accepts its configuration for the cluster, which matches its Deployment and
// Services.
func TestRouterAcceptsItsConfiguration(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "manifests/08-api-gateway.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "router.yaml")
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o object
		if err := decoder.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if o.Kind == "ConfigMap" && o.Metadata.Name == "api-gateway" {
			if err := os.WriteFile(path, []byte(o.Data["router.yaml"]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	variables := map[string]string{"INVALIDATION_TOKEN": "secret", "REDIS_URL": "redis://redis-service:6379", "ORDER_SERVICE_URL": "http://order-service:8080"}
	load := func() config.Config {
		c, err := config.Load(path, func(name string) (string, bool) { v, ok := variables[name]; return v, ok })
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := load()
	if c.Listen != "0.0.0.0:8080" || c.Admin.Listen != "0.0.0.0:9090" {
		t.Errorf("got listen addresses %s and %s, want ports 8080 and 9090 of the Service", c.Listen, c.Admin.Listen)
	}
	if c.Supergraph.File != "/etc/souk/graph/supergraph.graphql" || !c.Supergraph.HotReload {
		t.Errorf("got supergraph %+v, want the file mounted in /etc/souk/graph, with polling", c.Supergraph)
	}
	if c.ResponseCache.Invalidation.Token != "secret" {
		t.Error("the token of the invalidation API differs from the Secret")
	}
	if !c.IncludeErrors.All {
		t.Error("clients do not see which of their arguments is wrong, as with souk dev")
	}
	if len(c.Authentication.JWT.JWKS) != 1 || c.Authentication.JWT.JWKS[0].Issuer != "souk" {
		t.Errorf("got JWKS %+v, want the issuer souk of the user service", c.Authentication.JWT.JWKS)
	}
	if l := c.RateLimit; !l.Enabled || l.By != "ip" || l.Redis.URL == "" || !slices.Equal(c.ClientAddress.TrustedProxies, []string{"127.0.0.0/8"}) {
		t.Errorf("got rate limit %+v of %+v, want one for each client behind the proxy of the pod, which all routers share", l, c.ClientAddress)
	}
	if c.Introspection || c.Playground.Enabled {
		t.Error("everybody gets the schema or the playground")
	}
	variables["ORDER_SERVICE_URL"] = "http://orders.example:8080"
	if got := load().OverrideSubgraphURLs["order"][0]; got != "http://orders.example:8080/graphql" {
		t.Errorf("got URL %q of the order service, want that of ORDER_SERVICE_URL", got)
	}
	variables["TRUSTED_PROXY"] = "10.0.0.0/8" // as in components/ambient
	if c := load(); !slices.Equal(c.ClientAddress.TrustedProxies, []string{"10.0.0.0/8"}) {
		t.Errorf("got trusted proxies %v, want those of the variable", c.ClientAddress.TrustedProxies)
	}
	variables["INTROSPECTION"], variables["PLAYGROUND"] = "true", "true" // as in docs/tutorial
	if c := load(); !c.Introspection || !c.Playground.Enabled {
		t.Error("the variables do not turn on introspection and the playground")
	}
}
