package order_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"souk/internal/pgserver/pgtest"
	console "souk/router/console/events"
	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/internal/servicetest"
	"souk/subgraphs/order"
	"souk/subgraphs/order/internal/fake"
)

func TestMain(m *testing.M) {
	if ahead, ok := os.LookupEnv(processVariable); ok {
		os.Exit(runProcess(ahead))
	}
	pgtest.Main(m)
}

// start runs the service with fakes of the other services.
func start(t *testing.T, options ...func(*server.Environment)) (*servicetest.Service, *fake.Inventory) {
	t.Helper()
	inventory := fake.NewInventory(t, map[string]int{"1": 5, "2": 100})
	others := map[string]string{
		"user":      fake.NewUsers(t, "1", "2").URL,
		"inventory": inventory.URL,
		"product": fake.NewProducts(t, map[string]fake.Product{
			"1": {Name: "Laptop", Price: 99999, Currency: "USD"},
			"2": {Name: "Mouse", Price: 1950, Currency: "USD"},
		}).URL,
	}
	return servicetest.Start(t, order.Run, append(options, func(e *server.Environment) { e.Services = others })...), inventory
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

const place = `mutation ($user: ID!, $product: ID!, $quantity: Int!) {
	placeOrder(input: {userId: $user, lines: [{productId: $product, quantity: $quantity}]}) {
		__typename
		... on OrderPayload { order { id } }
		... on Error { code message }
		... on OutOfStock { shortages { productId requested available } }
		... on Unavailable { retryAfter }
	} }`

func buy(user, product string, quantity int) map[string]any {
	return map[string]any{"user": user, "product": product, "quantity": quantity}
}

func TestGraphQLPlacesAndCancelsOrders(t *testing.T) {
	s, _ := start(t)
	same(t, "placeOrder", s.Data(t, place, buy("1", "1", 2)), `{"placeOrder": {"__typename": "OrderPayload", "order": {"id": "1"}}}`)
	for _, step := range []struct{ ask, want string }{
		{
			ask: `{ order(id: "1") { user { id } status total { minorUnits currency decimal } version cancelledAt
				lines { product { id name } quantity unitPrice { decimal } total { decimal } } } }`,
			want: `{"order": {"user": {"id": "1"}, "status": "CONFIRMED", "total": {"minorUnits": 199998, "currency": "USD", "decimal": 1999.98}, "version": 2, "cancelledAt": null,
				"lines": [{"product": {"id": "1", "name": "Laptop"}, "quantity": 2, "unitPrice": {"decimal": 999.99}, "total": {"decimal": 1999.98}}]}}`,
		},
		{
			ask: `{ orderHistory(id: "1") { version type actor data } }`,
			want: `{"orderHistory": [
				{"version": 1, "type": "OrderPlaced", "actor": "anonymous", "data": {"userId": "1", "currency": "USD", "lines": [{"productId": "1", "name": "Laptop", "quantity": 2, "unitPrice": 99999}]}},
				{"version": 2, "type": "OrderConfirmed", "actor": "system", "data": {}}]}`,
		},
		{
			ask:  `mutation { cancelOrder(input: {id: "1", expectedVersion: 1}) { ... on Conflict { code } } }`,
			want: `{"cancelOrder": {"code": "PRECONDITION_FAILED"}}`,
		},
		{
			ask:  `mutation { cancelOrder(input: {id: "1", reason: "too heavy", expectedVersion: 2}) { ... on OrderPayload { order { status cancelReason history { type } } } } }`,
			want: `{"cancelOrder": {"order": {"status": "CANCELLED", "cancelReason": "too heavy", "history": [{"type": "OrderPlaced"}, {"type": "OrderConfirmed"}, {"type": "OrderCancelled"}]}}}`,
		},
		{ask: `{ order(id: "7") { id } orderHistory(id: "7") { type } }`, want: `{"order": null, "orderHistory": null}`},
		{
			ask:  `mutation { cancelOrder(input: {id: "7"}) { ... on NotFound { code message } } }`,
			want: `{"cancelOrder": {"code": "NOT_FOUND", "message": "There is no order \"7\"."}}`,
		},
	} {
		same(t, step.ask, s.Data(t, step.ask, nil), step.want)
	}
	same(t, "too many", s.Data(t, place, buy("1", "1", 9)),
		`{"placeOrder": {"__typename": "OutOfStock", "code": "OUT_OF_STOCK", "message": "not enough", "shortages": [{"productId": "1", "requested": 9, "available": 5}]}}`)
}

func TestOrdersArePaged(t *testing.T) {
	s, _ := start(t)
	for i := range 5 {
		s.Data(t, place, buy(fmt.Sprint(1+i%2), "2", 1))
	}
	const nodes = `{ nodes { id } totalCount pageInfo { hasNextPage hasPreviousPage } }`
	for _, step := range []struct{ ask, want string }{
		{ask: `{ orders(first: 2) ` + nodes + ` }`, want: `{"orders": {"nodes": [{"id": "5"}, {"id": "4"}], "totalCount": 5, "pageInfo": {"hasNextPage": true, "hasPreviousPage": false}}}`},
		{ask: `{ orders(last: 2) ` + nodes + ` }`, want: `{"orders": {"nodes": [{"id": "2"}, {"id": "1"}], "totalCount": 5, "pageInfo": {"hasNextPage": false, "hasPreviousPage": true}}}`},
		{ask: `{ orders(userId: "2") ` + nodes + ` }`, want: `{"orders": {"nodes": [{"id": "4"}, {"id": "2"}], "totalCount": 2, "pageInfo": {"hasNextPage": false, "hasPreviousPage": false}}}`},
		{ask: `{ orders(status: REJECTED) ` + nodes + ` }`, want: `{"orders": {"nodes": [], "totalCount": 0, "pageInfo": {"hasNextPage": false, "hasPreviousPage": false}}}`},
	} {
		same(t, step.ask, s.Data(t, step.ask, nil), step.want)
	}
	var page struct {
		Orders struct{ PageInfo struct{ EndCursor string } }
	}
	if err := json.Unmarshal([]byte(s.Data(t, `{ orders(first: 2) { pageInfo { endCursor } } }`, nil)), &page); err != nil {
		t.Fatal(err)
	}
	next := `query ($after: String!) { orders(first: 2, after: $after) ` + nodes + ` }`
	same(t, next, s.Data(t, next, map[string]any{"after": page.Orders.PageInfo.EndCursor}),
		`{"orders": {"nodes": [{"id": "3"}, {"id": "2"}], "totalCount": 5, "pageInfo": {"hasNextPage": true, "hasPreviousPage": true}}}`)
	if answer := s.Do(t, `{ orders(first: 101) { nodes { id } } }`, nil); len(answer.Errors) != 1 || answer.Errors[0].Extensions["code"] != "BAD_USER_INPUT" {
		t.Errorf("page that is too large: got errors %+v", answer.Errors)
	}
}

func TestEntitiesResolveInRequestOrder(t *testing.T) {
	s, _ := start(t)
	for i := range 4 {
		s.Data(t, place, buy(fmt.Sprint(1+i%2), "2", 1))
	}
	got := s.Data(t, `query ($r: [_Any!]!) { _entities(representations: $r) {
		... on Order { id status }
		... on Product { id }
		... on User { id orders(first: 1) { nodes { id } totalCount } } } }`, map[string]any{"r": []any{
		map[string]any{"__typename": "Order", "id": "2"},
		map[string]any{"__typename": "User", "id": "2"},
		map[string]any{"__typename": "Order", "id": "nonsense"},
		map[string]any{"__typename": "User", "id": "1"},
		map[string]any{"__typename": "Product", "id": "5"},
		map[string]any{"__typename": "Order", "id": "1"},
		map[string]any{"__typename": "User", "id": "3"},
	}})
	same(t, "_entities", got, `{"_entities": [
		{"id": "2", "status": "CONFIRMED"}, {"id": "2", "orders": {"nodes": [{"id": "4"}], "totalCount": 2}}, null,
		{"id": "1", "orders": {"nodes": [{"id": "3"}], "totalCount": 2}}, {"id": "5"}, {"id": "1", "status": "CONFIRMED"},
		{"id": "3", "orders": {"nodes": [], "totalCount": 0}}]}`)
}

func TestOrdersAreHiddenFromOthers(t *testing.T) {
	s, _ := start(t, func(e *server.Environment) { e.AuthMode = server.Enforced })
	same(t, "a service", s.Data(t, place, buy("1", "2", 1), servicetest.AsService), `{"placeOrder": {"__typename": "OrderPayload", "order": {"id": "1"}}}`)
	same(t, "anybody", s.Data(t, place, buy("1", "2", 1)), `{"placeOrder": {"__typename": "Forbidden", "code": "FORBIDDEN", "message": "You can place orders only for yourself."}}`)
	same(t, "anybody", s.Data(t, `{ order(id: "1") { id } orderHistory(id: "1") { type } orders { nodes { id } totalCount }
		mine: orders(userId: "1") { nodes { id } totalCount } _entities(representations: [{__typename: "Order", id: "1"}, {__typename: "User", id: "1"}]) {
			... on Order { id } ... on User { orders { nodes { id } totalCount } } } }`, nil),
		`{"order": null, "orderHistory": null, "orders": {"nodes": [], "totalCount": 0}, "mine": {"nodes": [], "totalCount": 0},
			"_entities": [null, {"orders": {"nodes": [], "totalCount": 0}}]}`)
	same(t, "anybody", s.Data(t, `mutation { cancelOrder(input: {id: "1"}) { __typename } }`, nil), `{"cancelOrder": {"__typename": "NotFound"}}`)
}

func TestOrderEventsArePublished(t *testing.T) {
	s, _ := start(t)
	s.Data(t, place, buy("1", "1", 2))
	s.Data(t, `mutation { cancelOrder(input: {id: "1", reason: "x"}) { __typename } }`, nil)
	var told []string
	for deadline := time.Now().Add(20 * time.Second); len(told) < 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out; events published: %s", told)
		}
		entries, _ := s.Redis.Stream(events.Stream) // an error means that the stream does not exist yet
		told = nil
		for _, entry := range entries {
			told = append(told, strings.Join(entry.Values, " "))
		}
	}
	for i, want := range []string{"order.created", "order.cancelled"} {
		if !strings.Contains(told[i], want) || !strings.Contains(told[i], `"name":"Laptop"`) || !strings.Contains(told[i], `"total":199998`) {
			t.Errorf("event %d: got %s", i, told[i])
		}
	}
}

