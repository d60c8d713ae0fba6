package mock_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/router/execute"
	"souk/router/mock"
	"souk/router/operation"
	"souk/router/subgraph"
)

const stream = shop + `
type Subscription { productChanged(id: ID): Product! priceChanged: Product! rated(productId: ID!): Rating! latest(first: Int): [Product!]! }
`

// subscribe runs a subscription by the router's own client, and returns its events.
func subscribe(ctx context.Context, t *testing.T, protocol, query string, event func(string) error) error {
	t.Helper()
	always := make(chan time.Time)
	close(always)
	m, err := mock.New(mock.Options{SDL: stream, Events: 4, After: func(time.Duration) <-chan time.Time { return always }})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(m)
	defer server.Close()
	transport, err := subgraph.New(subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{
		"shop": {URL: server.URL, Subscriptions: subgraph.Subscriptions{Protocol: protocol}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	body := execute.NewBuffer(100)
	body.B = fmt.Appendf(body.B, `{"query":%q}`, query)
	return transport.Subscribe(ctx, &execute.SubgraphRequest{Subgraph: "shop", Kind: operation.Subscription, Body: body}, func(r *execute.SubgraphResponse) error {
		return event(string(r.Body.B))
	})
}

// A subscription has a number of events with different data, over each protocol that the
// router speaks to subgraphs.
func TestSubscriptionsHaveEvents(t *testing.T) {
	for _, protocol := range []string{"ws", "sse"} {
		var events []string
		err := subscribe(t.Context(), t, protocol, `subscription { priceChanged { id price maker { name } } }`, func(event string) error {
			events = append(events, event)
			return nil
		})
		if err != nil || len(events) != 4 {
			t.Fatalf("%s: got %v and %q", protocol, err, events)
		}
		for _, event := range events {
			var got struct {
				Data struct{ PriceChanged struct{ ID string } }
			}
			if err := json.Unmarshal([]byte(event), &got); err != nil || got.Data.PriceChanged.ID == "" {
				t.Errorf("%s: got %v, %s", protocol, err, event)
			}
		}
		slices.Sort(events)
		if distinct := slices.Compact(events); len(distinct) < 3 {
			t.Errorf("%s: the events are the same: %q", protocol, events)
		}
	}
}

// Arguments come back in events, and what is wrong is an error.
func TestSubscriptionsHaveArgumentsAndErrors(t *testing.T) {
	for _, protocol := range []string{"ws", "sse"} {
		err := subscribe(t.Context(), t, protocol, `subscription { productChanged(id: "7") { id } }`, func(event string) error {
			if event != `{"data":{"productChanged":{"id":"7"}}}` {
				t.Errorf("%s: got %s", protocol, event)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: got %v", protocol, err)
		}
		for query, want := range map[string]string{
			`subscription { productChanged(id: 7) { id sku } }`:                 `{"data":{"productChanged":{"id":"7","sku":"SKU-00007"}}}`,
			`subscription { rated(productId: "7") { product { id } } }`:         `{"data":{"rated":{"product":{"id":"7"}}}}`,
			`subscription { latest(first: 2) { __typename } }`:                  `{"data":{"latest":[{"__typename":"Product"},{"__typename":"Product"}]}}`,
			`subscription($id: ID = 8) { productChanged(id: $id) { id name } }`: `{"data":{"productChanged":{"id":"8","name":`,
		} {
			err = subscribe(t.Context(), t, protocol, query, func(event string) error {
				if !strings.HasPrefix(event, want) {
					t.Errorf("%s: %s: got %s, want %s", protocol, query, event, want)
				}
				return nil
			})
			if err != nil {
				t.Errorf("%s: %s: got %v", protocol, query, err)
			}
		}
		err = subscribe(t.Context(), t, protocol, `subscription { nothing }`, func(string) error { return nil })
		refused := (*execute.RequestError)(nil)
		if !errors.As(err, &refused) || !strings.Contains(string(refused.Errors), "the schema does not define the field Subscription.nothing") {
			t.Errorf("%s: got %v", protocol, err)
		}
	}
}

// The events about one entity have its texts, and other numbers each time.
func TestEventsAboutAnEntityDiffer(t *testing.T) {
	prices, names := map[int]bool{}, map[string]bool{}
	err := subscribe(t.Context(), t, "ws", `subscription { productChanged(id: "7") { price name } }`, func(event string) error {
		var got struct {
			Data struct {
				ProductChanged struct {
					Price int
					Name  string
				}
			}
		}
		if err := json.Unmarshal([]byte(event), &got); err != nil {
			return err
		}
		prices[got.Data.ProductChanged.Price], names[got.Data.ProductChanged.Name] = true, true
		return nil
	})
	if err != nil || len(prices) < 3 || len(names) != 1 {
		t.Errorf("got %v, the prices %v and names %v", err, prices, names)
	}
}

// A client can leave before the last event.
func TestClientsCanLeaveASubscription(t *testing.T) {
	for _, protocol := range []string{"ws", "sse"} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if err := subscribe(ctx, t, protocol, `subscription { priceChanged { id } }`, func(string) error { cancel(); return nil }); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", protocol, err)
		}
	}
}
