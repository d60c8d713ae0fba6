package catalogue

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/connection"
)

const (
	// maxRanked is how many of the products that match a search are ranked: the
	// newest, by ID. Those that were searched for by their name or SKU are ranked
	// besides. The others follow, the newest first.
	maxRanked = 500
	// maxKept times as many are ranked for a cursor, which keeps the choice of
	// products while new ones are added.
	maxKept = 4
	// maxNamed bounds the products whose name is what was searched for, and those
	// whose SKU starts with it, that are ranked besides.
	maxNamed = 100
	// unranked is more than the distance of any product that is ranked. The
	// distance of the others is unranked - ID.
	unranked int64 = 1 << 53
)

// relevanceList lists the products that match a search, best match first.
type relevanceList struct {
	*Catalogue
	selection
	frequency
	page connection.Page[sortKey]
	// oldest is the highest ID that is not ranked, or 0 if all are.
	oldest int64
	// pinned are products that are ranked whatever their ID.
	pinned []int64
	ranked []sortKey
}

// byRelevance returns the rows of a page.
func (c *Catalogue) byRelevance(ctx context.Context, s selection, page connection.Page[sortKey]) ([]row, error) {
	f, err := c.frequency(ctx, s)
	if err != nil {
		return nil, err
	}
	l := relevanceList{Catalogue: c, selection: s, frequency: f, page: page}
	if err := l.choose(ctx); err != nil {
		return nil, err
	}
	parts := []func(context.Context, int) ([]sortKey, error){l.pageOfRanked, l.pageOfOthers}
	if page.Backward {
		slices.Reverse(parts)
	}
	var keys []sortKey
	for _, part := range parts {
		if more := page.Limit() - len(keys); more > 0 {
			next, err := part(ctx, more)
			if err != nil {
				return nil, err
			}
			keys = append(keys, next...)
		}
	}
	return c.rowsOf(ctx, keys)
}

// choose chooses the products that are ranked, and ranks them.
func (l *relevanceList) choose(ctx context.Context) error {
	var err error
	if cursor := cmp.Or(l.page.After, l.page.Before); cursor != nil {
		l.oldest = cursor.Oldest
		l.ranked, err = l.newest(ctx, l.oldest, maxKept*l.maxRanked)
	} else {
		l.ranked, err = l.newest(ctx, l.guess(), l.maxRanked+1)
		if err == nil && l.guess() > 0 && len(l.ranked) <= l.maxRanked {
			l.ranked, err = l.newest(ctx, 0, l.maxRanked+1)
		}
		if len(l.ranked) > l.maxRanked {
			l.oldest = l.ranked[l.maxRanked].ID
			l.ranked = l.ranked[:l.maxRanked]
		}
	}
	if err == nil && l.oldest > 0 {
		err = l.pin(ctx)
	}
	if err != nil {
		return err
	}
	for i := range l.ranked {
		l.ranked[i].Oldest = l.oldest
	}
	slices.SortFunc(l.ranked, sortKey.compareDistance)
	return nil
}

// walks reports whether n products are found sooner by reading the newest
// products than by reading all that match.
func (l *relevanceList) walks(n int) bool { return l.all*l.expected() > float64(n) }

// guess returns an ID after which there are probably more than maxRanked
// matches, or 0 if Postgres may as well read all matches.
func (l *relevanceList) guess() int64 {
	if l.walks(l.maxRanked) || l.expected() < 6*float64(l.maxRanked) {
		return 0
	}
	return l.last - l.span(3*l.maxRanked) // the sample may have too many
}

// newest returns the keys of the newest limit products after an ID that match.
func (l *relevanceList) newest(ctx context.Context, after int64, limit int) ([]sortKey, error) {
	m := gather
	if l.walks(l.maxRanked) {
		m = walk
	}
	var q query
	q.where(l.condition(&q, l.indexed))
	if after > 0 {
		q.where("p.id > " + q.arg(after))
	}
	return l.keys(ctx, m, &q, fmt.Sprintf(" ORDER BY p.id DESC LIMIT %d", limit))
}

// pin ranks the products that were searched for by their SKU or name.
func (l *relevanceList) pin(ctx context.Context) error {
	var q query
	wanted := fmt.Sprintf("(SELECT id FROM products WHERE sort_name = %s ORDER BY id DESC LIMIT %d)", q.arg(sortName(l.search.terms)), maxNamed)
	if l.search.code != "" {
		onSale := selection{Filter: Filter{IncludeRetired: l.IncludeRetired}}.condition(&q, lookUpAll)
		wanted += fmt.Sprintf(" UNION (SELECT p.id FROM products p WHERE %s AND %s ORDER BY p.sku USING ~<~ LIMIT %d)", l.search.hasCode(&q), onSale, maxNamed)
	}
	q.where("p.id IN (" + wanted + ")")
	q.where(l.condition(&q, func(int) bool { return false }))
	keys, err := l.keys(ctx, walk, &q, "")
	if err != nil {
		return err
	}
	for _, key := range keys {
		l.pinned = append(l.pinned, key.ID)
		if key.ID <= l.oldest {
			l.ranked = append(l.ranked, key)
		}
	}
	return nil
}

