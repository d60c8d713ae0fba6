package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// labelled is a supergraph in which subgraph b overrides fields of a: one for a
// percentage of requests, one by label.
var labelled = strings.NewReplacer(
	`override: String,`, `override: String, overrideLabel: String,`,
	`enum join__Graph { A @join__graph(name: "a", url: "http://a.invalid/graphql") }`,
	`enum join__Graph { A @join__graph(name: "a", url: "http://a.invalid/graphql") B @join__graph(name: "b", url: "http://b.invalid/graphql") }`,
	`type Query @join__type(graph: A) {`, `type Query @join__type(graph: A) @join__type(graph: B) {
  part: String @join__field(graph: A) @join__field(graph: B, override: "a", overrideLabel: "percent(5)")
  small: String @join__field(graph: A) @join__field(graph: B, override: "a", overrideLabel: "percent(0.5)")
  named: String @join__field(graph: A) @join__field(graph: B, override: "a", overrideLabel: "next")`,
	`name: String = "world"): String  fail: String  long: String }`, `name: String = "world"): String @join__field(graph: A) }`,
).Replace(sdl)

// sources is a transport that returns the subgraph's name for each field.
type sources struct{}

func (sources) Send(_ context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	var fields []string
	for _, f := range []string{"part", "small", "named"} {
		if strings.Contains(string(r.Body.B), f) {
			fields = append(fields, `"`+f+`":"`+r.Subgraph+`"`)
		}
	}
	return response(`{"data":{` + strings.Join(fields, ",") + `}}`), nil
}

func (sources) Subscribe(context.Context, *execute.SubgraphRequest, func(*execute.SubgraphResponse) error) error {
	return nil
}

func TestOverrideLabelsSelectTheSubgraph(t *testing.T) {
	at, drawn := 0.0, 0
	var mu sync.Mutex
	gw, url := start(t, nil, func(c *config.Config, o *gateway.Options) {
		c.OverrideLabels.Header = "X-Labels"
		o.Supergraph = labelled
		o.Transport = func(*supergraph.Model) (execute.Transport, func(), error) { return sources{}, func() {}, nil }
		o.Labels = func(r *http.Request) []string { return r.Header["X-Cohort"] }
		o.Random = func() float64 { mu.Lock(); defer mu.Unlock(); drawn++; return at }
	})
	const query = `{"query":"{part small named}"}`
	ask := func(random float64, headers ...string) string {
		t.Helper()
		mu.Lock()
		at = random
		mu.Unlock()
		r := send(t, "POST", url+"/graphql", query, headers...)
		return strings.NewReplacer(`{"data":{"part":"`, "", `","small":"`, "", `","named":"`, "", `"}}`, "").Replace(r.body)
	}
	check := func() {
		t.Helper()
		for range 2 { // the second time, all plans are cached
			for _, c := range []struct {
				random  float64
				headers []string
				want    string
			}{
				{random: 0, want: "bba"},
				{random: 0.00499, want: "bba"},
				{random: 0.005, want: "baa"},
				{random: 0.0499, want: "baa"},
				{random: 0.05, want: "aaa"},
				{random: 0.999, want: "aaa"},
				{random: 0.999, headers: []string{"X-Labels: other, next"}, want: "aab"},
				{random: 0, headers: []string{"X-Cohort: next"}, want: "bbb"},
				{random: 0.999, headers: []string{"X-Labels: percent(5)"}, want: "aaa"}, // clients cannot activate percent labels
			} {
				if got := ask(c.random, c.headers...); got != c.want {
					t.Errorf("random %v, headers %v: part, small and named come from %s, want %s", c.random, c.headers, got, c.want)
				}
			}
		}
	}
	check()
	if err := gw.SetSupergraph(labelled + "\n# again\n"); err != nil {
		t.Fatal(err)
	}
	check()
	if err := gw.SetSupergraph(sdl); err != nil {
		t.Fatal(err)
	}
	before := drawn
	if r := send(t, "POST", url+"/graphql", `{"query":"{hello}"}`); r.status != http.StatusOK || drawn != before {
		t.Errorf("without labels: got status %d, %d random numbers drawn", r.status, drawn-before)
	}
}

func TestConfiguredLabelsAreActiveForAllRequests(t *testing.T) {
	_, url := start(t, nil, func(c *config.Config, o *gateway.Options) {
		c.OverrideLabels.Active = []string{"next"}
		c.TrafficShaping.Router.Deduplicate = new(true)
		o.Supergraph = labelled
		o.Transport = func(*supergraph.Model) (execute.Transport, func(), error) { return sources{}, func() {}, nil }
	})
	// Unless configured, a client's header has no effect.
	for _, header := range []string{"X-Labels: percent(5)", "X-Labels: next"} {
		if r := send(t, "POST", url+"/graphql", `{"query":"{named}"}`, header); r.body != `{"data":{"named":"b"}}` {
			t.Errorf("header %s: got %s", header, r.body)
		}
	}
}
