package dev_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/dev"
	"souk/internal/bench"
	"souk/subgraphs"
)

// BenchmarkStoreRequests measures the main reads of a shop as clients send them,
// over GraphQL and REST, through the router and the services. If DATABASE_URL is
// set, it reads the store that `souk sample` filled on that server.
func BenchmarkStoreRequests(b *testing.B) {
	var s requests
	opts := dev.Options{Listen: "127.0.0.1:0", AuthMode: "tutorial", DatabaseURL: os.Getenv("DATABASE_URL")}
	if opts.DatabaseURL == "" {
		opts.Dir = b.TempDir()
		if err := os.Chmod(opts.Dir, 0o755); err != nil { // for the user that Postgres runs as
			b.Fatal(err)
		}
		now := time.Now()
		err := dev.Sample(b.Context(), dev.SampleTarget{Dir: opts.Dir}, subgraphs.SampleOptions{
			Products: *bench.Products, Users: max(20, *bench.Orders/5), Orders: *bench.Orders, Seed: 1, Now: now, NotifiedSince: now.AddDate(0, 0, -90),
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	var err error
	if s.System, err = dev.Start(b.Context(), opts); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Stop(); err != nil {
			b.Error(err)
		}
	})
	db, err := pgxpool.New(b.Context(), s.Variables("product")["DATABASE_URL"])
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	s.cpu = bench.NewClock(b, db)
	var sku string
	if err := db.QueryRow(b.Context(), `SELECT sku FROM products ORDER BY id DESC LIMIT 1`).Scan(&sku); err != nil {
		b.Fatal(err)
	}
	s.searches(b, sku)
	s.lists(b)
}

// requests is a running store that a benchmark calls.
type requests struct {
	*dev.System
	cpu bench.Clock
}

const productFields = `nodes { id name price { decimal currency } category { name } tags } pageInfo { hasNextPage endCursor }`

func (s *requests) searches(b *testing.B, sku string) {
	for _, search := range bench.Searches(sku) {
		terms := func(i int) string { return uncached(search.Terms[i%len(search.Terms)], i/len(search.Terms)) }
		s.graphQL(b, "search/"+search.Name, `query($search: String) { products(filter: {search: $search}, first: 20) { `+productFields+` } }`,
			func(i int) map[string]any { return map[string]any{"search": terms(i)} })
		s.rest(b, "search/"+search.Name, func(i int) string { return "/api/products?limit=20&search=" + url.QueryEscape(terms(i)) })
	}
}

// uncached makes search terms different for the router's cache, but not for the
// search.
func uncached(terms string, n int) string { return terms + strings.Repeat(" ", n%(200-len(terms))) }

func (s *requests) lists(b *testing.B) {
	blank := func(i int) map[string]any { return map[string]any{"search": uncached("", i)} }
	for name, filter := range map[string]string{
		"products/first page": "{search: $search}", "products/category": `{search: $search, category: "audio"}`,
		"products/tag": `{search: $search, tag: "steel"}`, "products/price": `{search: $search, minPrice: {decimal: 90}, maxPrice: {decimal: 95}}`,
		"products/tag and price": `{search: $search, tag: "steel", minPrice: {decimal: 90}}, sort: PRICE_ASC`,
		"products/tag by price":  `{search: $search, tag: "steel"}, sort: PRICE_DESC`,
	} {
		s.graphQL(b, name, `query($search: String) { products(filter: `+filter+`, first: 20) { `+productFields+` } }`, blank)
	}
	rest := func(name, path string) {
		s.rest(b, name, func(i int) string { return path + url.QueryEscape(uncached("", i)) })
	}
	rest("products/first page", "/api/products?limit=20&search=")
	rest("products/category", "/api/products?limit=20&category=audio&sort=PRICE_ASC&search=")
	rest("products/tag", "/api/products?limit=20&tag=steel&search=")

	cursors := s.deepPages(b)
	s.graphQL(b, "products/deep page", `query($after: String, $search: String) { products(filter: {search: $search}, first: 20, after: $after) { `+productFields+` } }`,
		func(i int) map[string]any {
			return map[string]any{"after": cursors[i%len(cursors)], "search": uncached("", i/len(cursors))}
		})
	s.rest(b, "products/deep page", func(i int) string {
		return "/api/products?limit=20&after=" + cursors[i%len(cursors)] + "&search=" + url.QueryEscape(uncached("", i/len(cursors)))
	})

	const orderFields = `nodes { id status total { decimal } placedAt lines { quantity } } pageInfo { hasNextPage endCursor }`
	s.graphQL(b, "orders/all", `{ orders(first: 20) { `+orderFields+` } }`, func(int) map[string]any { return nil })
	s.rest(b, "orders/all", func(int) string { return "/api/orders?limit=20" })
	s.graphQL(b, "orders/status", `{ orders(first: 20, status: CANCELLED) { `+orderFields+` } }`, func(int) map[string]any { return nil })
	s.rest(b, "orders/status", func(int) string { return "/api/orders?limit=20&status=CANCELLED" })
	users := s.lastUser(b)
	user := func(i int) string { return fmt.Sprint(1 + i*7919%users) }
	s.graphQL(b, "orders/user", `query($id: ID!) { user(id: $id) { orders(first: 20) { `+orderFields+` } } }`,
		func(i int) map[string]any { return map[string]any{"id": user(i)} })
	s.rest(b, "orders/user", func(i int) string { return "/api/users/" + user(i) + "/orders?limit=20" })
}

// deepPages returns cursors in the middle of the list of products.
func (s *requests) deepPages(b *testing.B) (cursors []string) {
	b.Helper()
	var after *string
	for range 20 {
		out := s.post(b.Context(), b, `query($after: String) { products(first: 100, after: $after) { pageInfo { endCursor } } }`, map[string]any{"after": after})
		var page struct {
			Data struct {
				Products struct{ PageInfo struct{ EndCursor *string } }
			}
		}
		if err := json.Unmarshal(out, &page); err != nil {
			b.Fatal(err)
		}
		if after = page.Data.Products.PageInfo.EndCursor; after == nil {
			break
		}
		cursors = append(cursors, *after)
	}
	return cursors[len(cursors)/2:]
}

func (s *requests) lastUser(b *testing.B) (id int) {
	b.Helper()
	db, err := pgxpool.New(b.Context(), s.Variables("user")["DATABASE_URL"])
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(b.Context(), `SELECT max(id) FROM users`).Scan(&id); err != nil {
		b.Fatal(err)
	}
	return id
}

func (s *requests) graphQL(b *testing.B, name, query string, variables func(int) map[string]any) {
	bench.Measure(b, s.cpu, "graphql/"+name, func(ctx context.Context, i int) error {
		s.post(ctx, b, query, variables(i))
		return nil
	})
}

func (s *requests) post(ctx context.Context, b *testing.B, query string, variables map[string]any) []byte {
	b.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		b.Fatal(err)
	}
	out := s.call(ctx, b, http.MethodPost, "/graphql", bytes.NewReader(body))
	if bytes.Contains(out, []byte(`"errors"`)) {
		b.Fatalf("%s with %v: %.500s", query, variables, out)
	}
	return out
}

func (s *requests) rest(b *testing.B, name string, path func(int) string) {
	bench.Measure(b, s.cpu, "rest/"+name, func(ctx context.Context, i int) error {
		s.call(ctx, b, http.MethodGet, path(i), http.NoBody)
		return nil
	})
}

func (s *requests) call(ctx context.Context, b *testing.B, method, path string, body io.Reader) []byte {
	b.Helper()
	r, err := http.NewRequestWithContext(ctx, method, s.URL("router")+path, body)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	out, err := io.ReadAll(response.Body)
	if err = cmp.Or(err, ctx.Err()); err != nil || response.StatusCode != http.StatusOK {
		b.Fatalf("%s %s: status %d, %v: %.500s", method, path, response.StatusCode, err, out)
	}
	return out
}
