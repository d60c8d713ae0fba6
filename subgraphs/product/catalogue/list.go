package catalogue

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/connection"
	"souk/subgraphs/internal/schema"
)

// Filter selects products. The zero value selects all that are on sale.
type Filter struct {
	Search         string // words in the name, description or tags, or a SKU
	Category       *string
	Tag            *string
	MinPrice       *schema.MoneyInput // also selects products in this currency only
	MaxPrice       *schema.MoneyInput
	IncludeRetired bool
}

// Listing is a page of products. Total is the number of products on all pages,
// if it was requested.
type Listing struct {
	connection.Slice[Product]
	Total int
}

const maxSearch = 200

// List returns a page of products. With count, it also counts the products on
// all pages.
func (c *Catalogue) List(ctx context.Context, f Filter, sort Sort, a connection.Arguments, count bool) (Listing, error) {
	f.Search = strings.TrimSpace(f.Search)
	if utf8.RuneCountInString(f.Search) > maxSearch {
		return Listing{}, &connection.ArgumentError{Argument: "filter.search", Problem: fmt.Sprintf("is too long; use at most %d characters", maxSearch)}
	}
	o := sort.order(f.Search != "")
	page, err := connection.Parse[sortKey](o.name, a)
	if err != nil {
		return Listing{}, err
	}
	q, err := c.query(ctx, f)
	if err != nil {
		return Listing{}, err
	}
	var listing Listing
	if count {
		if listing.Total, err = c.count(ctx, q); err != nil {
			return Listing{}, err
		}
	}
	if f.Category != nil && o.name != relevance {
		o = o.within("p.category", *f.Category)
	}
	rows, err := c.page(ctx, q, o, page)
	if err != nil {
		return Listing{}, err
	}
	listing.Slice, err = newSlice(page, rows)
	return listing, err
}

// newSlice makes a page of the rows that were read for it.
func newSlice(page connection.Page[sortKey], rows []row) (connection.Slice[Product], error) {
	slice, err := connection.NewSlice(page, rows, func(r row) sortKey { return r.sortKey })
	products := make([]Product, len(slice.Nodes))
	for i, r := range slice.Nodes {
		products[i] = r.Product
	}
	return connection.Slice[Product]{Nodes: products, Cursors: slice.Cursors, Info: slice.Info}, err
}

// query builds an SQL query of products p.
type query struct {
	conditions []string
	args       []any
	search     *search // nil without search terms
}

// arg adds an argument and returns its placeholder.
func (q *query) arg(value any) string {
	q.args = append(q.args, value)
	return fmt.Sprintf("$%d", len(q.args))
}

func (q *query) where(condition string) { q.conditions = append(q.conditions, condition) }

// matching returns what follows FROM.
func (q *query) matching() string {
	if len(q.conditions) == 0 {
		return "products p"
	}
	return "products p WHERE " + strings.Join(q.conditions, " AND ")
}

func (c *Catalogue) query(ctx context.Context, f Filter) (query, error) {
	var q query
	if f.Search != "" {
		var err error
		if q.search, err = c.newSearch(ctx, &q, f.Search); err != nil {
			return q, err
		}
	}
	if f.Category != nil {
		q.where("p.category = " + q.arg(*f.Category))
	}
	if f.Tag != nil {
		q.where("p.tags @> ARRAY[" + q.arg(strings.ToLower(*f.Tag)) + "::text]")
	}
	var check validator
	if f.MinPrice != nil {
		q.bound(">=", check.price("filter.minPrice", *f.MinPrice, defaultCurrency))
	}
	if f.MaxPrice != nil {
		q.bound("<=", check.price("filter.maxPrice", *f.MaxPrice, defaultCurrency))
	}
	if !f.IncludeRetired {
		q.where("NOT p.retired")
	}
	return q, check.Err()
}

func (q *query) bound(operator string, price schema.Money) {
	q.where("p.currency = " + q.arg(price.Currency))
	q.where("p.price_minor " + operator + " " + q.arg(price.MinorUnits))
}

func (c *Catalogue) count(ctx context.Context, q query) (int, error) {
	var n int
	args := append([]any{connection.Planned}, q.args...)
	if err := c.db.QueryRow(ctx, `SELECT count(*) FROM `+q.matching(), args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting products: %w", err)
	}
	return n, nil
}

// row is a product with its sort key.
type row struct {
	Product
	sortKey sortKey
}

func (c *Catalogue) page(ctx context.Context, q query, o order, page connection.Page[sortKey]) ([]row, error) {
	from, distance := q.matching(), "0::bigint"
	switch {
	case o.name == relevance:
		from, distance = "("+q.search.ranked(&q)+") p WHERE true", "distance"
	case q.search != nil:
		// Without OFFSET, Postgres may read the products in the order of the page
		// until it has found enough that match, which is all of them if none do.
		from = "(SELECT p.* FROM " + from + " OFFSET 0) p WHERE true"
	case len(q.conditions) == 0:
		from += " WHERE true"
	}
	if page.After != nil {
		from += " AND " + o.keysetCondition(&q, *page.After, false)
	}
	if page.Before != nil {
		from += " AND " + o.keysetCondition(&q, *page.Before, true)
	}
	// The page is complete before anything else is read about its products.
	statement := `SELECT ` + productColumns + `, p.sort_name, page.distance
		FROM (SELECT p.id, ` + distance + ` AS distance FROM ` + from + ` ORDER BY ` + o.orderBy(page.Backward) + ` LIMIT ` + strconv.Itoa(page.Limit()) + `) page
		JOIN products p ON p.id = page.id JOIN categories c ON c.slug = p.category
		ORDER BY ` + o.orderBy(page.Backward)
	rows, err := c.db.Query(ctx, statement, append([]any{connection.Planned}, q.args...)...)
	if err != nil {
		return nil, fmt.Errorf("listing products: %w", err)
	}
	list, err := pgx.CollectRows(rows, o.scan)
	if err != nil {
		return nil, fmt.Errorf("listing products: %w", err)
	}
	return list, nil
}

// scan reads productColumns, sort_name and the distance.
func (o order) scan(line pgx.CollectableRow) (row, error) {
	var r row
	var at sortKey
	if err := line.Scan(append(r.targets(), &at.Name, &at.Distance)...); err != nil {
		return r, err
	}
	at.ID, at.Currency, at.Price, at.Created = r.ID, r.Price.Currency, r.Price.MinorUnits, r.CreatedAt
	r.sortKey = o.keep(at)
	return r, nil
}
