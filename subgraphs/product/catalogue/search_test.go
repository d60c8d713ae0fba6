package catalogue_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/connection"
	"souk/subgraphs/internal/sample/shop"
	"souk/subgraphs/product"
	"souk/subgraphs/product/catalogue"
)

// generated returns a catalogue with the sample products, whose names are
// known, and generated ones beside them.
func generated(t testing.TB, products int) (*catalogue.Catalogue, *pgxpool.Pool) {
	t.Helper()
	c, db := open(t)
	if err := product.Seed(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	s, err := shop.New(shop.Options{Seed: 3, Products: products, LastProduct: 1000, Now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	if err := product.Generate(t.Context(), db, s); err != nil {
		t.Fatal(err)
	}
	return c, db
}

// searches are words that people search for: known, inflected, unfinished,
// misspelt and unknown ones, alone and together.
var searches = []string{
	"laptop", "LAPTOPS", "lapt", "black", "steel", "coffee", "tea", "wireless mouse", "usb-c", "linen bedding", "cork",
	"novel paperback", "knife walnut", "16 gb", "14-inch", "noise cancelling headphones", "the fountain pen", "fair trade", "guaranteed",
	"latpop", "labtop", "laptopp", "hedphones", "keybord", "cofee", "wirless hedphones", "espreso machine", "kettel", "teepot", "monitr 4k",
	"moniter", "skilet", "candel", "casserol", "blakc", "kinfe", "chiar", "bottel steel", "wollen blanket", "mechanicl keybaord",
	"norvik", "norvick", "alden lamp", "aldne lamp", "zzzzqqqq", "laptop zzzzqqqq", "qwertzuiop", "the", "a", "'; --", "laptop & | ! :* (", "%", "crème",
}

// maxSimilar is how many products a search compares by similarity.
const maxSimilar = 1000

// Every search finds the same products in the same sequence as in the release
// before, whose function matching_products is still in the database. If there
// are more than a search compares by similarity, their sequence differs.
func TestSearchFindsWhatItFoundBefore(t *testing.T) {
	c, db := generated(t, 1500)
	for _, search := range searches {
		rows, err := db.Query(t.Context(), `
			SELECT p.id FROM matching_products($1) found JOIN products p USING (id)
			WHERE NOT p.retired ORDER BY found.distance, p.id`, search)
		if err != nil {
			t.Fatal(err)
		}
		want, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			t.Fatal(err)
		}
		got := found(t, c, search)
		if len(want) > maxSimilar {
			slices.Sort(got)
			slices.Sort(want)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q finds %d products, %.200s\nbefore   %d products, %.200s", search, len(got), fmt.Sprint(got), len(want), fmt.Sprint(want))
		}
	}
}

// found returns the products that a search finds, page by page.
func found(t *testing.T, c *catalogue.Catalogue, search string) (ids []int64) {
	t.Helper()
	most := 100
	page := connection.Arguments{First: &most}
	for {
		l, err := c.List(t.Context(), catalogue.Filter{Search: search}, catalogue.Relevance, page, page.After == nil)
		if err != nil {
			t.Fatalf("%q: %v", search, err)
		}
		for _, p := range l.Nodes {
			ids = append(ids, p.ID)
		}
		if !l.Info.HasNextPage {
			return ids
		}
		page.After = l.Info.EndCursor
	}
}

func TestSearchFindsSKUs(t *testing.T) {
	c, _ := generated(t, 400)
	l := list(t, c, catalogue.Filter{}, catalogue.Newest, 50)
	for _, p := range l.Nodes[:5] {
		for _, search := range []string{p.SKU, strings.ToLower(p.SKU), " " + p.SKU + " "} {
			got := list(t, c, catalogue.Filter{Search: search}, catalogue.Relevance, 3)
			if len(got.Nodes) == 0 || got.Nodes[0].ID != p.ID {
				t.Errorf("%q finds %q first, want %s", search, names(got), p.Name)
			}
		}
		start := p.SKU[:len(p.SKU)-2]
		var skus []string
		for _, found := range list(t, c, catalogue.Filter{Search: start}, catalogue.Name, 100).Nodes {
			skus = append(skus, found.SKU)
		}
		if !slices.Contains(skus, p.SKU) {
			t.Errorf("%q finds %q, want %s among them", start, skus, p.SKU)
		}
	}
}

// Words of new and renamed products are known at once, also misspelt.
func TestSearchFindsNewWords(t *testing.T) {
	c, db := generated(t, 20)
	for _, statement := range []string{
		`UPDATE products SET name = 'Xylophone' WHERE id = 1001`,
		`UPDATE products SET tags = '{glockenspiel}' WHERE id = 1002`,
	} {
		if _, err := db.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for search, want := range map[string]int64{"xylophon": 1001, "xilophone": 1001, "glockenspeil": 1002, "glokenspiel": 1002} {
		if got := found(t, c, search); !slices.Equal(got, []int64{want}) {
			t.Errorf("%q finds %v, want %d", search, got, want)
		}
	}
}

// A search for words that very many products have still lists each of them
// once: the best by every measure first, then the best by their words.
func TestSearchListsManyMatchesOnce(t *testing.T) {
	c, _ := generated(t, 1500)
	ids := found(t, c, "guaranteed")
	total := list(t, c, catalogue.Filter{Search: "guaranteed"}, catalogue.Relevance, 1).Total
	sorted := slices.Sorted(slices.Values(ids))
	if total < 1400 || len(ids) != total || len(slices.Compact(sorted)) != total {
		t.Errorf("got %d products, %d different ones, and a total of %d", len(ids), len(slices.Compact(sorted)), total)
	}
}
