package product_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/transport"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/batch"
	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/internal/servicetest"
	"souk/subgraphs/inventory"
	"souk/subgraphs/product"
	"souk/subgraphs/product/catalogue"
	"souk/subgraphs/product/graph"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

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

// steps runs operations in sequence.
func steps(t *testing.T, s *servicetest.Service, list [][2]string) {
	t.Helper()
	for _, step := range list {
		same(t, step[0], s.Data(t, step[0], nil), step[1])
	}
}

func TestGraphQLManagesProducts(t *testing.T) {
	s := servicetest.Start(t, product.Run)
	steps(t, s, [][2]string{
		{
			`mutation { createProduct(input: {name: " Café   Crème ", price: {decimal: 12.5}, tags: ["Hot", "hot", "drink"]}) { ... on ProductPayload { product {
				id sku name description category { slug name } price { minorUnits currency decimal } weight imageUrl tags retired version } } } }`,
			`{"createProduct":{"product":{"id":"1","sku":"CAFE-CREME-1","name":"Café Crème","description":"","category":{"slug":"general","name":"General"},
				"price":{"minorUnits":1250,"currency":"USD","decimal":12.5},"weight":0,"imageUrl":null,"tags":["hot","drink"],"retired":false,"version":1}}}`,
		},
		{
			`mutation { createProduct(input: {name: "Yen", sku: "yen-1", price: {minorUnits: 1999, currency: "JPY"}}) { ... on ProductPayload { product { sku price { decimal } } } } }`,
			`{"createProduct":{"product":{"sku":"YEN-1","price":{"decimal":1999}}}}`,
		},
		{
			`mutation { createProduct(input: {name: "Dinar", price: {decimal: 1.234, currency: "KWD"}}) { ... on ProductPayload { product { price { minorUnits decimal } } } } }`,
			`{"createProduct":{"product":{"price":{"minorUnits":1234,"decimal":1.234}}}}`,
		},
		{ // a change keeps the currency unless it names another one
			`mutation { updateProduct(input: {id: "3", price: {decimal: 2.345}}) { ... on ProductPayload { product { price { minorUnits currency } } } } }`,
			`{"updateProduct":{"product":{"price":{"minorUnits":2345,"currency":"KWD"}}}}`,
		},
		{
			`mutation { createProduct(input: {name: "Again", sku: "YEN-1", price: {decimal: 1}}) { ... on Conflict { code message } } }`,
			`{"createProduct":{"code":"CONFLICT","message":"The SKU \"YEN-1\" is already in use."}}`,
		},
		{
			`mutation { updateProduct(input: {id: "1", price: {minorUnits: 1300}, imageUrl: "https://example.com/c.jpg", expectedVersion: 1}) { ... on ProductPayload { product { version imageUrl price { decimal } name } } } }`,
			`{"updateProduct":{"product":{"version":2,"imageUrl":"https://example.com/c.jpg","price":{"decimal":13},"name":"Café Crème"}}}`,
		},
		{
			`mutation { updateProduct(input: {id: "1", name: "Other", expectedVersion: 1}) { ... on Conflict { message } } }`,
			`{"updateProduct":{"message":"The product \"1\" has version 2, not the expected 1. Read it again and repeat the change."}}`,
		},
		{
			`mutation { updateProduct(input: {id: "1", imageUrl: null, tags: []}) { ... on ProductPayload { product { version imageUrl tags } } } }`,
			`{"updateProduct":{"product":{"version":3,"imageUrl":null,"tags":[]}}}`,
		},
		{
			`mutation { updateProduct(input: {id: "1", weight: 0}) { ... on ProductPayload { product { version } } } }`,
			`{"updateProduct":{"product":{"version":3}}}`,
		},
		{
			`mutation { a: retireProduct(id: "1") { ... on ProductPayload { product { version retired } } } b: retireProduct(id: "1") { ... on ProductPayload { product { version } } } }`,
			`{"a":{"product":{"version":4,"retired":true}},"b":{"product":{"version":4}}}`,
		},
		{`{ product(id: "1") { retired } products { nodes { id } totalCount } }`, `{"product":{"retired":true},"products":{"nodes":[{"id":"3"},{"id":"2"}],"totalCount":2}}`},
		{`{ products(filter: {includeRetired: true}) { totalCount } }`, `{"products":{"totalCount":3}}`},
		{`{ a: product(sku: "yen-1") { id } b: product(id: "x") { id } c: product(id: "99") { id } }`, `{"a":{"id":"2"},"b":null,"c":null}`},
		{`mutation { updateProduct(input: {id: "99", name: "x"}) { __typename } retireProduct(id: "x") { __typename } }`, `{"updateProduct":{"__typename":"NotFound"},"retireProduct":{"__typename":"NotFound"}}`},
	})
	entries := func() (told []string) {
		list, _ := s.Redis.Stream(events.Stream) // an error means that the stream does not exist yet
		for _, entry := range list {
			told = append(told, strings.Join(entry.Values, " "))
		}
		return told
	}
	for deadline := time.Now().Add(20 * time.Second); len(entries()) < 7; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out; events published: %s", entries())
		}
	}
	if told := entries(); len(told) != 7 || !strings.Contains(told[6], `"retired":true`) || !strings.Contains(told[6], `"version":4`) {
		t.Errorf("got events %s", told)
	}
}

