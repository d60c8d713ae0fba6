package dev_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"souk/dev"
)

// The header Idempotency-Key of a GraphQL request reaches the order service: the same key is the
// same order, with or without quotes, and as the argument.
func TestIdempotencyKeyHeaderReachesTheOrderService(t *testing.T) {
	store := open(t, dev.Options{})
	product, user := store.newProduct(t, "Ordered once", 10), store.newUser(t, "once")
	place := func(argument, header string) (id string) {
		input := map[string]any{"userId": user, "lines": []any{map[string]any{"productId": product, "quantity": 1}}}
		if argument != "" {
			input["idempotencyKey"] = argument
		}
		body, err := json.Marshal(map[string]any{"query": `mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { __typename ... on OrderPayload { order { id } } } }`, "variables": map[string]any{"input": input}})
		if err != nil {
			t.Fatal(err)
		}
		var headers []string
		if header != "" {
			headers = append(headers, "Idempotency-Key: "+header)
		}
		got := store.call(t.Context(), http.MethodPost, "/graphql", string(body), headers...)
		var out struct {
			Data struct {
				PlaceOrder struct{ Order struct{ ID string } }
			}
		}
		if err := json.Unmarshal(got.body, &out); err != nil || out.Data.PlaceOrder.Order.ID == "" {
			t.Fatalf("got %s", got.body)
		}
		return out.Data.PlaceOrder.Order.ID
	}
	first := place("", "key-1")
	for _, again := range [][2]string{{"", "key-1"}, {"", `"key-1"`}, {"key-1", ""}} {
		if id := place(again[0], again[1]); id != first {
			t.Errorf("argument %q and header %q: order %s, want %s", again[0], again[1], id, first)
		}
	}
	if id := place("", ""); id == first {
		t.Errorf("without a key, the order is %s again", id)
	}
}
