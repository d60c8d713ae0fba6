package catalogue

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

const (
	// maxSimilar is how many of the products that match, the best by their
	// words, a search also compares by similarity, which takes longest. The
	// others follow these.
	maxSimilar = 1_000
	// maxCodes bounds the products that are found by the beginning of their SKU.
	maxCodes = 100
)

// search describes how the products that a query selects are ranked.
type search struct {
	terms string
	words []word
}

// word is one of the search terms.
type word struct {
	text    string
	lexemes string // placeholder
	closest string // condition on the most similar word, if it is misspelt
}

// newSearch adds the condition that products match the search terms: each word,
// or a SKU that starts with all of them.
func (c *Catalogue) newSearch(ctx context.Context, q *query, terms string) (*search, error) {
	rows, err := c.db.Query(ctx, `SELECT word, lexemes::text, similar_to::text[] FROM search_terms($1)`, terms)
	if err != nil {
		return nil, fmt.Errorf("reading the search terms: %w", err)
	}
	s := &search{terms: terms}
	var all []string
	var text, lexemes string
	var similar []string
	_, err = pgx.ForEachRow(rows, []any{&text, &lexemes, &similar}, func() error {
		w := word{text: text, lexemes: q.arg(lexemes)}
		condition := "p.document @@ " + w.lexemes + "::tsquery"
		if len(similar) > 0 {
			w.closest = similar[0]
			condition = "(" + condition + " OR p.document @@ " + q.arg(strings.Join(similar, " | ")) + "::tsquery)"
		}
		s.words, all = append(s.words, w), append(all, condition)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the search terms: %w", err)
	}
	codes, err := c.startingWith(ctx, terms)
	if err != nil {
		return nil, err
	}
	var matches []string
	if all != nil {
		matches = append(matches, strings.Join(all, " AND "))
	}
	if codes != nil {
		matches = append(matches, "p.id = ANY("+q.arg(codes)+")")
	}
	if matches == nil { // stop words only
		matches = []string{"false"}
	}
	q.where("(" + strings.Join(matches, " OR ") + ")")
	return s, nil
}

// startingWith returns products whose SKU starts with a text that looks like
// one: it has a digit or a hyphen.
func (c *Catalogue) startingWith(ctx context.Context, text string) ([]int64, error) {
	code := strings.ToUpper(text)
	if !skuForm.MatchString(code) || !strings.ContainsAny(code, "0123456789-") {
		return nil, nil
	}
	rows, err := c.db.Query(ctx, `SELECT id FROM products WHERE sku ~>=~ $1 AND sku ~<~ $2 ORDER BY sku USING ~<~ LIMIT $3`,
		code, code+"\U0010FFFF", maxCodes)
	if err != nil {
		return nil, fmt.Errorf("searching for a SKU: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("searching for a SKU: %w", err)
	}
	return ids, nil
}

// ranked returns a query of the matching products with their distance from the
// search terms: 0 or more, smaller is better. A product that was searched for
// by its SKU has 0. For others it is a million times the sum over the words of
// 2 - ts_rank - similarity/2, and 1 more for each word whose similarity was not
// computed.
func (s *search) ranked(q *query) string {
	rank, closest, similarity := []string{"0"}, []string{"0"}, []string{"0"}
	for _, w := range s.words {
		rank = append(rank, "ts_rank(p.document, "+w.lexemes+"::tsquery)")
		similarity = append(similarity, "similarity_in("+q.arg(w.text)+", p.words)")
		if w.closest != "" {
			closest = append(closest, "ts_rank(p.document, "+q.arg(w.closest)+"::tsquery)")
		}
	}
	return fmt.Sprintf(`SELECT p.id, CASE
			WHEN p.sku = %[1]s THEN 0
			WHEN p.position <= %[2]d THEN (1000000 * (%[3]d - p.rank - 0.5 * (%[4]s)))::bigint
			ELSE (1000000 * (%[5]d - p.rank))::bigint END AS distance
		FROM (
			SELECT p.*, row_number() OVER (ORDER BY p.rank + p.closest DESC, p.id) AS position
			FROM (SELECT p.id, p.sku, p.words, %[6]s AS rank, %[7]s AS closest FROM %[8]s) p
		) p`,
		q.arg(strings.ToUpper(s.terms)), maxSimilar, 2*len(s.words), strings.Join(similarity, " + "), 3*len(s.words),
		strings.Join(rank, " + "), strings.Join(closest, " + "), q.matching())
}
