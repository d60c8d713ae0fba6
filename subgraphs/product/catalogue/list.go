package catalogue

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/connection"
	"souk/subgraphs/internal/schema"
)

// Filter selects products. The zero value selects all that are on sale.
type Filter struct {
	Search         string // words in the name, description or tags
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
	q, err := f.query()
	if err != nil {
		return Listing{}, err
	}
	var listing Listing
	if count {
		if listing.Total, err = c.count(ctx, q); err != nil {
			return Listing{}, err
		}
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

// query builds an SQL query: what follows FROM, and its arguments.
type query struct {
	tables     string
	distance   string // SQL expression: the distance of a product from the search terms
	conditions []string
	args       []any
}

// arg adds an argument and returns its placeholder.
func (q *query) arg(value any) string {
	q.args = append(q.args, value)
	return fmt.Sprintf("$%d", len(q.args))
}

func (q *query) where(condition string) { q.conditions = append(q.conditions, condition) }

func (q *query) from() string {
	if len(q.conditions) == 0 {
		return q.tables
	}
	return q.tables + " WHERE " + strings.Join(q.conditions, " AND ")
}

func (f Filter) query() (query, error) {
	q := query{tables: productTables, distance: "0::bigint"}
	if f.Search != "" {
		q.tables += " JOIN matching_products(" + q.arg(f.Search) + ") found ON found.id = p.id"
		q.distance = "found.distance"
	}
	if f.Category != nil {
		q.where("p.category = " + q.arg(*f.Category))
	}
	if f.Tag != nil {
		q.where("p.tags @> ARRAY[" + q.arg(strings.ToLower(*f.Tag)) + "]")
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
	if err := c.db.QueryRow(ctx, `SELECT count(*) FROM `+q.from(), q.args...).Scan(&n); err != nil {
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
	if page.After != nil {
		q.where(o.keysetCondition(&q, *page.After, false))
	}
	if page.Before != nil {
		q.where(o.keysetCondition(&q, *page.Before, true))
	}
	rows, err := c.db.Query(ctx, `SELECT `+productColumns+`, p.sort_name, `+q.distance+` FROM `+q.from()+
		` ORDER BY `+o.orderBy(page.Backward)+` LIMIT `+q.arg(page.Limit()), q.args...)
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
