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

// wanted computes what a search finds, in its order, from every product on sale:
// slowly, and without an index.
func wanted(t *testing.T, db *pgxpool.Pool, search string) []int64 {
	t.Helper()
	rows, err := db.Query(t.Context(), `
		WITH asked AS MATERIALIZED (SELECT * FROM asked_words($1)),
		spelt AS MATERIALIZED (
			SELECT id, regexp_split_to_array(lower(words), '[^[:alnum:]]+') ||
				regexp_split_to_array(regexp_replace(lower(words), '[^[:alnum:]]*( |$)[^[:alnum:]]*', ' ', 'g'), ' ') AS words
			FROM products WHERE NOT retired)
		SELECT p.id FROM products p JOIN spelt USING (id) CROSS JOIN asked a
		CROSS JOIN LATERAL (SELECT CASE WHEN a.word = ANY(spelt.words) THEN 1 ELSE
			coalesce((SELECT max(c.similarity) FROM unnest(a.closest, a.similarity) AS c (word, similarity) WHERE c.word = ANY(spelt.words)), 0) END AS similarity) s
		GROUP BY p.id HAVING bool_and((p.document @@ a.lexemes) IS TRUE)
		ORDER BY round(1000000 * sum(2 - ts_rank(p.document, a.lexemes) - s.similarity / 2)), p.id`, search)
	return idsOf(t, rows, err)
}

// idsOf returns the IDs that a query has found.
func idsOf(t *testing.T, rows pgx.Rows, err error) []int64 {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// newestFirst returns what a search finds if it ranks at most n products.
func newestFirst(all []int64, n int) []int64 {
	newest := slices.Sorted(slices.Values(all))
	slices.Reverse(newest)
	if len(newest) <= n {
		return slices.Clone(all)
	}
	ranked := slices.DeleteFunc(slices.Clone(all), func(id int64) bool { return id <= newest[n] })
	return append(ranked, newest[n:]...)
}

// Every search finds the products that match, in the documented order.
func TestSearchFindsTheBestFirst(t *testing.T) {
	c, db := generated(t, 700)
	for _, search := range searches {
		want := newestFirst(wanted(t, db, search), 500)
		if got := found(t, c, search); !slices.Equal(got, want) {
			t.Errorf("%q finds %d products, %.200s\nwant %d products, %.200s", search, len(got), fmt.Sprint(got), len(want), fmt.Sprint(want))
		}
	}
}

// A search corrects eight words. With more that no product has, it finds nothing.
func TestSearchCorrectsEightWords(t *testing.T) {
	c, db := open(t)
	_, err := db.Exec(t.Context(), `INSERT INTO products (sku, name, sort_name, description, category, price_minor, currency, weight, tags, created_at, updated_at)
		VALUES ('LIST', 'Telescope Umbrella Saxophone Accordion Wheelbarrow Chandelier Typewriter Gramophone Kaleidoscope', '', '', 'general', 100, 'USD', 1, '{}', now(), now())`)
	if err != nil {
		t.Fatal(err)
	}
	for search, want := range map[string]int{
		"telescop umbrelka saxofone acordion wheelbarow chandelir typewritter gramophone kaleidoscope":  1,
		"telescoope umbrelka saxofone acordion wheelbarow chandelir typewritter gramofone kaleidoscope": 1,
		"telescoope umbrelka saxofone acordion wheelbarow chandelir typewritter gramofone kaleidoskope": 0,
	} {
		if got := found(t, c, search); len(got) != want {
			t.Errorf("%q finds %d products, want %d", search, len(got), want)
		}
	}
}

// Every search finds the same products as in the release before, whose function
// matching_products is still in the database.
func TestSearchFindsWhatItFoundBefore(t *testing.T) {
	c, db := generated(t, 300)
	for _, search := range searches {
		rows, err := db.Query(t.Context(), `SELECT id FROM matching_products($1) JOIN products p USING (id) WHERE NOT p.retired ORDER BY id`, search)
		if err != nil {
			t.Fatal(err)
		}
		want, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			t.Fatal(err)
		}
		got := slices.Sorted(slices.Values(found(t, c, search)))
		if !slices.Equal(got, want) {
			t.Errorf("%q finds %d products, %.200s\nbefore   %d products, %.200s", search, len(got), fmt.Sprint(got), len(want), fmt.Sprint(want))
		}
	}
}

