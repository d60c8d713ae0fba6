package order_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"souk/subgraphs/internal/schema"
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

// A price changes all the time while customers order at the price they saw. Nobody
// pays anything else.
func TestNobodyPaysAnotherPriceThanExpected(t *testing.T) {
	services := map[string]string{}
	shared := func(e *server.Environment) { e.Services = services }
	users := servicetest.Start(t, user.Run, shared)
	services["user"] = users.URL
	stock := servicetest.Start(t, inventory.Run, shared)
	services["inventory"] = stock.URL
	products := servicetest.Start(t, product.Run, shared)
	services["product"] = products.URL
	orders := servicetest.Start(t, order.Run, shared)
	signUp(t, users, "anna")
	products.Data(t, `mutation { createProduct(input: {name: "Laptop", price: {decimal: 5}, stock: 1000}) { __typename } }`, nil)

	const buyers, purchases = 4, 10
	const buyAt = `mutation ($price: Long!) { placeOrder(input: {userId: "1", lines: [{productId: "1", quantity: 2}], expectedTotal: {minorUnits: $price}}) {
		__typename ... on OrderPayload { order { total { minorUnits } } } ... on TotalChanged { code total { minorUnits } } } }`
	type answer struct {
		PlaceOrder struct {
			Typename string `json:"__typename"`
			Order    struct{ Total schema.Money }
			Total    schema.Money
		}
	}
	buy := func(total int64) (a answer) {
		text := orders.Data(t, buyAt, map[string]any{"price": total})
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Errorf("placeOrder: got %s", text)
		}
		return a
	}
	if a := buy(9998).PlaceOrder; a.Typename != "TotalChanged" || a.Total.MinorUnits != 1000 {
		t.Errorf("an order at another total: got %+v", a)
	}
	var done sync.WaitGroup
	for range buyers {
		done.Go(func() {
			for i := range purchases {
				expected := []int64{1000, 19998}[i%2]
				switch a := buy(expected).PlaceOrder; a.Typename {
				case "OrderPayload":
					if a.Order.Total.MinorUnits != expected {
						t.Errorf("charged %d, expected %d", a.Order.Total.MinorUnits, expected)
					}
				case "TotalChanged":
					if a.Total.MinorUnits == expected {
						t.Errorf("%d is reported as changed", expected)
					}
				default:
					t.Errorf("placeOrder: got %s", a.Typename)
				}
			}
		})
	}
	for i := range 2 * purchases {
		products.Data(t, `mutation ($price: Long!) { updateProduct(input: {id: "1", price: {minorUnits: $price}}) { __typename } }`,
			map[string]any{"price": []int64{9999, 500}[i%2]})
	}
	done.Wait()
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
