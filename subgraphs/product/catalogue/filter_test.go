package catalogue_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/connection"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/product"
	"souk/subgraphs/product/catalogue"
)

// orders are the orders of lists without a search, in SQL.
var orders = map[catalogue.Sort][2]string{
	catalogue.Newest:    {"created_at DESC, id DESC", "created_at, id"},
	catalogue.Name:      {"sort_name, id", "sort_name DESC, id DESC"},
	catalogue.PriceAsc:  {"currency, price_minor, id", "currency DESC, price_minor DESC, id DESC"},
	catalogue.PriceDesc: {"currency DESC, price_minor DESC, id DESC", "currency, price_minor, id"},
}

// Whatever the filters select, and wherever in the list it is, pages in both
// directions are the list that one plain query returns.
func TestFiltersSelectTheSameInEveryOrder(t *testing.T) {
	c, db := generated(t, 6000)
	for _, statement := range []string{
		`UPDATE products SET currency = 'EUR' WHERE id % 5 = 0`,
		`UPDATE products SET retired = true WHERE id % 11 = 0`,
		// Tags that are at one end of a list.
		`UPDATE products SET tags = tags || '{dear}' WHERE price_minor > 15000`,
		`UPDATE products SET tags = tags || '{new}' WHERE id > 6000`,
		`UPDATE products SET tags = tags || '{late}' WHERE sort_name > 's'`,
		`ANALYZE products`,
	} {
		if _, err := db.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		f := catalogue.Filter{IncludeRetired: rapid.Bool().Draw(r, "retired")}
		if tag := rapid.SampledFrom([]string{"", "steel", "black", "dear", "new", "late", "none"}).Draw(r, "tag"); tag != "" {
			f.Tag = &tag
		}
		if category := rapid.SampledFrom([]string{"", "", "audio", "kitchen"}).Draw(r, "category"); category != "" {
			f.Category = &category
		}
		price := func(name string) *schema.MoneyInput {
			minor := rapid.SampledFrom([]int64{-1, -1, 0, 500, 3000, 9000, 9500, 20000}).Draw(r, name)
			if minor < 0 {
				return nil
			}
			return &schema.MoneyInput{MinorUnits: &minor, Currency: "USD"}
		}
		f.MinPrice, f.MaxPrice = price("least"), price("most")
		sort := rapid.SampledFrom([]catalogue.Sort{catalogue.Newest, catalogue.Name, catalogue.PriceAsc, catalogue.PriceDesc}).Draw(r, "sort")
		size, pages := rapid.SampledFrom([]int{1, 20, 100}).Draw(r, "size"), rapid.IntRange(1, 4).Draw(r, "pages")
		for i, backward := range []bool{false, true} {
			want := plainly(t, db, f, orders[sort][i], size*pages+1)
			got, more := pagesOf(t, c, f, sort, size, pages, backward)
			if !slices.Equal(got, want[:min(len(want), size*pages)]) || more != (len(want) > size*pages) {
				r.Errorf("backward %t: got %v, more: %t\nwant %v", backward, got, more, want)
			}
		}
	})
}