// The newest of many matches are ranked, and the others follow, the newest
// first. That is the same for all ways of finding them.
func TestSearchRanksTheNewestOfManyMatches(t *testing.T) {
	c, db := generated(t, 500)
	for _, search := range []string{"steel", "guaranteed", "wireless mouse", "steel guaranteed", "cofee", "b"} {
		all := wanted(t, db, search)
		for _, n := range []int{1, 7, 25, 80} {
			c.SetMaxRanked(n)
			want := newestFirst(all, n)
			if got := found(t, c, search); !slices.Equal(got, want) {
				t.Errorf("%q with %d ranked finds %d products, %.200s\nwant %d products, %.200s", search, n, len(got), fmt.Sprint(got), len(want), fmt.Sprint(want))
			}
			slices.Reverse(want)
			if got := foundBackward(t, c, search); !slices.Equal(got, want) {
				t.Errorf("%q with %d ranked finds backward %d products, %.200s\nwant %d products, %.200s", search, n, len(got), fmt.Sprint(got), len(want), fmt.Sprint(want))
			}
		}
	}
}

// Among many matches, those with the name or SKU that was searched for are first
// even if they are old.
func TestSearchRanksNamesAndSKUsWhateverTheirAge(t *testing.T) {
	c, db := generated(t, 400)
	if _, err := db.Exec(t.Context(), `UPDATE products SET name = 'Guaranteed', sort_name = 'guaranteed' WHERE id = 1003`); err != nil {
		t.Fatal(err)
	}
	c.SetMaxRanked(20)
	ids := found(t, c, "guaranteed")
	if ids[0] != 1003 {
		t.Errorf("got %v, want 1003 first", ids[:10])
	}
	if sorted := slices.Sorted(slices.Values(ids)); len(slices.Compact(sorted)) != len(ids) {
		t.Errorf("some of %d products are listed twice", len(ids))
	}
}

