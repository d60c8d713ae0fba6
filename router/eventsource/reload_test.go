package eventsource_test

import (
	"strings"
	"testing"
	"time"

	"souk/router/compose"
	"souk/router/gateway/config"
	"souk/router/internal/redistest"
)

// A new supergraph has its own topics for new subscriptions. One with an invalid stream is
// refused. A new configuration has its own brokers.
func TestReload(t *testing.T) {
	s := open(t, options{configure: func(c *config.Config) { c.Subscriptions.DrainPeriod = 20 * time.Millisecond }})
	const query = `subscription { orderChanged(id: 1) { total } }`
	s.add(t, "orders.1", `{"id":"1","total":1}`)
	s.add(t, "other.1", `{"id":"1","total":2}`)
	first := s.subscribe(t, query, fromStart)
	first.expect(`{"data":{"orderChanged":{"total":1}}}`)

	set := func(old, replacement string) error {
		t.Helper()
		s.list[1].SDL = strings.ReplaceAll(eventsSDL, old, replacement)
		composed, err := compose.Compose(t.Context(), s.list)
		if err != nil {
			t.Fatal(err)
		}
		return s.router.SetSupergraph(composed.SDL)
	}
	if err := set("orders.{args.id}", "other.{args.id}"); err != nil {
		t.Fatal(err)
	}
	s.subscribe(t, query, fromStart).expect(`{"data":{"orderChanged":{"total":2}}}`)
	s.add(t, "orders.1", `{"id":"1","total":3}`)
	first.expect(`{"data":{"orderChanged":{"total":3}}}`)
	if err := set("orders.{args.id}", "other.{args.code}"); err == nil || !strings.Contains(err.Error(), `no argument "code"`) {
		t.Errorf("got %v", err)
	}
	s.subscribe(t, query, fromStart).expect(`{"data":{"orderChanged":{"total":2}}}`)

	s.redis = redistest.Start(t, redistest.Options{})
	s.add(t, "other.1", `{"id":"1","total":4}`)
	c := s.config
	c.EventSources.Providers = map[string]config.EventProvider{"shop": {Kind: "redis", Redis: config.Redis{URL: "redis://" + s.redis.Addr}}}
	if err := s.router.Reconfigure(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	s.subscribe(t, query, fromStart).expect(`{"data":{"orderChanged":{"total":4}}}`)
	for range first.messages { // the old configuration's streams end
	}
}
