package router_test

import (
	"context"
	"slices"
	"testing"

	"souk/router"
	"souk/router/gateway/config"
	"souk/router/hook"
)

// BeginStage records the stages in the order in which they end.
func (r *recorder) BeginStage(ctx context.Context, s hook.Stage) (context.Context, func(error)) {
	return ctx, func(err error) {
		name := string(s.Name)
		if s.Subgraph != "" {
			name += "(" + s.Subgraph + ")"
		}
		if err != nil {
			name += "!"
		}
		r.add(name)
	}
}

func TestObserverSeesEveryStage(t *testing.T) {
	var r recorder
	h := newHooked(t, func(c *config.Config) {
		c.ResponseCache.Enabled = true
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"a": {Root: []string{"hello"}, Shared: true}}
	}, router.Extensions{Observer: &r})
	for _, c := range []struct{ name, query, want string }{
		{name: "cold", query: "{ hello }", want: "graphql.parse graphql.validate graphql.normalize graphql.plan graphql.cache.lookup(a) graphql.subgraph.operation(a) graphql.project graphql.execute"},
		{name: "cached", query: "{ hello }", want: "graphql.cache.lookup(a) graphql.project graphql.execute"},
		{name: "syntax error", query: "{", want: "graphql.parse!"},
		{name: "validation error", query: "{ none }", want: "graphql.parse graphql.validate!"},
	} {
		h.do(t, "POST", "/graphql", `{"query":"`+c.query+`"}`)
		if got := r.take(); got != c.want {
			t.Errorf("%s: got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// With traces enabled, each stage has a span with its name.
func TestStagesHaveSpans(t *testing.T) {
	at := newTracing(t, hello, router.Options{}, func(*config.Config) {})
	ask(t, "POST", at.url+"/graphql", `{"query":"{ hello }"}`, posts)
	var names []string
	for _, span := range at.spans() {
		names = append(names, span.Name)
	}
	slices.Sort(names)
	want := []string{"POST /graphql", "graphql.execute", "graphql.normalize", "graphql.parse", "graphql.plan", "graphql.project", "graphql.subgraph.operation", "graphql.validate"}
	if !slices.Equal(names, want) {
		t.Errorf("got spans %q, want %q", names, want)
	}
}
