package order_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"souk/subgraphs/internal/server"
	"souk/subgraphs/internal/servicetest"
	"souk/subgraphs/inventory"
	"souk/subgraphs/order"
	"souk/subgraphs/product"
	"souk/subgraphs/user"
)

// This runs the operations that the fakes are used for against the real
// services, in enforced mode. It fails if the fakes behave differently.
func TestOrdersWithTheRealServices(t *testing.T) {
	services := map[string]string{}
	enforced := func(e *server.Environment) { e.AuthMode, e.Services = server.Enforced, services }
	users := servicetest.Start(t, user.Run, enforced)
	services["user"] = users.URL
	stock := servicetest.Start(t, inventory.Run, enforced)
	services["inventory"] = stock.URL
	products := servicetest.Start(t, product.Run, enforced)
	services["product"] = products.URL
	orders := servicetest.Start(t, order.Run, enforced)

	anna := signUp(t, users, "anna")
	ben := signUp(t, users, "ben")
	products.Data(t, `mutation { createProduct(input: {name: "Laptop", price: {decimal: 999.99}, stock: 12}) { __typename ... on Error { message } } }`, nil, servicetest.AsService)
	var bought, short atomic.Int32
	var buyers sync.WaitGroup
	for range 20 {
		buyers.Go(func() {
			answer := orders.Data(t, place, buy("1", "1", 1), servicetest.AsService)
			switch {
			case strings.Contains(answer, `"OrderPayload"`):
				bought.Add(1)
			case strings.Contains(answer, `"OutOfStock"`):
				short.Add(1)
			default:
				t.Errorf("placeOrder: got %s", answer)
			}
		})
	}
	buyers.Wait()
	if bought.Load() != 12 || short.Load() != 8 {
		t.Errorf("got %d orders and %d out of stock, want 12 and 8", bought.Load(), short.Load())
	}
	const level = `{ stock(productId: "1") { onHand reserved sold } }`
	same(t, level, stock.Data(t, level, nil), `{"stock": {"onHand": 0, "reserved": 0, "sold": 12}}`)

	for _, step := range []struct {
		variables map[string]any
		want      string
	}{
		{variables: buy("99", "1", 1), want: `{"placeOrder": {"__typename": "NotFound", "code": "NOT_FOUND", "message": "There is no user \"99\"."}}`},
		{variables: buy("1", "99", 1), want: `{"placeOrder": {"__typename": "NotFound", "code": "NOT_FOUND", "message": "There is no product \"99\"."}}`},
		{variables: buy("1", "1", 2), want: `{"placeOrder": {"__typename": "OutOfStock", "code": "OUT_OF_STOCK", "message": "Product \"1\" is out of stock.", "shortages": [{"productId": "1", "requested": 2, "available": 0}]}}`},
	} {
		same(t, fmt.Sprint(step.variables), orders.Data(t, place, step.variables, servicetest.AsService), step.want)
	}
	const mine = `{ orders(status: CONFIRMED) { totalCount } }`
	same(t, mine, orders.Data(t, mine, nil, anna), `{"orders": {"totalCount": 12}}`)
	same(t, mine, orders.Data(t, mine, nil, ben), `{"orders": {"totalCount": 0}}`)
	same(t, "for another user", orders.Data(t, place, buy("1", "1", 1), ben),
		`{"placeOrder": {"__typename": "Forbidden", "code": "FORBIDDEN", "message": "You can place orders only for yourself."}}`)
	confirmed := orders.Data(t, `{ orders(status: CONFIRMED, first: 1) { nodes { id } } }`, nil, servicetest.AsService)
	id := strings.Split(confirmed, `"`)[7]
	const cancel = `mutation ($id: ID!) { cancelOrder(input: {id: $id}) { __typename ... on OrderPayload { order { status history { actor } } } } }`
	same(t, cancel, orders.Data(t, cancel, map[string]any{"id": id}, ben), `{"cancelOrder": {"__typename": "NotFound"}}`)
	same(t, cancel, orders.Data(t, cancel, map[string]any{"id": id}, anna),
		`{"cancelOrder": {"__typename": "OrderPayload", "order": {"status": "CANCELLED", "history": [{"actor": "system"}, {"actor": "system"}, {"actor": "1"}]}}}`)
	same(t, level, stock.Data(t, level, nil), `{"stock": {"onHand": 1, "reserved": 0, "sold": 11}}`)
}

// signUp creates a user and returns the function that authenticates requests
// as that user.
func signUp(t *testing.T, users *servicetest.Service, name string) func(http.Header) {
	t.Helper()
	answer := users.Data(t, `mutation ($name: String!, $email: String!) { signUp(input: {username: $name, email: $email, password: "correct horse"}) {
		... on Session { accessToken } } }`, map[string]any{"name": name, "email": name + "@example.com"})
	var session struct{ SignUp struct{ AccessToken string } }
	if err := json.Unmarshal([]byte(answer), &session); err != nil || session.SignUp.AccessToken == "" {
		t.Fatalf("signUp: got %s, err %v", answer, err)
	}
	return func(h http.Header) { h.Set("Authorization", "Bearer "+session.SignUp.AccessToken) }
}
