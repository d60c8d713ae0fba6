package catalogue

import (
	"cmp"
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
	selected, err := c.selection(ctx, f)
	if err != nil {
		return Listing{}, err
	}
	var listing Listing
	if count {
		if listing.Total, err = c.count(ctx, selected); err != nil {
			return Listing{}, err
		}
	}
	rows, err := c.page(ctx, selected, o, page)
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

// selection is what a list selects.
type selection struct {
	Filter
	minPrice, maxPrice *schema.Money
	search             *search // nil without search terms
}

func (c *Catalogue) selection(ctx context.Context, f Filter) (selection, error) {
	s := selection{Filter: f}
	var check validator
	price := func(name string, given *schema.MoneyInput) *schema.Money {
		if given == nil {
			return nil
		}
		money := check.price(name, *given, defaultCurrency)
		return &money
	}
	s.minPrice, s.maxPrice = price("filter.minPrice", f.MinPrice), price("filter.maxPrice", f.MaxPrice)
	if err := check.Err(); err != nil || f.Search == "" {
		return s, err
	}
	var err error
	s.search, err = c.newSearch(ctx, f.Search)
	return s, err
}

// condition returns the condition for the products p that are selected. indexed
// says which words of the search are looked up in the index.
func (s selection) condition(q *query, indexed func(word int) bool) string {
	var all []string
	if s.search != nil {
		all = append(all, s.search.matches(q, indexed))
	}
	if s.Category != nil {
		all = append(all, "p.category = "+q.arg(*s.Category))
	}
	if s.Tag != nil {
		all = append(all, "p.tags @> ARRAY["+q.arg(strings.ToLower(*s.Tag))+"::text]")
	}
	if s.minPrice != nil {
		all = append(all, q.bound(">=", *s.minPrice))
	}
	if s.maxPrice != nil {
		all = append(all, q.bound("<=", *s.maxPrice))
	}
	if !s.IncludeRetired {
		all = append(all, "NOT p.retired")
	}
	return cmp.Or(strings.Join(all, " AND "), "true")
}

// query builds an SQL query of products p.
type query struct {
	conditions []string
	args       []any
}

// arg adds an argument and returns its placeholder.
func (q *query) arg(value any) string {
	q.args = append(q.args, value)
	return fmt.Sprintf("$%d", len(q.args))
}

func (q *query) where(condition string) { q.conditions = append(q.conditions, condition) }

// matching returns what follows FROM.
func (q *query) matching() string {
	return "products p WHERE " + strings.Join(q.conditions, " AND ")
}

func (q *query) bound(operator string, price schema.Money) string {
	return "p.currency = " + q.arg(price.Currency) + " AND p.price_minor " + operator + " " + q.arg(price.MinorUnits)
}

func (c *Catalogue) count(ctx context.Context, s selection) (int, error) {
	var q query
	q.where(s.condition(&q, lookUpAll))
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

func (c *Catalogue) page(ctx context.Context, s selection, o order, page connection.Page[sortKey]) ([]row, error) {
	if o.name == relevance {
		return c.byRelevance(ctx, s, page)
	}
	if s.Tag != nil && s.search == nil && o.byPrice() {
		if list, err := c.taggedPage(ctx, s, o, page); err != nil || len(list) == page.Limit() {
			return list, err
		}
	}
	if s.Category != nil {
		o = o.within("p.category", *s.Category)
	}
	priced := s.minPrice != nil || s.maxPrice != nil
	if s.search != nil || s.Tag != nil || priced && !o.byPrice() {
		return c.selectedPage(ctx, s, o, page)
	}
	var q query
	q.where(s.condition(&q, lookUpAll))
	statement := o.statement(&q, q.matching(), page)
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

// frequentShare is the part of all products from which on those that match a search
// are found by reading the products in the order of the list. Reading all matches and
// sorting them would take longer.
const frequentShare = 0.1

// selectedPage returns a page of the products that match a search or a filter, in an
// order that an index has and that tells nothing of what matches.
func (c *Catalogue) selectedPage(ctx context.Context, s selection, o order, page connection.Page[sortKey]) ([]row, error) {
	if s.search == nil {
		return c.filteredPage(ctx, s, o, page)
	}
	f, err := c.frequency(ctx, s)
	if err != nil {
		return nil, err
	}
	var q query
	q.where(s.condition(&q, f.indexed))
	if f.all >= frequentShare {
		return c.collectPage(ctx, walk, o, o.statement(&q, q.matching(), page), q.args)
	}
	return c.sortedPage(ctx, gather, o, &q, page)
}

// sortedPage finds all products of a query, and sorts them for a page.
func (c *Catalogue) sortedPage(ctx context.Context, m method, o order, q *query, page connection.Page[sortKey]) ([]row, error) {
	return c.collectPage(ctx, m, o, o.statement(q, "(SELECT p.* FROM "+q.matching()+" OFFSET 0) p WHERE true", page), q.args)
}

// filteredPage returns a page of the products that match filters. If products of a
// sample match, it reads the next products of the list, or a part of it. Only if that
// is not enough, it reads all products that match.
func (c *Catalogue) filteredPage(ctx context.Context, s selection, o order, page connection.Page[sortKey]) ([]row, error) {
	ends, err := c.parts(ctx, s, o, page)
	if err != nil {
		return nil, err
	}
	if len(ends) > 2 && !o.byPrice() {
		if list, err := c.walkPage(ctx, s, o, page); err != nil || len(list) == page.Limit() {
			return list, err
		}
	}
	for i := 1; i < len(ends); i++ {
		list, err := c.partPage(ctx, s, o, page, ends[0].sortKey, ends[i].sortKey)
		if err != nil || len(list) == page.Limit() {
			return list, err
		}
	}
	m := gather
	if s.Tag == nil && s.Category == nil {
		m = readPrices
	}
	var q query
	q.where(s.condition(&q, lookUpAll))
	return c.sortedPage(ctx, m, o, &q, page)
}

// unfiltered selects the products of the list that the filters are applied to.
func (s selection) unfiltered() selection {
	return selection{Filter: Filter{Category: s.Category, IncludeRetired: s.IncludeRetired}}
}

// maxWalk bounds the products that walkPage reads.
const maxWalk = 2000

// walkPage returns those of the next maxWalk products of a list that match the
// filters, up to a page.
func (c *Catalogue) walkPage(ctx context.Context, s selection, o order, page connection.Page[sortKey]) ([]row, error) {
	var q query
	q.where(s.unfiltered().condition(&q, lookUpAll))
	from := fmt.Sprintf("(SELECT p.* FROM %s ORDER BY %s LIMIT %d) p WHERE %s",
		o.between(&q, q.matching(), page), o.orderBy(page.Backward), maxWalk, s.condition(&q, lookUpAll))
	page.After, page.Before = nil, nil
	return c.collectPage(ctx, walk, o, o.statement(&q, from, page), q.args)
}

// taggedPage returns those of the next maxWalk products with a tag, by price, that match
// the other filters, up to a page.
func (c *Catalogue) taggedPage(ctx context.Context, s selection, o order, page connection.Page[sortKey]) ([]row, error) {
	var q query
	q.where(selection{Filter: Filter{IncludeRetired: true}, minPrice: s.minPrice, maxPrice: s.maxPrice}.condition(&q, lookUpAll))
	q.where("p.tag = " + q.arg(strings.ToLower(*s.Tag)))
	tagged := "(SELECT tag, currency, price_minor, product_id AS id FROM tagged_products) AS p WHERE " + strings.Join(q.conditions, " AND ")
	from := fmt.Sprintf(`(
			SELECT t.*, p.category, p.tags, p.retired
			FROM (SELECT p.currency, p.price_minor, p.id FROM %s ORDER BY %s LIMIT %d) AS t JOIN products AS p ON p.id = t.id
		) AS p WHERE %s`, o.between(&q, tagged, page), o.orderBy(page.Backward), maxWalk, s.condition(&q, lookUpAll))
	page.After, page.Before = nil, nil
	return c.collectPage(ctx, walk, o, o.statement(&q, from, page), q.args)
}

// parts returns the next product of the list, from which two parts of it start, and the
// products that they end before, the smaller part first. They are products of a sample
// that match, and have probably more than a page before them. If the sample has too
// few of those, so do the results.
func (c *Catalogue) parts(ctx context.Context, s selection, o order, page connection.Page[sortKey]) ([]row, error) {
	list := s.unfiltered()
	if o.byPrice() { // the index finds the least price that matches, too
		list.minPrice, list.maxPrice = s.minPrice, s.maxPrice
	}
	var q query
	q.where(list.condition(&q, lookUpAll))
	first := o.between(&q, q.matching(), page)
	following := o.between(&q, fmt.Sprintf(`SELECT p.id, row_number() OVER (ORDER BY %s) AS place FROM %s WHERE %s`,
		o.orderBy(page.Backward), sample, s.condition(&q, lookUpAll)), page)
	statement := fmt.Sprintf(`SELECT %s, p.sort_name FROM products AS p JOIN categories AS c ON c.slug = p.category WHERE p.id IN (
			(SELECT p.id FROM %s ORDER BY %s LIMIT 1)
			UNION ALL
			SELECT p.id FROM (%s) AS p, (%s) AS e WHERE p.place IN (e.enough, e.enough + 2)
		) ORDER BY %[3]s`,
		productColumns, first, o.orderBy(page.Backward), following, enough(3*page.Limit()))
	return c.collectPage(ctx, walk, o, statement, q.args)
}

// enough returns a query of about how many products of the sample there are for n of
// all. The number of all products is an estimate of Postgres.
func enough(n int) string {
	return fmt.Sprintf(`SELECT ceil(%d / greatest(reltuples, 1)) AS enough FROM pg_class WHERE oid = 'products'::regclass`, n*sampleChunks*chunkSize)
}

// partPage returns the products of a part of a list that match the filters, up to a
// page.
func (c *Catalogue) partPage(ctx context.Context, s selection, o order, page connection.Page[sortKey], start, end sortKey) ([]row, error) {
	var q query
	q.where(s.condition(&q, lookUpAll))
	q.where(o.rangeCondition(&q, start, end, page.Backward))
	if page.Backward { // the other bound is in the condition
		page.Before = nil
	} else {
		page.After = nil
	}
	return c.sortedPage(ctx, gather, o, &q, page)
}

func (c *Catalogue) collectPage(ctx context.Context, m method, o order, statement string, args []any) (list []row, err error) {
	err = c.readBy(ctx, m, statement, args, func(rows pgx.Rows) error {
		list, err = pgx.CollectRows(rows, o.scan)
		return err
	})
	return list, err
}

// statement returns a query of a page of the products p in from, which ends with
// a condition.
func (o order) statement(q *query, from string, page connection.Page[sortKey]) string {
	from = o.between(q, from, page)
	// The page is complete before anything else is read about its products.
	return `SELECT ` + productColumns + `, p.sort_name
		FROM (SELECT p.id FROM ` + from + ` ORDER BY ` + o.orderBy(page.Backward) + ` LIMIT ` + strconv.Itoa(page.Limit()) + `) page
		JOIN products p ON p.id = page.id JOIN categories c ON c.slug = p.category
		ORDER BY ` + o.orderBy(page.Backward)
}

// between adds the conditions of the page's cursors.
func (o order) between(q *query, from string, page connection.Page[sortKey]) string {
	if page.After != nil {
		from += " AND " + o.keysetCondition(q, *page.After, false)
	}
	if page.Before != nil {
		from += " AND " + o.keysetCondition(q, *page.Before, true)
	}
	return from
}

// scan reads productColumns and sort_name.
func (o order) scan(line pgx.CollectableRow) (row, error) {
	var r row
	var at sortKey
	if err := line.Scan(append(r.targets(), &at.Name)...); err != nil {
		return r, err
	}
	at.ID, at.Currency, at.Price, at.Created = r.ID, r.Price.Currency, r.Price.MinorUnits, r.CreatedAt
	r.sortKey = o.keep(at)
	return r, nil
}