// Pages of names of the greatest length, in any writing, follow each other by the
// cursors that the service gives.
func TestPagesOfLongNames(t *testing.T) {
	s := servicetest.Start(t, product.Run)
	names := []string{
		strings.Repeat("<&>\u2028", 49) + "end", strings.Repeat("\u2039", 200), strings.Repeat("\U0001F3A7", 200),
		strings.Repeat("\uFDFA", 200), strings.Repeat("\U00020B9F", 200), strings.Repeat("a", 200),
	}
	for i := range names {
		for n := range 2 { // equal up to their last character
			name := []rune(names[i])
			name[len(name)-1] += rune(n)
			s.Data(t, `mutation($name: String!) { createProduct(input: {name: $name, price: {decimal: 1}}) { ... on ProductPayload { product { id } } } }`, map[string]any{"name": string(name)})
		}
	}
	for _, sort := range []string{"NAME", "NEWEST", "PRICE_ASC", "PRICE_DESC"} {
		for _, arguments := range []string{"first: 1, after: $cursor", "last: 1, before: $cursor"} {
			seen := map[string]bool{}
			var cursor *string
			for more := true; more; {
				var page struct {
					Products struct {
						Nodes    []struct{ ID string }
						PageInfo struct {
							HasNextPage, HasPreviousPage bool
							StartCursor, EndCursor       *string
						}
					}
				}
				data := s.Data(t, `query($cursor: String) { products(sort: `+sort+`, `+arguments+`) { nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`,
					map[string]any{"cursor": cursor})
				if err := json.Unmarshal([]byte(data), &page); err != nil || len(page.Products.Nodes) != 1 || seen[page.Products.Nodes[0].ID] {
					t.Fatalf("%s, %s: %v: %s after %v", sort, arguments, err, data, seen)
				}
				seen[page.Products.Nodes[0].ID] = true
				info := page.Products.PageInfo
				cursor, more = info.EndCursor, info.HasNextPage
				if strings.HasPrefix(arguments, "last") {
					cursor, more = info.StartCursor, info.HasPreviousPage
				}
			}
			if len(seen) != 2*len(names) {
				t.Errorf("%s, %s: %d products, want %d", sort, arguments, len(seen), 2*len(names))
			}
		}
	}
}

