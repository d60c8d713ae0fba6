package catalogue

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/connection"
)

// CategoryPages returns the same page of each category's products on sale,
// newest first, in one query. With count, a second query counts the products
// on all pages. The result has an entry for every slug.
func (c *Catalogue) CategoryPages(ctx context.Context, slugs []string, a connection.Arguments, count bool) (map[string]Listing, error) {
	o := Newest.order(false)
	page, err := connection.Parse[sortKey](o.name, a)
	if err != nil {
		return nil, err
	}
	rows, err := c.categoryRows(ctx, slugs, o, page)
	if err != nil {
		return nil, err
	}
	totals := map[string]int{}
	if count {
		if totals, err = c.categoryTotals(ctx, slugs); err != nil {
			return nil, err
		}
	}
	pages := make(map[string]Listing, len(slugs))
	for _, slug := range slugs {
		slice, err := newSlice(page, rows[slug])
		if err != nil {
			return nil, err
		}
		pages[slug] = Listing{slice, totals[slug]}
	}
	return pages, nil
}

func (c *Catalogue) categoryRows(ctx context.Context, slugs []string, o order, page connection.Page[sortKey]) (map[string][]row, error) {
	q := query{conditions: []string{"p.category = wanted.slug", "NOT p.retired"}}
	wanted := q.arg(slugs)
	if page.After != nil {
		q.where(o.keysetCondition(&q, *page.After, false))
	}
	if page.Before != nil {
		q.where(o.keysetCondition(&q, *page.Before, true))
	}
	rows, err := c.db.Query(ctx, `SELECT `+productColumns+`, p.sort_name
		FROM unnest(`+wanted+`::text[]) AS wanted (slug)
		CROSS JOIN LATERAL (SELECT p.* FROM `+q.matching()+` ORDER BY `+o.orderBy(page.Backward)+` LIMIT `+strconv.Itoa(page.Limit())+`) p
		JOIN categories c ON c.slug = p.category
		ORDER BY `+o.orderBy(page.Backward), q.args...)
	if err != nil {
		return nil, fmt.Errorf("listing the categories' products: %w", err)
	}
	list, err := pgx.CollectRows(rows, o.scan)
	if err != nil {
		return nil, fmt.Errorf("listing the categories' products: %w", err)
	}
	rowsBySlug := make(map[string][]row, len(slugs))
	for _, r := range list {
		rowsBySlug[r.Category.Slug] = append(rowsBySlug[r.Category.Slug], r)
	}
	return rowsBySlug, nil
}

func (c *Catalogue) categoryTotals(ctx context.Context, slugs []string) (map[string]int, error) {
	rows, err := c.db.Query(ctx, `SELECT category, count(*) FROM products
		WHERE category = ANY($1) AND NOT retired GROUP BY category`, slugs)
	if err != nil {
		return nil, fmt.Errorf("counting the categories' products: %w", err)
	}
	totals := make(map[string]int, len(slugs))
	var slug string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&slug, &n}, func() error {
		totals[slug] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting the categories' products: %w", err)
	}
	return totals, nil
}
