package catalogue

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"
)

// search is what the terms of a search stand for. A product matches if it has
// each word, or if its SKU starts with the terms.
type search struct {
	terms string
	words []word
	code  string // the terms in capital letters if they look like a SKU
}

// word is a word of the search terms.
type word struct {
	text    string
	lexemes string // tsquery: the word or, if it is misspelt, what it stands for
	entries string // tsquery of the same products, without prefixes if possible
	// similarity is how similar the words are that a misspelt word stands for,
	// from 0 to 1.
	similarity map[string]float64
}

func (c *Catalogue) newSearch(ctx context.Context, terms string) (*search, error) {
	s := &search{terms: terms}
	rows, err := c.db.Query(ctx, `SELECT word, lexemes::text, coalesce(index_entries(lexemes), lexemes)::text, closest, similarity FROM asked_words($1)`, terms)
	if err != nil {
		return nil, fmt.Errorf("reading the search terms: %w", err)
	}
	var text, lexemes, entries string
	var closest []string
	var similarity []float64
	_, err = pgx.ForEachRow(rows, []any{&text, &lexemes, &entries, &closest, &similarity}, func() error {
		w := word{text: text, lexemes: lexemes, entries: entries, similarity: make(map[string]float64, len(closest))}
		for i, similar := range closest {
			w.similarity[similar] = similarity[i]
		}
		s.words = append(s.words, w)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the search terms: %w", err)
	}
	if code := strings.ToUpper(terms); skuForm.MatchString(code) && strings.ContainsAny(code, "0123456789-") {
		s.code = code
	}
	return s, nil
}

// hasCode returns the condition that the SKU of a product starts with the terms.
func (s *search) hasCode(q *query) string {
	return "p.sku ~>=~ " + q.arg(s.code) + " AND p.sku ~<~ " + q.arg(s.code+"\U0010FFFF")
}

// has returns the condition that a product has a word. Unless indexed is set,
// Postgres does not look the word up in an index, but checks it in each product
// that the other conditions select.
func (w word) has(q *query, indexed bool) string {
	condition := "p.document @@ " + q.arg(w.entries) + "::tsquery"
	if !indexed {
		return "(" + condition + ") IS TRUE"
	}
	return condition
}

// hasWords returns the condition that a product has each word.
func (s *search) hasWords(q *query, indexed func(i int) bool) string {
	if s.words == nil { // stop words only
		return "false"
	}
	conditions := make([]string, len(s.words))
	for i, w := range s.words {
		conditions[i] = w.has(q, indexed(i))
	}
	return strings.Join(conditions, " AND ")
}

// matches returns the condition that a product matches the search.
func (s *search) matches(q *query, indexed func(i int) bool) string {
	condition := s.hasWords(q, indexed)
	if s.code != "" {
		condition += " OR " + s.hasCode(q)
	}
	return "(" + condition + ")"
}

// rank returns an expression for how well a document matches the words: the sum
// of ts_rank.
func (s *search) rank(q *query, document string) string {
	ranks := []string{"0::float8"}
	for _, w := range s.words {
		ranks = append(ranks, "ts_rank("+document+", "+q.arg(w.lexemes)+"::tsquery)")
	}
	return strings.Join(ranks, " + ")
}

// distance returns how far a product is from the search: 0 or more, smaller is
// better. A product that was searched for by its SKU has 0. For others it is a
// million times the sum over the words of 2 - ts_rank - similarity/2, where the
// similarity is 1 if the name or a tag has the word as it was written.
func (s *search) distance(sku, words string, rank float64) int64 {
	if sku == strings.ToUpper(s.terms) {
		return 0
	}
	near := float64(2*len(s.words)) - rank
	spelt := splitWords(words)
	for _, w := range s.words {
		near -= w.similarityTo(spelt) / 2
	}
	return int64(1_000_000*near + 0.5)
}

func (w word) similarityTo(spelt []string) (most float64) {
	for _, s := range spelt {
		if s == w.text {
			return 1
		}
		most = max(most, w.similarity[s])
	}
	return most
}

// splitWords returns the words of a text in lower case: those between spaces
// without punctuation around them, and the parts of such as "usb-c".
func splitWords(text string) (words []string) {
	other := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		word = strings.TrimFunc(word, other)
		words = append(words, word)
		if strings.ContainsFunc(word, other) {
			words = append(words, strings.FieldsFunc(word, other)...)
		}
	}
	return words
}