// While products are added, a reader of page after page sees each product that
// was there before exactly once.
func TestSearchPagesStayTheSameWhileProductsAreAdded(t *testing.T) {
	c, db := generated(t, 400)
	c.SetMaxRanked(30)
	before := found(t, c, "guaranteed")
	read := map[int64]int{}
	page := connection.Arguments{First: pointer(10)}
	for added := 0; ; added++ {
		l, err := c.List(t.Context(), catalogue.Filter{Search: "guaranteed"}, catalogue.Relevance, page, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range l.Nodes {
			read[p.ID]++
		}
		if !l.Info.HasNextPage {
			break
		}
		page.After = l.Info.EndCursor
		_, err = db.Exec(t.Context(), `INSERT INTO products (sku, name, sort_name, description, category, price_minor, currency, weight, tags, created_at, updated_at)
			VALUES ($1, 'Thing', 'thing', 'Guaranteed.', 'general', 100, 'USD', 1, '{}', now(), now())`, fmt.Sprintf("ADDED-%d", added))
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range before {
		if read[id] != 1 {
			t.Errorf("product %d was listed %d times", id, read[id])
		}
	}
}

// Searches in the other orders and with filters find the same products, however
// frequent the words are.
func TestSearchSortsAndFilters(t *testing.T) {
	c, db := generated(t, 300)
	for _, search := range []string{"steel", "guaranteed", "wireless", "cofee", "zzzzqqqq", "guaranteed norvik"} {
		matches := wanted(t, db, search)
		for sort, columns := range map[catalogue.Sort]string{
			catalogue.Name: "sort_name, id", catalogue.PriceAsc: "currency, price_minor, id",
			catalogue.PriceDesc: "currency DESC, price_minor DESC, id DESC", catalogue.Newest: "created_at DESC, id DESC",
		} {
			for _, category := range []*string{nil, pointer("audio"), pointer("kitchen")} {
				rows, err := db.Query(t.Context(), `SELECT id FROM products WHERE id = ANY($1) AND ($2::text IS NULL OR category = $2) ORDER BY `+columns, matches, category)
				want := idsOf(t, rows, err)
				if got := all(t, c, catalogue.Filter{Search: search, Category: category}, sort); !slices.Equal(got, want) {
					t.Errorf("%q by %s finds %d products, %.200s\nwant %d products, %.200s", search, sort, len(got), fmt.Sprint(got), len(want), fmt.Sprint(want))
				}
			}
		}
	}
}

func pointer[T any](v T) *T { return &v }

// found returns the products that a search finds, page by page.
func found(t *testing.T, c *catalogue.Catalogue, search string) []int64 {
	t.Helper()
	return all(t, c, catalogue.Filter{Search: search}, catalogue.Relevance)
}

// all returns the products of a list, page by page.
func all(t *testing.T, c *catalogue.Catalogue, f catalogue.Filter, sort catalogue.Sort) (ids []int64) {
	t.Helper()
	page := connection.Arguments{First: pointer(100)}
	for {
		l, err := c.List(t.Context(), f, sort, page, page.After == nil)
		if err != nil {
			t.Fatalf("%q: %v", f.Search, err)
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

// foundBackward returns the products that a search finds from the last page to
// the first, last one first.
func foundBackward(t *testing.T, c *catalogue.Catalogue, search string) (ids []int64) {
	t.Helper()
	page := connection.Arguments{Last: pointer(70)}
	for {
		l, err := c.List(t.Context(), catalogue.Filter{Search: search}, catalogue.Relevance, page, false)
		if err != nil {
			t.Fatalf("%q: %v", search, err)
		}
		for _, p := range slices.Backward(l.Nodes) {
			ids = append(ids, p.ID)
		}
		if !l.Info.HasPreviousPage {
			return ids
		}
		page.Before = l.Info.StartCursor
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

// Upper and lower case are the same in every script.
func TestSearchIgnoresCase(t *testing.T) {
	c, db := generated(t, 20)
	if _, err := db.Exec(t.Context(), `UPDATE products SET name = CASE id WHEN 1001 THEN 'Éclair Übergröße' WHEN 1002 THEN 'Молоко ЦЕЛЬНОЕ' ELSE name END`); err != nil {
		t.Fatal(err)
	}
	for search, want := range map[string]int64{
		"éclair": 1001, "ÉCLAIR": 1001, "übergröße": 1001, "Über": 1001, "молоко": 1002, "МОЛОКО цельное": 1002, "молок": 1002, "цельнео": 1002,
	} {
		if got := found(t, c, search); !slices.Equal(got, []int64{want}) {
			t.Errorf("%q finds %v, want %d", search, got, want)
		}
	}
}

// A search for the beginning of a SKU finds all products that have it, also where
// many of them are retired.
func TestSearchFindsAllSKUsWithABeginning(t *testing.T) {
	c, db := generated(t, 300)
	if _, err := db.Exec(t.Context(), `UPDATE products SET sku = 'QZ5734-' || lpad(id::text, 5, '0') WHERE id <= 1150`); err != nil {
		t.Fatal(err)
	}
	for _, retired := range []int{0, 145} {
		if _, err := db.Exec(t.Context(), `UPDATE products SET retired = id <= 1000 + $1`, retired); err != nil {
			t.Fatal(err)
		}
		for _, sort := range []catalogue.Sort{catalogue.Relevance, catalogue.Name, catalogue.Newest} {
			got := all(t, c, catalogue.Filter{Search: "qz5734-"}, sort)
			total := list(t, c, catalogue.Filter{Search: "qz5734-"}, sort, 1).Total
			if len(got) != 150-retired || total != len(got) {
				t.Errorf("with %d retired, by %s: %d products, a total of %d, want %d", retired, sort, len(got), total, 150-retired)
			}
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

// A search for words that very many products have lists each of them once.
func TestSearchListsManyMatchesOnce(t *testing.T) {
	c, _ := generated(t, 700)
	ids := found(t, c, "guaranteed")
	total := list(t, c, catalogue.Filter{Search: "guaranteed"}, catalogue.Relevance, 1).Total
	sorted := slices.Sorted(slices.Values(ids))
	if total < 650 || len(ids) != total || len(slices.Compact(sorted)) != total {
		t.Errorf("got %d products, %d different ones, and a total of %d", len(ids), len(slices.Compact(sorted)), total)
	}
}
