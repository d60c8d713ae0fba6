package dev_test

import (
	"strings"
	"testing"
	"time"

	"souk/dev"
	"souk/router/probe"
)

// The store's own subgraphs pass `souk subgraph test`.
func TestSubgraphsOfTheStoreDoWhatARouterNeeds(t *testing.T) {
	t.Parallel()
	store := open(t, dev.Options{})
	known, err := probe.ReadRepresentations([]byte(`[{"__typename":"Product","id":"1"},{"__typename":"Product","id":"2"}]`))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"user", "product", "inventory", "order", "notification"} {
		representations := known
		if name == "user" || name == "notification" { // have no products
			representations = nil
		}
		report, err := probe.Run(t.Context(), probe.Options{
			URL: store.URL(name) + "/graphql", Timeout: 30 * time.Second, Batch: 100, Representations: representations,
		})
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := report.Write(&text); err != nil {
			t.Fatal(err)
		}
		if report.Failed(false) {
			t.Errorf("%s fails\n%s", name, text.String())
		}
	}
}
