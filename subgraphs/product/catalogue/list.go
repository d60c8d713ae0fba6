package catalogue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
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
	if s.Category != nil {
		o = o.within("p.category", *s.Category)
	}
	priced := s.minPrice != nil || s.maxPrice != nil
	if s.search != nil || s.Tag != nil || priced && !slices.Contains(o.columns, "p.price_minor") {
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

// frequentShare and filteredShare are the parts of all products from which on those
// that match a search, or only filters, are found by reading the products in the
// order of the list. Reading all matches and sorting them would take longer. Whether a
// product matches a search takes longer to tell.
const frequentShare, filteredShare = 0.1, 0.02

// selectedPage returns a page of the products that match a search or a filter, in an
// order that an index has and that tells nothing of what matches.
func (c *Catalogue) selectedPage(ctx context.Context, s selection, o order, page connection.Page[sortKey]) ([]row, error) {
	f, err := c.frequency(ctx, s)
	if err != nil {
		return nil, err
	}
	if s.search == nil && f.all >= filteredShare {
		list, err := c.frequentPage(ctx, s, o, page, f)
		if err != nil || len(list) == page.Limit() {
			return list, err
		} // else what has a tag, say, is at the end of the list
	}
	var q query
	q.where(s.condition(&q, f.indexed))
	if s.search != nil && f.all >= frequentShare {
		return c.collectPage(ctx, walk, o, o.statement(&q, q.matching(), page), q.args)
	}
	m := gather
	if s.search == nil && s.Tag == nil && s.Category == nil {
		m = readPrices
	}
	return c.sortedPage(ctx, m, o, &q, page)
}

// sortedPage finds all products of a query, and sorts them for a page.
func (c *Catalogue) sortedPage(ctx context.Context, m method, o order, q *query, page connection.Page[sortKey]) ([]row, error) {
	return c.collectPage(ctx, m, o, o.statement(q, "(SELECT p.* FROM "+q.matching()+" OFFSET 0) p WHERE true", page), q.args)
}

// frequentPage returns products that match filters which many products match, up to a
// page. If it has less than a page, there may be more.
func (c *Catalogue) frequentPage(ctx context.Context, s selection, o order, page connection.Page[sortKey], f frequency) ([]row, error) {
	// Products with a tag, say, may be far apart in the order of prices.
	if !slices.Contains(o.columns, "p.price_minor") {
		if list, err := c.walkPage(ctx, s, o, page); err != nil || len(list) == page.Limit() {
			return list, err
		}
	}
	return c.nearPage(ctx, s, o, page, f)
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

// nearPage returns the products of a list that match the filters, up to a page, from
// the next part of the list: it ends with a product of a sample that has probably
// more than a page before it. If it has not, a larger part does.
func (c *Catalogue) nearPage(ctx context.Context, s selection, o order, page connection.Page[sortKey], f frequency) (list []row, err error) {
	var first query
	first.where(s.unfiltered().condition(&first, lookUpAll))
	start, err := c.nextOf(ctx, o, &first, first.matching(), page, 0)
	if err != nil || len(start) == 0 {
		return nil, err
	}
	enough := f.sampled(3 * page.Limit())
	for _, skip := range []int{enough - 1, enough + 1} {
		var sampled query
		end, err := c.nextOf(ctx, o, &sampled, sample+" WHERE "+s.condition(&sampled, lookUpAll), page, skip)
		if err != nil || len(end) == 0 {
			return nil, err
		}
		if list, err = c.partPage(ctx, s, o, page, start[0].sortKey, end[0].sortKey); err != nil || len(list) == page.Limit() {
			return list, err
		}
	}
	return list, nil
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

// nextOf returns the product of a list that follows skip others, if there is one.
func (c *Catalogue) nextOf(ctx context.Context, o order, q *query, from string, page connection.Page[sortKey], skip int) ([]row, error) {
	statement := fmt.Sprintf(`SELECT %s, p.sort_name FROM (SELECT p.* FROM %s ORDER BY %s OFFSET %d LIMIT 1) p JOIN categories c ON c.slug = p.category`,
		productColumns, o.between(q, from, page), o.orderBy(page.Backward), skip)
	return c.collectPage(ctx, walk, o, statement, q.args)
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