func TestInvalidInputNamesEachField(t *testing.T) {
	s := servicetest.Start(t, product.Run)
	for name, test := range map[string]struct{ input, paths string }{
		"what the schema limits": {
			input: `{name: " ", price: {decimal: -1}, sku: "a b", description: "\r", weight: -1, imageUrl: "ftp://x", tags: [""], stock: -1}`,
			paths: "name price.decimal sku description weight imageUrl tags.0 stock",
		},
		"what the service knows": {input: `{name: "x", price: {decimal: 1.999}, category: "toyz"}`, paths: "price.decimal category"},
		"both amounts":           {input: `{name: "x", price: {decimal: 1, minorUnits: 100}}`, paths: "price"},
		"no amount":              {input: `{name: "x", price: {}}`, paths: "price"},
		"negative":               {input: `{name: "x", price: {decimal: -0.01}}`, paths: "price.decimal"},
		"too much":               {input: `{name: "x", price: {decimal: 1e25}}`, paths: "price.decimal"},
		"unknown currency":       {input: `{name: "x", price: {decimal: 1, currency: "XYZ"}}`, paths: "price.currency"},
		"half a yen":             {input: `{name: "x", price: {decimal: 0.5, currency: "JPY"}}`, paths: "price.decimal"},
	} {
		t.Run(name, func(t *testing.T) {
			var answer struct {
				CreateProduct struct {
					Fields []struct{ Path, Message string }
				}
			}
			data := s.Data(t, `mutation { createProduct(input: `+test.input+`) { ... on InvalidInput { fields { path message } } } }`, nil)
			if err := json.Unmarshal([]byte(data), &answer); err != nil {
				t.Fatal(err)
			}
			var paths []string
			for _, f := range answer.CreateProduct.Fields {
				paths = append(paths, f.Path)
			}
			if got := strings.Join(paths, " "); got != test.paths {
				t.Errorf("got fields %q, want %q: %s", got, test.paths, data)
			}
		})
	}
	if answer := s.Do(t, `{ product { id } }`, nil); len(answer.Errors) != 1 || answer.Errors[0].Extensions["code"] != "BAD_USER_INPUT" {
		t.Errorf("product without a key: got %+v", answer)
	}
}

func TestNewProductNeedsInventoryForItsStock(t *testing.T) {
	stock := servicetest.Start(t, inventory.Run, func(e *server.Environment) { e.AuthMode = server.Enforced })
	s := servicetest.Start(t, product.Run, func(e *server.Environment) { e.Services["inventory"] = stock.URL })
	const create = `mutation { createProduct(input: {name: "Laptop", price: {decimal: 999.99}, stock: 10}) { __typename ... on ProductPayload { product { id } } ... on Unavailable { code retryAfter } } }`
	same(t, create, s.Data(t, create, nil), `{"createProduct":{"__typename":"ProductPayload","product":{"id":"1"}}}`)
	same(t, "stock", stock.Data(t, `{ stock(productId: "1") { available } }`, nil), `{"stock":{"available":10}}`)

	stock.Stop()
	got := s.Data(t, create, nil)
	if !strings.Contains(got, `"Unavailable"`) || !strings.Contains(got, `"retryAfter":`) {
		t.Errorf("new product with stock, without inventory: got %s", got)
	}
	same(t, "products", s.Data(t, `{ products { totalCount } }`, nil), `{"products":{"totalCount":1}}`)
	same(t, "without stock", s.Data(t, `mutation { createProduct(input: {name: "Laptop", price: {decimal: 999.99}}) { __typename } }`, nil),
		`{"createProduct":{"__typename":"ProductPayload"}}`)
}

func TestEnforcedModeRestrictsChanges(t *testing.T) {
	s := servicetest.Start(t, product.Run, func(e *server.Environment) { e.AuthMode = server.Enforced })
	steps(t, s, [][2]string{
		{`mutation { createProduct(input: {name: "x", price: {decimal: 1}}) { __typename } }`, `{"createProduct":{"__typename":"Forbidden"}}`},
		{`mutation { updateProduct(input: {id: "1", name: "x"}) { __typename } }`, `{"updateProduct":{"__typename":"Forbidden"}}`},
		{`mutation { retireProduct(id: "1") { __typename } }`, `{"retireProduct":{"__typename":"Forbidden"}}`},
		{`{ products { totalCount } }`, `{"products":{"totalCount":0}}`},
	})
}

