package inventory_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/transport"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/internal/servicetest"
	"souk/subgraphs/inventory"
	"souk/subgraphs/inventory/graph"
	"souk/subgraphs/inventory/stock"
	"souk/subgraphs/product"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const level = `{ productId onHand reserved available sold version }`

func TestGraphQLManagesStockAndReservations(t *testing.T) {
	s := servicetest.Start(t, inventory.Run)
	for _, step := range []struct{ ask, want string }{
		{ask: `{ stock(productId: "1") ` + level + ` }`, want: `{"stock":null}`},
		{
			ask:  `mutation { setStock(productId: "1", onHand: 10) { ... on StockPayload { stock ` + level + ` } } }`,
			want: `{"setStock":{"stock":{"productId":"1","onHand":10,"reserved":0,"available":10,"sold":0,"version":1}}}`,
		},
		{
			ask:  `mutation { restock(productId: "1", quantity: 5, idempotencyKey: "x") { ... on StockPayload { stock { onHand } } } }`,
			want: `{"restock":{"stock":{"onHand":15}}}`,
		},
		{
			ask:  `mutation { reserveStock(orderId: "o", lines: [{productId: "1", quantity: 4}]) { ... on Reservation { orderId status lines { productId quantity } } } }`,
			want: `{"reserveStock":{"orderId":"o","status":"HELD","lines":[{"productId":"1","quantity":4}]}}`,
		},
		{
			ask: `mutation { reserveStock(orderId: "p", lines: [{productId: "1", quantity: 12}, {productId: "2", quantity: 1}]) {
				... on OutOfStock { code message shortages { productId requested available } } } }`,
			want: `{"reserveStock":{"code":"OUT_OF_STOCK","message":"Not enough stock of product \"1\": 12 requested, 11 available. Other products that are short: 1.",
				"shortages":[{"productId":"1","requested":12,"available":11},{"productId":"2","requested":1,"available":0}]}}`,
		},
		{ask: `mutation { commitReservation(orderId: "o") { ... on Reservation { status } } }`, want: `{"commitReservation":{"status":"COMMITTED"}}`},
		{ask: `mutation { commitReservation(orderId: "x") { __typename } }`, want: `{"commitReservation":{"__typename":"NotFound"}}`},
		{ask: `{ reservation(orderId: "o") { status } none: reservation(orderId: "x") { status } }`, want: `{"reservation":{"status":"COMMITTED"},"none":null}`},
		{ask: `mutation { releaseReservation(orderId: "o") { ... on Reservation { status } } }`, want: `{"releaseReservation":{"status":"RELEASED"}}`},
		{
			ask:  `{ stocks(productIds: ["2", "1", "nonsense", "1"]) { productId onHand sold } }`,
			want: `{"stocks":[null,{"productId":"1","onHand":15,"sold":0},null,{"productId":"1","onHand":15,"sold":0}]}`,
		},
		{
			ask:  `mutation { setStock(productId: "01", onHand: 1) { ... on NotFound { code message } } }`,
			want: `{"setStock":{"code":"NOT_FOUND","message":"There is no product \"01\"."}}`,
		},
		{
			ask:  `mutation { setStock(productId: "1", onHand: 1, expectedVersion: 7) { ... on Conflict { code } } }`,
			want: `{"setStock":{"code":"PRECONDITION_FAILED"}}`,
		},
	} {
		same(t, step.ask, s.Data(t, step.ask, nil, servicetest.AsService), step.want)
	}
}

// same compares JSON texts.
func same(t *testing.T, ask, got, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if x, y := fmt.Sprint(a), fmt.Sprint(b); x != y {
		t.Errorf("%s\n got %s\nwant %s", ask, x, y)
	}
}

// Inventory asks the product service, and changes nothing without a response.
func TestStockNeedsAProduct(t *testing.T) {
	catalogue := servicetest.Start(t, product.Run)
	s := servicetest.Start(t, inventory.Run, func(e *server.Environment) { e.Services["product"] = catalogue.URL })
	for _, name := range []string{"Laptop", "Mouse"} {
		catalogue.Data(t, `mutation ($name: String!) { createProduct(input: {name: $name, price: {decimal: 1}}) { __typename } }`, map[string]any{"name": name})
	}
	catalogue.Data(t, `mutation { retireProduct(id: "1") { __typename } }`, nil)
	const set = `mutation ($id: ID!) { setStock(productId: $id, onHand: 3) { __typename ... on Error { code message } ... on StockPayload { stock { onHand } } } }`
	const add = `mutation ($id: ID!) { restock(productId: $id, quantity: 2) { __typename ... on Error { code message } ... on StockPayload { stock { onHand } } } }`
	unknown := map[string]any{"id": "3"}
	same(t, "an unknown product", s.Data(t, set, unknown), `{"setStock":{"__typename":"NotFound","code":"NOT_FOUND","message":"There is no product \"3\"."}}`)
	same(t, "an unknown product", s.Data(t, add, unknown), `{"restock":{"__typename":"NotFound","code":"NOT_FOUND","message":"There is no product \"3\"."}}`)
	same(t, "its stock", s.Data(t, `{ stock(productId: "3") { onHand } }`, nil), `{"stock":null}`)
	same(t, "a retired product", s.Data(t, set, map[string]any{"id": "1"}), `{"setStock":{"__typename":"StockPayload","stock":{"onHand":3}}}`)

	catalogue.Stop()
	same(t, "a product with stock", s.Data(t, add, map[string]any{"id": "1"}), `{"restock":{"__typename":"StockPayload","stock":{"onHand":5}}}`)
	for _, mutation := range []string{set, add} {
		if got := s.Data(t, mutation, map[string]any{"id": "2"}); !strings.Contains(got, `"Unavailable"`) {
			t.Errorf("without the product service: got %s", got)
		}
	}
	same(t, "its stock", s.Data(t, `{ stock(productId: "2") { onHand } }`, nil), `{"stock":null}`)
}