// What is read for a list by tag and price follows every change of the products, and is
// complete after an update of a store that has some.
func TestEveryTagOfAProductIsListed(t *testing.T) {
	db, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	logger := slog.New(slog.DiscardHandler)
	if err := server.Migrate(t.Context(), db, migrationsBefore(t, "010"), logger); err != nil {
		t.Fatal(err)
	}
	if err := product.Seed(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := server.Migrate(t.Context(), db, product.Migrations(), logger); err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{
		`SELECT`,
		`UPDATE products SET price_minor = price_minor + 1 WHERE id % 2 = 0`,
		`UPDATE products SET currency = 'EUR' WHERE id % 3 = 0`,
		`UPDATE products SET tags = tags || '{new}' WHERE id < 9`,
		`UPDATE products SET tags = '{}', price_minor = 7 WHERE id = 4`,
		`UPDATE products SET name = 'Same price' WHERE id = 5`,
		`INSERT INTO products (sku, name, sort_name, description, category, price_minor, currency, weight, tags, created_at, updated_at)
			VALUES ('A', 'A', 'a', '', 'general', 1, 'USD', 1, '{new,one}', now(), now()), ('B', 'B', 'b', '', 'general', 2, 'JPY', 1, '{one}', now(), now())`,
		`DELETE FROM products WHERE sku = 'A'`,
	} {
		if _, err := db.Exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		var wrong []string
		err := db.QueryRow(t.Context(), `
			WITH want AS (SELECT tag, currency, price_minor, id FROM products, unnest(tags) AS tag)
			SELECT array_agg(w::text) FROM (
				(TABLE want EXCEPT TABLE tagged_products) UNION ALL (TABLE tagged_products EXCEPT TABLE want)
			) AS w`).Scan(&wrong)
		if err != nil || wrong != nil {
			t.Errorf("after %s: missing or surplus entries %q, %v", change, wrong, err)
		}
	}
}

// plainly returns the products that filters select, up to a limit.
func plainly(t *testing.T, db *pgxpool.Pool, f catalogue.Filter, order string, limit int) []int64 {
	t.Helper()
	price := func(m *schema.MoneyInput) *int64 {
		if m == nil {
			return nil
		}
		return m.MinorUnits
	}
	rows, err := db.Query(t.Context(), fmt.Sprintf(`SELECT id FROM products
		WHERE ($1 OR NOT retired) AND ($2::text IS NULL OR $2 = ANY(tags)) AND ($3::text IS NULL OR category = $3)
			AND ($4::bigint IS NULL OR currency = 'USD' AND price_minor >= $4) AND ($5::bigint IS NULL OR currency = 'USD' AND price_minor <= $5)
		ORDER BY %s LIMIT %d`, order, limit), f.IncludeRetired, f.Tag, f.Category, price(f.MinPrice), price(f.MaxPrice))
	return idsOf(t, rows, err)
}

// pagesOf returns the products on the first pages of a list, or on the last ones
// from the end, and whether there are more.
func pagesOf(t *testing.T, c *catalogue.Catalogue, f catalogue.Filter, sort catalogue.Sort, size, pages int, backward bool) (ids []int64, more bool) {
	t.Helper()
	page := connection.Arguments{First: &size}
	if backward {
		page = connection.Arguments{Last: &size}
	}
	for range pages {
		l, err := c.List(t.Context(), f, sort, page, false)
		if err != nil {
			t.Fatal(err)
		}
		var part []int64
		for _, p := range l.Nodes {
			part = append(part, p.ID)
		}
		page.After, more = l.Info.EndCursor, l.Info.HasNextPage
		if backward {
			slices.Reverse(part)
			page.After, page.Before, more = nil, l.Info.StartCursor, l.Info.HasPreviousPage
		}
		if ids = append(ids, part...); !more {
			break
		}
	}
	return ids, more
}

// A product may have as many and as long tags as its limits allow, with a name of
// any length, in any writing.
func TestProductsWithTheLongestTexts(t *testing.T) {
	c, db := generated(t, 20)
	var tags []string
	rare := func(n, from int) string { // text that does not compress
		var text strings.Builder
		for i := range n {
			text.WriteRune(rune(0x20000 + (from*7919+i*104729)%40000))
		}
		return text.String()
	}
	for i := range 20 {
		tags = append(tags, rare(40, i))
	}
	if _, err := db.Exec(t.Context(), `UPDATE products SET name = $1, sort_name = $1, tags = $2 WHERE id = 1001`, rare(200, 99), tags); err != nil {
		t.Fatal(err)
	}
	for _, sort := range []catalogue.Sort{catalogue.Newest, catalogue.Name, catalogue.PriceAsc} {
		l := list(t, c, catalogue.Filter{Tag: &tags[7]}, sort, 10)
		if len(l.Nodes) != 1 || l.Nodes[0].ID != 1001 || !slices.Equal(l.Nodes[0].Tags, tags) {
			t.Errorf("%s: got %q", sort, names(l))
		}
	}
}
