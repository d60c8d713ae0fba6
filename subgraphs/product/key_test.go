package product_test

import (
	"strings"
	"sync"
	"testing"

	"souk/subgraphs/internal/servicetest"
	"souk/subgraphs/product"
)

// The key is kept in Postgres with the product: it outlives Redis and the router.
func TestCreateProductIsIdempotent(t *testing.T) {
	s := servicetest.Start(t, product.Run)
	const create = `mutation($name: String!, $key: String) { createProduct(input: {name: $name, price: {decimal: 5}, idempotencyKey: $key}) {
		... on ProductPayload { product { id name } } ... on Error { code message } } }`
	key := func(name, key string) map[string]any { return map[string]any{"name": name, "key": key} }
	var calls sync.WaitGroup
	results := make([]string, 8)
	for i := range results {
		calls.Go(func() { results[i] = s.Data(t, create, key("Lamp", "k")) })
	}
	calls.Wait()
	for _, got := range append(results, s.Data(t, create, key("Lamp", "k"))) {
		if got != results[0] || !strings.Contains(got, `"name":"Lamp"`) {
			t.Errorf("got %s and %s for one key", results[0], got)
		}
	}
	if got := s.Data(t, create, key("Chair", "k")); !strings.Contains(got, `"code":"IDEMPOTENCY_KEY_REUSED"`) {
		t.Errorf("another product with the same key: got %s", got)
	}
	if got := s.Data(t, create, key("Lamp", "other")); got == results[0] || !strings.Contains(got, `"name":"Lamp"`) {
		t.Errorf("the same product with another key: got %s", got)
	}
	for _, invalid := range []string{"", strings.Repeat("x", 256)} {
		if got := s.Data(t, create, key("Lamp", invalid)); !strings.Contains(got, `"code":"INVALID_INPUT"`) {
			t.Errorf("a key of %d bytes: got %s", len(invalid), got)
		}
	}
	// A rejected request does not use the key up.
	if got := s.Data(t, create, key("", "third")); !strings.Contains(got, `"code":"INVALID_INPUT"`) {
		t.Errorf("without a name: got %s", got)
	}
	if got := s.Data(t, create, key("Table", "third")); !strings.Contains(got, `"name":"Table"`) {
		t.Errorf("the key of a rejected request: got %s", got)
	}
}
