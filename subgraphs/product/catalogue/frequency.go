package catalogue

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// frequency says which part of all products matches a search, by a sample.
// It decides how Postgres finds the products, never which.
type frequency struct {
	words []float64 // the part that has each word, from 0 to 1
	all   float64   // the part that the search and the filters select
	last  int64     // the highest ID
	total float64   // about how many products there are
}

// The sample has chunks of neighbours at equal distances, and each once where
// IDs are missing.
const sampleChunks, chunkSize = 32, 16

// sample is what follows FROM in a query of the sampled products p. last.id is the
// highest ID of all.
var sample = fmt.Sprintf(`(SELECT coalesce(max(id), 0) AS id FROM products) AS last
	CROSS JOIN LATERAL (
		SELECT DISTINCT (SELECT min(id) FROM products WHERE id > last.id * chunk / %[1]d) AS id FROM generate_series(0, %[1]d - 1) AS chunk
	) AS start
	CROSS JOIN LATERAL (SELECT * FROM products WHERE id >= start.id ORDER BY id LIMIT %[2]d) AS p`, sampleChunks, chunkSize)

// frequency takes a sample.
func (c *Catalogue) frequency(ctx context.Context, s selection) (frequency, error) {
	var words []word
	if s.search != nil {
		words = s.search.words
	}
	f := frequency{words: make([]float64, len(words))}
	var q query
	var counts []string
	targets := []any{&f.last, &f.total, &f.all}
	counts = append(counts, "coalesce(max(last.id), 0)", "greatest((SELECT reltuples FROM pg_class WHERE oid = 'products'::regclass), 1)", share(s.condition(&q, lookUpAll)))
	for i, w := range words {
		counts, targets = append(counts, share(w.has(&q, true))), append(targets, &f.words[i])
	}
	err := c.db.QueryRow(ctx, "SELECT "+strings.Join(counts, ", ")+" FROM "+sample, q.args...).Scan(targets...)
	if err != nil {
		return f, fmt.Errorf("sampling the products: %w", err)
	}
	return f, nil
}

// share returns an expression for the part of the rows that a condition selects.
func share(condition string) string {
	return "coalesce(count(*) FILTER (WHERE " + condition + ")::float8 / nullif(count(*), 0), 0)"
}

// lookUpAll has all words looked up in the index.
func lookUpAll(int) bool { return true }

// rarerThan is how often a word may be, compared with the rarest one, for both
// to be looked up in the index. A word that is more frequent is checked in each
// product that has the others: reading its entries would take longer.
const rarerThan = 4

// indexed reports whether a word is looked up in the index.
func (f frequency) indexed(i int) bool {
	rarest := 1.0
	for _, share := range f.words {
		rarest = min(rarest, share)
	}
	return f.words[i] <= rarerThan*max(rarest, 1.0/(sampleChunks*chunkSize))
}

// expected is about how many products match. The number of products is an
// estimate of Postgres.
func (f frequency) expected() float64 { return f.all * f.total }

// span is in about how many IDs there are n matches.
func (f frequency) span(n int) int64 {
	if f.all == 0 {
		return f.last
	}
	return int64(float64(f.last) * min(1, float64(n)/f.expected()))
}

// method is a way to find products.
type method string

const (
	// walk reads products in the order of the list, until the page is complete.
	walk method = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
		set_config('enable_indexonlyscan', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true)`
	// readPrices reads the index products_by_price, and nothing else of the products
	// that are not on the page.
	readPrices method = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
		set_config('plan_cache_mode', 'force_custom_plan', true)`
	// gather reads the indexes of what the conditions select, and sorts that.
	gather method = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'off', true),
		set_config('plan_cache_mode', 'force_custom_plan', true)`
)

// readBy runs a statement by a method, and passes on the rows.
func (c *Catalogue) readBy(ctx context.Context, m method, statement string, args []any, collect func(pgx.Rows) error) error {
	var batch pgx.Batch // is a transaction, at whose end the settings end, too
	batch.Queue(string(m))
	batch.Queue(statement, args...)
	results := c.db.SendBatch(ctx, &batch)
	defer results.Close()
	if _, err := results.Exec(); err != nil {
		return fmt.Errorf("preparing a search: %w", err)
	}
	rows, err := results.Query()
	if err == nil {
		err = collect(rows)
	}
	if err = cmp.Or(err, results.Close()); err != nil {
		return fmt.Errorf("searching products: %w", err)
	}
	return nil
}