func TestEventsReportCountsOrdersByState(t *testing.T) {
	s, _ := start(t, func(e *server.Environment) {
		e.Lookup = func(key string) (string, bool) {
			if key == server.EventsToken {
				return "secret", true
			}
			return "", false
		}
	})
	for _, quantity := range []int{1, 1, 9} {
		s.Data(t, place, buy("1", "1", quantity))
	}
	s.Data(t, `mutation { cancelOrder(input: {id: "1"}) { __typename } }`, nil)
	source := &console.Services{URLs: map[string]string{"order": s.URL}, Token: "secret"}
	report, err := source.Report(t.Context())
	if err != nil || report.Orders == nil {
		t.Fatalf("got %+v, err %v", report, err)
	}
	want := map[string]int64{"pending": 0, "confirmed": 1, "shipped": 0, "delivered": 0, "cancelled": 1, "rejected": 1}
	if got := report.Orders.ByState; !maps.Equal(got, want) {
		t.Errorf("orders by state = %v, want %v", got, want)
	}
}

func TestOrderUpdatedStreamsUntilTheFinalState(t *testing.T) {
	s, _ := start(t)
	s.Data(t, place, buy("1", "1", 1))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	body := []byte(`{"query": "subscription { orderUpdated(id: \"1\") { status version } }"}`)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got []string
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || data == "" {
			continue
		}
		if got = append(got, data); len(got) == 1 {
			s.Data(t, `mutation { cancelOrder(input: {id: "1"}) { __typename } }`, nil)
		}
	} // the stream ends with the order
	want := []string{
		`{"data":{"orderUpdated":{"status":"CONFIRMED","version":2}}}`,
		`{"data":{"orderUpdated":{"status":"CANCELLED","version":3}}}`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestPlaceOrderIsUnavailableWithoutInventory(t *testing.T) {
	s, inventory := start(t)
	inventory.Fail(func(string) fake.Failure { return fake.Unavailable })
	answer := s.Data(t, place, buy("1", "1", 2))
	if !strings.Contains(answer, `"code":"UNAVAILABLE"`) || !strings.Contains(answer, `"retryAfter":`) {
		t.Errorf("without inventory: got %s", answer)
	}
	same(t, "order", s.Data(t, `{ order(id: "1") { status } }`, nil), `{"order": {"status": "REJECTED"}}`)
}

func TestSeedRunsOnceAndReplaysCleanly(t *testing.T) {
	s, _ := start(t)
	for range 2 { // the second run changes nothing
		if err := order.Seed(t.Context(), s.DB); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if n, err := order.Replay(t.Context(), s.DB, &out, nil); n != 0 || err != nil || strings.HasPrefix(out.String(), "0 ") {
		t.Errorf("got %d differences, err %v: %s", n, err, &out)
	}
	var statuses, waiting int
	err := s.DB.QueryRow(t.Context(), `SELECT count(DISTINCT status), (SELECT count(*) FROM event_outbox) + (SELECT count(*) FROM stock_releases) + (SELECT count(*) FROM payment_tasks) FROM orders`).Scan(&statuses, &waiting)
	if err != nil || statuses != 4 || waiting != 0 {
		t.Errorf("got %d statuses, %d events and releases, err %v", statuses, waiting, err)
	}
}
