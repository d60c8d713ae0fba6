package catalogue_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/connection"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/product"
	"souk/subgraphs/product/catalogue"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func open(t testing.TB) (*catalogue.Catalogue, *pgxpool.Pool) {
	t.Helper()
	db, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if err := server.Migrate(t.Context(), db, product.Migrations(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return catalogue.New(db, nil, time.Now), db
}

func seeded(t testing.TB) *catalogue.Catalogue {
	t.Helper()
	c, db := open(t)
	if err := product.Seed(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return c
}

func list(t testing.TB, c *catalogue.Catalogue, f catalogue.Filter, s catalogue.Sort, first int) catalogue.Listing {
	t.Helper()
	l, err := c.List(t.Context(), f, s, connection.Arguments{First: &first}, true)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func names(l catalogue.Listing) []string {
	var names []string
	for _, p := range l.Nodes {
		names = append(names, p.Name)
	}
	return names
}

func TestSearchCorrectsTypingErrors(t *testing.T) {
	c := seeded(t)
	for _, test := range []struct {
		search string
		first  string // prefix of the first name
		all    string // contained in every name, unless empty
		total  int
	}{
		{search: "laptop", first: "Alder 14 Laptop, 16 GB", all: "", total: 9},
		{search: "LAPTOPS", first: "Alder 14 Laptop, 16 GB", all: "", total: 9}, // stemmed
		{search: "lapt", first: "Alder 14 Laptop", all: "", total: 9},           // a prefix
		{search: "latpop", first: "Alder 14 Laptop", all: "", total: 9},         // letters swapped
		{search: "labtop", first: "Alder 14 Laptop", all: "Laptop", total: 7},   // another letter
		{search: "laptopp", first: "Alder 14 Laptop", all: "Laptop", total: 7},  // one letter too many
		{search: "hedphones", first: "Wren", all: "Headphones", total: -1},      // one letter too few
		{search: "keybord", first: "Tern Mechanical Keyboard", all: "Keyboard", total: 2},
		{search: "cofee", first: "", all: "", total: -1},
		{search: "wireless headphones", first: "Wren Headphones", all: "Headphones", total: 3}, // all words
		{search: "wirless hedphones", first: "Wren Headphones", all: "Headphones", total: 3},
		{search: "the fountain pen", first: "Quill Fountain Pen", all: "", total: -1}, // a stop word
		{search: "usb-c", first: "", all: "", total: -1},
		{search: "fair trade", first: "Meadow Filter Coffee", all: "Meadow", total: 2}, // a tag
		{search: "bergamot", first: "Meadow Filter Coffee", all: "Meadow", total: 2},   // the description
		{search: "zzzzqqqq", first: "", all: "", total: 0},
		{search: "'; DROP TABLE products; --", first: "", all: "", total: 0},
		{search: "laptop & | ! :* ( <-> \\", first: "Alder 14 Laptop", all: "", total: 9},
		{search: "the", first: "", all: "", total: 0},
	} {
		t.Run(test.search, func(t *testing.T) {
			l := list(t, c, catalogue.Filter{Search: test.search}, catalogue.Relevance, 50)
			if test.total >= 0 && l.Total != test.total || test.total < 0 && l.Total == 0 {
				t.Errorf("got %d products, want %d: %q", l.Total, test.total, names(l))
			}
			if len(l.Nodes) > 0 && !strings.HasPrefix(l.Nodes[0].Name, test.first) {
				t.Errorf("got first product %q, want %q", l.Nodes[0].Name, test.first)
			}
			for _, name := range names(l) {
				if !strings.Contains(name, test.all) {
					t.Errorf("got %q, want a name with %q", name, test.all)
				}
			}
		})
	}
}

func TestFilterComparesPricesInOneCurrency(t *testing.T) {
	c := seeded(t)
	books, tag, cents := "books", "Novel", int64(2000)
	most := &schema.MoneyInput{MinorUnits: &cents, Currency: "USD"}
	ten := decimal.NewFromInt(10)
	least := &schema.MoneyInput{Decimal: &ten, Currency: "usd"}
	l := list(t, c, catalogue.Filter{Category: &books, Tag: &tag, MaxPrice: most, MinPrice: least}, catalogue.PriceAsc, 10)
	if got := fmt.Sprint(names(l)); got != "[The Night Ferry, Paperback The Salt Road, Paperback The Night Ferry, Large Print]" {
		t.Errorf("got cheap novels %s", got)
	}
	yen := &schema.MoneyInput{MinorUnits: &cents, Currency: "JPY"}
	if l := list(t, c, catalogue.Filter{MaxPrice: yen}, catalogue.PriceAsc, 10); l.Total != 0 {
		t.Errorf("got %d products with dollar prices, want none", l.Total)
	}
	_, err := c.List(t.Context(), catalogue.Filter{MinPrice: &schema.MoneyInput{Currency: "USD"}}, catalogue.Newest, connection.Arguments{}, false)
	var invalid *schema.InvalidInput
	if !errors.As(err, &invalid) || invalid.Fields[0].Path != "filter.minPrice" {
		t.Errorf("price without an amount: got error %v", err)
	}
}

func TestListFollowsTheSortOrder(t *testing.T) {
	c := seeded(t)
	for sort, before := range map[catalogue.Sort]func(a, b catalogue.Product) bool{
		catalogue.Name:      func(a, b catalogue.Product) bool { return strings.ToLower(a.Name) <= strings.ToLower(b.Name) },
		catalogue.PriceAsc:  func(a, b catalogue.Product) bool { return a.Price.MinorUnits <= b.Price.MinorUnits },
		catalogue.PriceDesc: func(a, b catalogue.Product) bool { return a.Price.MinorUnits >= b.Price.MinorUnits },
		catalogue.Newest:    func(a, b catalogue.Product) bool { return !a.CreatedAt.Before(b.CreatedAt) },
		catalogue.Relevance: func(a, b catalogue.Product) bool { return !a.CreatedAt.Before(b.CreatedAt) },
	} {
		l := list(t, c, catalogue.Filter{}, sort, 100)
		for i := range l.Nodes[1:] {
			if !before(l.Nodes[i], l.Nodes[i+1]) {
				t.Errorf("%s: got %q before %q", sort, l.Nodes[i].Name, l.Nodes[i+1].Name)
			}
		}
	}
}

// Pages of any size, order and direction return every product once and in the
// same sequence.
func TestPagesAreOneList(t *testing.T) {
	c := seeded(t)
	ctx := t.Context()
	category := "audio"
	filters := []catalogue.Filter{{Category: &category}, {Search: "wool"}, {Search: "wirless"}}
	sorts := []catalogue.Sort{catalogue.Relevance, catalogue.Newest, catalogue.Name, catalogue.PriceAsc, catalogue.PriceDesc}
	rapid.Check(t, func(t *rapid.T) {
		f, s := rapid.SampledFrom(filters).Draw(t, "filter"), rapid.SampledFrom(sorts).Draw(t, "sort")
		size, backward := rapid.IntRange(1, 7).Draw(t, "size"), rapid.Bool().Draw(t, "backward")
		most := 100
		whole, err := c.List(ctx, f, s, connection.Arguments{First: &most}, true)
		if err != nil {
			t.Fatal(err)
		}
		if len(whole.Nodes) != whole.Total || whole.Total < 2 {
			t.Fatalf("got %d products and a total of %d", len(whole.Nodes), whole.Total)
		}
		var pages []string
		a := connection.Arguments{}
		for more := true; more; {
			if backward {
				a.Last = &size
			} else {
				a.First = &size
			}
			l, err := c.List(ctx, f, s, a, false)
			if err != nil {
				t.Fatal(err)
			}
			if backward {
				pages = append(names(l), pages...)
				more, a.Before = l.Info.HasPreviousPage, l.Info.StartCursor
			} else {
				pages = append(pages, names(l)...)
				more, a.After = l.Info.HasNextPage, l.Info.EndCursor
			}
		}
		if want := names(whole); !slices.Equal(pages, want) {
			t.Fatalf("got pages\n%q\nwant\n%q", pages, want)
		}
	})
}

func TestCursorOfAnotherOrderIsRejected(t *testing.T) {
	c := seeded(t)
	l := list(t, c, catalogue.Filter{}, catalogue.Name, 1)
	_, err := c.List(t.Context(), catalogue.Filter{}, catalogue.PriceAsc, connection.Arguments{After: l.Info.EndCursor}, false)
	var wrong *connection.ArgumentError
	if !errors.As(err, &wrong) || wrong.Argument != "after" {
		t.Errorf("got error %v", err)
	}
}

// Without pg_trgm, the search matches words as they are written.
func TestSearchWorksWithoutTrigrams(t *testing.T) {
	c, db := open(t)
	if err := product.Seed(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	withoutTrigrams(t, db)
	if l := list(t, c, catalogue.Filter{Search: "wireless headphones"}, catalogue.Relevance, 50); l.Total != 3 {
		t.Errorf("got %q", names(l))
	}
	if l := list(t, c, catalogue.Filter{Search: "labtop"}, catalogue.Relevance, 50); l.Total != 0 {
		t.Errorf("got %q", names(l))
	}
}

// withoutTrigrams repeats the migrations of the search as on a server without
// the extension.
func withoutTrigrams(t testing.TB, db *pgxpool.Pool) {
	t.Helper()
	var up, down [4]string
	for i, name := range []string{"002_search.sql", "004_search_terms.sql", "006_asked_words.sql", "007_index_entries.sql"} {
		text, err := fs.ReadFile(product.Migrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		up[i], down[i], _ = strings.Cut(string(text), "---- create above / drop below ----")
	}
	first := strings.Replace(up[0], "EXTENSION IF NOT EXISTS pg_trgm", "EXTENSION nothing_like_this", 1)
	for _, statements := range []string{down[3], down[2], down[1], down[0], "DROP EXTENSION pg_trgm", first, up[1], up[2], up[3]} {
		if _, err := db.Exec(t.Context(), statements); err != nil {
			t.Fatal(err)
		}
	}
}
