package gateway_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// A new supergraph does not wait longer than a bound for the plans of operations in use. The most used ones
// come first, and the others are planned when they are used.
func TestWarmingUpEndsAtABound(t *testing.T) {
	var step, passed atomic.Int64 // how long each look at the clock takes
	gw, url := start(t, &subgraph{}, func(c *config.Config, o *gateway.Options) {
		c.Dev = true
		o.Now = func() time.Time { return time.Unix(1e9, passed.Add(step.Load())) }
	})
	ask := func(text string) string { return send(t, "POST", url+"/graphql", `{"query":"`+text+`"}`).body }
	for range 3 {
		ask("{ hello }")
	}
	ask("{ long }")
	step.Store(int64(6 * time.Second))
	err := gw.SetSupergraph(sdl + "\nscalar Extra @join__type(graph: A)\n")
	step.Store(0)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"{ hello }": `"planCache":"hit"`, "{ long }": `"planCache":"miss"`} {
		if got := ask(text); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// If a program that extends the gateway panics while a supergraph is loaded, the one before stays in use.
func TestAPanicWhileLoadingKeepsTheSupergraph(t *testing.T) {
	var fails atomic.Bool
	s := &subgraph{}
	gw, url := start(t, s, func(_ *config.Config, o *gateway.Options) {
		o.Transport = func(*supergraph.Model) (execute.Transport, func(), error) {
			if fails.Load() {
				panic("broken")
			}
			return s, func() {}, nil
		}
	})
	fails.Store(true)
	if err := gw.SetSupergraph(sdl + "\nscalar Extra @join__type(graph: A)\n"); err == nil || !strings.Contains(err.Error(), "panic: broken") {
		t.Errorf("got error %v", err)
	}
	if got := send(t, "POST", url+"/graphql", `{"query":"{ hello }"}`); got.status != 200 || !gw.Ready() {
		t.Errorf("got status %d, %s", got.status, got.body)
	}
	fails.Store(false)
	if err := gw.SetSupergraph(sdl + "\nscalar Extra @join__type(graph: A)\n"); err != nil {
		t.Error(err)
	}
}