func TestEntitiesTakeOneQuery(t *testing.T) {
	s := servicetest.Start(t, product.Run)
	if err := product.Seed(t.Context(), s.DB); err != nil {
		t.Fatal(err)
	}
	pool, queries := s.CountingPool(t)
	h := handler.New(graph.NewExecutableSchema(graph.Config{Resolvers: &graph.Resolver{Catalogue: catalogue.New(pool, nil, time.Now)}}))
	h.AddTransport(transport.POST{})
	h.Use(batch.Scopes{})
	counted := httptest.NewServer(http.StripPrefix("/graphql", h))
	t.Cleanup(counted.Close)
	s.URL = counted.URL

	const entities = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Product { id sku category { name } } ... on Category { name } } }`
	got := s.Data(t, entities, map[string]any{"r": []any{
		map[string]any{"__typename": "Product", "sku": "ALDER-14-LAPTOP-32-GB"},
		map[string]any{"__typename": "Product", "id": "1"},
		map[string]any{"__typename": "Product", "id": "999999"},
		map[string]any{"__typename": "Product", "id": "1"},
		map[string]any{"__typename": "Product", "sku": "nothing"},
	}})
	same(t, "_entities", got, `{"_entities":[
		{"id":"2","sku":"ALDER-14-LAPTOP-32-GB","category":{"name":"Computers"}},
		{"id":"1","sku":"ALDER-14-LAPTOP-16-GB","category":{"name":"Computers"}},
		null,
		{"id":"1","sku":"ALDER-14-LAPTOP-16-GB","category":{"name":"Computers"}},
		null]}`)
	if n := queries.Load(); n != 1 {
		t.Errorf("_entities of products by both keys: got %d queries", n)
	}
	queries.Store(0)
	shelves := s.Data(t, `{ categories { products(first: 2) { nodes { category { slug } } } } }`, nil)
	if n := queries.Load(); n != 2 {
		t.Errorf("products of all categories: got %d queries, want one for the categories and one for their products", n)
	}
	if n := strings.Count(shelves, `"slug"`); n != 24 {
		t.Errorf("12 categories with two products each and an empty one: got %d products: %s", n, shelves)
	}
	queries.Store(0)
	nested := s.Data(t, `{ categories { products(first: 2) { nodes { category { products(first: 3) { nodes { category { products(first: 3) { nodes { name } } } } } } } } } }`, nil)
	if n := queries.Load(); n > 2+12 {
		t.Errorf("products of the categories of 96 products: got %d queries, want at most one for each of 12 categories", n)
	}
	if n := strings.Count(nested, `"name"`); n != 24*3*3 {
		t.Errorf("24 products: got %d products in their categories' products' categories: %s", n, nested)
	}
	same(t, "categories", s.Data(t, entities, map[string]any{"r": []any{
		map[string]any{"__typename": "Category", "slug": "nothing"},
		map[string]any{"__typename": "Category", "slug": "books"},
	}}), `{"_entities":[null,{"name":"Books"}]}`)
}

func TestImagesAreCacheable(t *testing.T) {
	s := servicetest.Start(t, product.Run, func(e *server.Environment) {
		e.Lookup = func(key string) (string, bool) {
			value, ok := map[string]string{"IMAGE_BASE_URL": "https://pictures.example/"}[key]
			return value, ok
		}
	})
	for range 2 {
		if err := product.Seed(t.Context(), s.DB); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "imageUrl", s.Data(t, `{ product(id: "1") { imageUrl } }`, nil),
		`{"product":{"imageUrl":"https://pictures.example/images/ALDER-14-LAPTOP-16-GB.svg"}}`)
	get := func(path, etag string) (int, string, http.Header) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("If-None-Match", etag)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body), response.Header
	}
	status, svg, header := get("/images/FORGE-CHEF-S-KNIFE-20-CM.svg", "")
	if status != http.StatusOK || header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(svg, "Chef&#39;s") {
		t.Errorf("image: got status %d, %s, %s", status, header, svg)
	}
	if status, _, _ := get("/images/FORGE-CHEF-S-KNIFE-20-CM.svg", header.Get("ETag")); status != http.StatusNotModified {
		t.Errorf("image with If-None-Match: got status %d", status)
	}
	if status, _, _ := get("/images/NOTHING.svg", ""); status != http.StatusNotFound {
		t.Errorf("unknown image: got status %d", status)
	}
	for path := range map[string]bool{"/images/": true, "/images/x.png": true} {
		if status, _, _ := get(path, ""); status != http.StatusNotFound {
			t.Errorf("%s: got status %d", path, status)
		}
	}
}