func TestEntitiesTakeOneQueryPerType(t *testing.T) {
	s := servicetest.Start(t, inventory.Run)
	s.Data(t, `mutation { setStock(productId: "1", onHand: 3) { __typename } }`, nil, servicetest.AsService)
	pool, queries := s.CountingPool(t)
	h := handler.New(graph.NewExecutableSchema(graph.Config{Resolvers: &graph.Resolver{StockStore: stock.NewStore(pool, time.Now)}}))
	h.AddTransport(transport.POST{})
	counted := httptest.NewServer(h)
	t.Cleanup(counted.Close)
	s.URL = counted.URL
	got := s.Data(t, `query ($r: [_Any!]!) { _entities(representations: $r) {
		... on Product { id inStock available shippingEstimate { minorUnits currency decimal } stock { onHand } }
		... on StockLevel { productId onHand } } }`, map[string]any{"r": []any{
		map[string]any{"__typename": "Product", "id": "2", "weight": 40_000},
		map[string]any{"__typename": "StockLevel", "productId": "1"},
		map[string]any{"__typename": "Product", "id": "1", "weight": 900},
		map[string]any{"__typename": "StockLevel", "productId": "2"},
	}})
	same(t, "_entities", got, `{"_entities":[
		{"id":"2","inStock":false,"available":0,"shippingEstimate":{"minorUnits":5440,"currency":"USD","decimal":54.4},"stock":null},
		{"productId":"1","onHand":3},
		{"id":"1","inStock":true,"available":3,"shippingEstimate":{"minorUnits":490,"currency":"USD","decimal":4.9},"stock":{"onHand":3}},
		null]}`)
	if n := queries.Load(); n != 2 {
		t.Errorf("_entities: got %d queries, want one for each type", n)
	}
}

func TestEnforcedModeRestrictsChanges(t *testing.T) {
	s := servicetest.Start(t, inventory.Run, func(e *server.Environment) { e.AuthMode = server.Enforced })
	const set = `mutation { setStock(productId: "1", onHand: 10) { __typename } }`
	const reserve = `mutation { reserveStock(orderId: "o", lines: [{productId: "1", quantity: 4}]) { __typename } }`
	same(t, "anybody", s.Data(t, set, nil), `{"setStock":{"__typename":"Forbidden"}}`)
	if answer := s.Do(t, reserve, nil); len(answer.Errors) != 1 || answer.Errors[0].Extensions["code"] != "FORBIDDEN" {
		t.Errorf("anonymous reservation: got %+v", answer)
	}
	same(t, "a service", s.Data(t, set, nil, servicetest.AsService), `{"setStock":{"__typename":"StockPayload"}}`)
	same(t, "a service", s.Data(t, reserve, nil, servicetest.AsService), `{"reserveStock":{"__typename":"Reservation"}}`)
	same(t, "anybody", s.Data(t, `{ stock(productId: "1") { available } }`, nil), `{"stock":{"available":6}}`)
}

func TestExpiredHoldsFreeUnitsAndPublish(t *testing.T) {
	s := servicetest.Start(t, inventory.Run)
	s.Data(t, `mutation { setStock(productId: "1", onHand: 10) { __typename } }`, nil, servicetest.AsService)
	s.Data(t, `mutation { reserveStock(orderId: "o", lines: [{productId: "1", quantity: 4}], ttlSeconds: 1) { __typename } }`, nil)
	var told []string
	for deadline := time.Now().Add(20 * time.Second); len(told) < 3; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out; events published: %s", told)
		}
		entries, _ := s.Redis.Stream(events.Stream) // an error means that the stream does not exist yet
		told = nil
		for _, entry := range entries {
			told = append(told, strings.Join(entry.Values, " "))
		}
	}
	for i, available := range []int{10, 6, 10} {
		if !strings.Contains(told[i], fmt.Sprintf(`"available":%d`, available)) || !strings.Contains(told[i], "inventory.updated") {
			t.Errorf("event %d: got %s, want %d available", i, told[i], available)
		}
	}
	same(t, "the reservation", s.Data(t, `{ reservation(orderId: "o") { status } }`, nil), `{"reservation":{"status":"EXPIRED"}}`)
}

func TestSeedOnlyOnce(t *testing.T) {
	s := servicetest.Start(t, inventory.Run)
	for range 2 {
		if err := inventory.Seed(t.Context(), s.DB); err != nil {
			t.Fatal(err)
		}
		same(t, "the first product", s.Data(t, `{ stock(productId: "1") { onHand version } }`, nil), `{"stock":{"onHand":250,"version":1}}`)
		s.Data(t, `mutation { reserveStock(orderId: "o", lines: [{productId: "1", quantity: 2}]) { __typename } }`, nil)
		s.Data(t, `mutation { releaseReservation(orderId: "o") { __typename } }`, nil)
		if _, err := s.DB.Exec(t.Context(), `UPDATE stock_levels SET version = 1`); err != nil {
			t.Fatal(err)
		}
	}
}