// keys returns the keys of products.
func (l *relevanceList) keys(ctx context.Context, m method, q *query, end string) (keys []sortKey, err error) {
	statement := `SELECT p.id, p.sku, p.words, ` + l.search.rank(q, "p.document") + `
		FROM (SELECT p.id, p.sku, p.words, p.document FROM ` + q.matching() + end + `) p`
	var id int64
	var sku, words string
	var rank float64
	err = l.readBy(ctx, m, statement, q.args, func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&id, &sku, &words, &rank}, func() error {
			keys = append(keys, sortKey{ID: id, Distance: l.search.distance(sku, words, rank)})
			return nil
		})
		return err
	})
	return keys, err
}

// pageOfRanked returns up to n keys of the page that are ranked.
func (l *relevanceList) pageOfRanked(_ context.Context, n int) ([]sortKey, error) {
	keys := l.ranked
	if after := l.page.After; after != nil {
		at, found := slices.BinarySearchFunc(keys, *after, sortKey.compareDistance)
		if found {
			at++
		}
		keys = keys[at:]
	}
	if before := l.page.Before; before != nil {
		at, _ := slices.BinarySearchFunc(keys, *before, sortKey.compareDistance)
		keys = keys[:at]
	}
	if l.page.Backward {
		slices.Reverse(keys)
	}
	return keys[:min(n, len(keys))], nil
}

// pageOfOthers returns up to n keys of the page that are not ranked.
func (l *relevanceList) pageOfOthers(ctx context.Context, n int) ([]sortKey, error) {
	// Higher IDs come first.
	least, most := int64(0), l.oldest
	if after := l.page.After; after != nil && after.Distance > unranked-most {
		most = unranked - after.Distance - 1
	}
	if before := l.page.Before; before != nil {
		least = max(0, unranked-before.Distance)
	}
	if least >= most {
		return nil, nil
	}
	// Probably there are enough in a part of them. If not, the words are rare here.
	part := 16 * l.span(n)
	from, to := max(least, most-part), most
	if l.page.Backward {
		from, to = least, min(most, least+part)
	}
	keys, err := l.others(ctx, walk, from, to, n)
	if err == nil && len(keys) < n && (from > least || to < most) {
		keys, err = l.others(ctx, gather, least, most, n)
	}
	return keys, err
}

// others returns up to n keys of products that are not ranked with IDs up to
// to and over from.
func (l *relevanceList) others(ctx context.Context, m method, from, to int64, n int) (keys []sortKey, err error) {
	var q query
	q.where(l.condition(&q, l.indexed))
	q.where("p.id > " + q.arg(from) + " AND p.id <= " + q.arg(to))
	if l.pinned != nil {
		q.where("p.id <> ALL(" + q.arg(l.pinned) + ")")
	}
	direction := "DESC"
	if l.page.Backward {
		direction = "ASC"
	}
	statement := fmt.Sprintf(`SELECT p.id FROM %s ORDER BY p.id %s LIMIT %d`, q.matching(), direction, n)
	err = l.readBy(ctx, m, statement, q.args, func(rows pgx.Rows) error {
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		for _, id := range ids {
			keys = append(keys, sortKey{ID: id, Distance: unranked - id, Oldest: l.oldest})
		}
		return err
	})
	return keys, err
}

// rowsOf reads the products of keys, in their order.
func (c *Catalogue) rowsOf(ctx context.Context, keys []sortKey) ([]row, error) {
	ids := make([]int64, len(keys))
	for i, key := range keys {
		ids[i] = key.ID
	}
	found, err := c.Find(ctx, ids, nil)
	if err != nil {
		return nil, err
	}
	rows := make([]row, 0, len(keys))
	for _, key := range keys {
		if p, ok := found.ByID[key.ID]; ok { // else it was deleted in the meantime
			rows = append(rows, row{p, key})
		}
	}
	return rows, nil
}

// compareDistance compares the positions of two products in the order of
// relevance.
func (p sortKey) compareDistance(other sortKey) int {
	return cmp.Or(cmp.Compare(p.Distance, other.Distance), cmp.Compare(p.ID, other.ID))
}
