package router_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/router/gateway/config"
)

// variantSeries returns the time series of a canary, but those that compare it with the router.
func variantSeries(t *testing.T, admin string) (list []string) {
	t.Helper()
	_, body := ask(t, "GET", admin+"/metrics", "")
	for line := range strings.Lines(body) {
		if strings.Contains(line, `variant="canary"`) && !strings.HasPrefix(line, "souk_router_canary_") {
			list = append(list, line)
		}
	}
	return list
}

// A gauge has a value for the router and one for its canary, with a label. Counters of both add up.
// Without a canary, there are none of it.
func TestMetricsTellVariantsApart(t *testing.T) {
	v := newVariants(t)
	at, admin, r, c := v.start(t, io.Discard, func(c *config.Config) {
		c.Canary.Percent, c.Canary.By, c.Canary.Header = 50, "header", "X-Tenant"
		c.Canary.OverrideSubgraphURLs = config.SubgraphURLs{"a": {"http://127.0.0.1:1/closed"}}
	})
	const tenants = 40
	failed := 0
	for tenant := range tenants {
		if strings.Contains(sayHello(t, at, fmt.Sprintf("X-Tenant: %d", tenant)), "errors") {
			failed++
		}
	}
	if failed == 0 || failed == tenants {
		t.Fatalf("%d of %d requests failed", failed, tenants)
	}
	for series, want := range map[string]float64{
		`souk_router_dependency_up{kind="subgraph",name="a"}`:                                    1,
		`souk_router_dependency_up{kind="subgraph",name="a",variant="canary"}`:                   0,
		`souk_router_subgraph_breaker_state{subgraph="a"}`:                                       0,
		`souk_router_operations_total{outcome="data"}`:                                           float64(tenants - failed),
		`souk_router_canary_operation_duration_seconds_count{outcome="errors",variant="canary"}`: float64(failed),
	} {
		if got := metric(t, admin, series); got != want {
			t.Errorf("%s is %g, want %g", series, got, want)
		}
	}
	series := strings.Join(variantSeries(t, admin), "")
	for _, name := range []string{"souk_router_subgraph_breaker_state", "souk_router_cache_entries", "souk_router_dependency_up"} {
		if !strings.Contains(series, "\n"+name+"{") {
			t.Errorf("the canary has no %s", name)
		}
	}
	if err := r.Reconfigure(t.Context(), c, nil); err != nil { // two canaries exist for a while
		t.Fatal(err)
	}
	if response, body := ask(t, "GET", admin+"/metrics", ""); response.StatusCode != http.StatusOK || strings.Count(body, `souk_router_subgraph_breaker_state{subgraph="a",variant="canary"}`) != 1 {
		t.Errorf("after a change of the configuration: status %d", response.StatusCode)
	}
	c.Canary.OverrideSubgraphURLs = nil
	if err := r.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(variantSeries(t, admin)) == 0 })
}

// The console shows both variants and what the comparison has found.
func TestConsoleShowsTheCanary(t *testing.T) {
	const token = "a token for the console"
	for _, mode := range []string{"serve", "shadow", ""} {
		t.Run(mode, func(t *testing.T) {
			v := newVariants(t)
			next := filepath.Join(t.TempDir(), "next.graphql")
			if err := os.WriteFile(next, []byte(composed(t, strings.Replace(canaryGraph, "hello: String", "hello: String fresh: String", 1), "type Query { other: String }")), 0o600); err != nil {
				t.Fatal(err)
			}
			at, admin, _, _ := v.start(t, io.Discard, func(c *config.Config) {
				c.Admin.Console = config.Console{Enabled: true, Token: token}
				c.Canary.Supergraph, c.Canary.Percent = next, 100
				if c.Canary.Mode = mode; mode == "" {
					c.Canary.Supergraph, c.Canary.OverrideSubgraphURLs = "", nil
				}
			})
			sayHello(t, at)
			state := func() (s struct {
				Canary *struct {
					Mode           string
					Percent        float64
					Router, Canary struct {
						Supergraph, Source string
						Operations         map[string]float64
						Failing            []string
					}
					SubgraphURLs map[string][]string `json:"subgraph_urls"`
					Shadow       map[string]float64
					Differences  []struct{ Paths []string }
				}
			}) {
				t.Helper()
				response, body := ask(t, "GET", admin+"/console/api/canary", "", "Authorization: Bearer "+token)
				if err := json.Unmarshal([]byte(body), &s); err != nil || response.StatusCode != http.StatusOK {
					t.Fatalf("status %d, %v: %s", response.StatusCode, err, body)
				}
				return s
			}
			if mode == "" {
				if got := state(); got.Canary != nil {
					t.Errorf("got %+v", got.Canary)
				}
				return
			}
			eventually(t, func() bool { return state().Canary.Canary.Operations["ok"] == 1 })
			s := state().Canary
			if s.Mode != mode || s.Percent != 100 || s.Canary.Source != next || !slices.Equal(s.SubgraphURLs["a"], []string{v.url + "/canary"}) {
				t.Errorf("got %+v", s)
			}
			if s.Router.Supergraph == "" || s.Canary.Supergraph == "" || s.Router.Supergraph == s.Canary.Supergraph {
				t.Errorf("the supergraphs are %q and %q", s.Router.Supergraph, s.Canary.Supergraph)
			}
			if mode == "shadow" {
				eventually(t, func() bool { return state().Canary.Shadow["different"] == 1 })
				if d := state().Canary.Differences; len(d) != 1 || d[0].Paths[0] != "data.hello: another string" {
					t.Errorf("the differences are %+v", d)
				}
			}
		})
	}
}

// The supergraph of a canary comes from where that of a router can come from, and follows it. A
// change of the configuration keeps it while the place is away.
func TestCanarySupergraphFromElsewhere(t *testing.T) {
	for kind, open := range places {
		t.Run(kind, func(t *testing.T) {
			place := open(t)
			c := config.Default()
			c.Supergraph.File = filepath.Join(t.TempDir(), "main.graphql")
			if err := os.WriteFile(c.Supergraph.File, []byte(withField("main")), 0o600); err != nil {
				t.Fatal(err)
			}
			from := c.Canary.Remote
			from.URL, from.Headers, from.PlainHTTP, from.Endpoint = place.from.URL, place.from.Headers, place.from.PlainHTTP, place.from.Endpoint
			from.PollInterval = 10 * time.Millisecond
			c.Canary.Remote, c.Supergraph.PollInterval = from, 10*time.Millisecond
			c.Canary.Percent = 100
			if err := c.Check(nil); err != nil {
				t.Fatal(err)
			}
			place.set(withField("one"))
			a, err := startAway(t, c)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			}()
			if !a.serves("one") || a.serves("main") {
				t.Fatal("the canary does not have its supergraph")
			}
			place.set(withField("second"))
			a.becomes("the second supergraph is in use", func() bool { return a.serves("second") })
			place.stop()
			if err := a.Reconfigure(t.Context(), c, nil); err != nil {
				t.Fatalf("while the place is away: %v", err)
			}
			if !a.serves("second") {
				t.Error("the last good supergraph is not in use")
			}
			c.Canary.Percent = 0
			if err := a.Reconfigure(t.Context(), c, nil); err != nil || !a.serves("main") {
				t.Errorf("the share of 0 is not in use: %v", err)
			}
			c.Canary.Remote.URL += "2"
			if err := a.Reconfigure(t.Context(), c, nil); err == nil || !strings.Contains(err.Error(), "canary.remote.cache_file") {
				t.Errorf("another address: error %v", err)
			}
		})
	}
}
