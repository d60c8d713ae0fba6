package orderstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Replay rebuilds every order from its events in a temporary table and
// compares it with the table orders, both in one snapshot of the database. It
// writes a line to w for each difference and a summary. It changes nothing and
// may run beside a live service.
func Replay(ctx context.Context, db *pgxpool.Pool, w io.Writer) (differences int, err error) {
	return inSnapshot(ctx, db, w, (*replay).run)
}

// Rebuild does what Replay does and then corrects the table orders. Orders
// whose events are invalid stay as they are. It may run beside a live service:
// it compares in a snapshot, without a lock, and corrects a few orders at a
// time, so that a change of such an order waits for a moment.
func Rebuild(ctx context.Context, db *pgxpool.Pool, w io.Writer) (differences int, err error) {
	var wrong []int64
	differences, err = inSnapshot(ctx, db, w, func(r *replay, ctx context.Context) error {
		if err := r.run(ctx); err != nil {
			return err
		}
		wrong = r.wrong
		return nil
	})
	if err != nil {
		return differences, err
	}
	for part := range slices.Chunk(wrong, repairBatchSize) {
		if err := repair(ctx, db, part); err != nil {
			return differences, fmt.Errorf("correcting the orders: %w", err)
		}
	}
	return differences, nil
}

func inSnapshot(ctx context.Context, db *pgxpool.Pool, w io.Writer, do func(*replay, context.Context) error) (differences int, err error) {
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		r := replay{tx: tx, out: w}
		if err := do(&r, ctx); err != nil {
			return err
		}
		differences = r.differences
		_, err := fmt.Fprintf(w, "%d orders rebuilt from %d events: %d differences\n", r.orders, r.events, r.differences)
		return err
	})
	if err != nil {
		return differences, fmt.Errorf("replaying the orders: %w", err)
	}
	return differences, nil
}

type replay struct {
	tx                          pgx.Tx
	out                         io.Writer
	orders, events, differences int
	wrong                       []int64 // the orders that differ, without repetition
}

// batchSize is the number of events read at a time. It bounds the events, and
// so the orders, in memory.
const batchSize = 1000

func (r *replay) run(ctx context.Context) error {
	if _, err := r.tx.Exec(ctx, `CREATE TEMPORARY TABLE replayed (LIKE orders) ON COMMIT DROP`); err != nil {
		return fmt.Errorf("creating the temporary table: %w", err)
	}
	_, err := r.tx.Exec(ctx, `DECLARE replaying NO SCROLL CURSOR FOR
		SELECT order_id, version, type, data, at, actor FROM order_events ORDER BY order_id, version`)
	if err != nil {
		return fmt.Errorf("reading order events: %w", err)
	}
	var open []StoredEvent // the last order of the previous batches, which may continue
	for {
		fetched, err := r.fetch(ctx)
		if err != nil {
			return err
		}
		whole, rest := groupByOrder(append(open, fetched...), len(fetched) < batchSize)
		if err := r.rebuild(ctx, whole); err != nil {
			return err
		}
		if open = rest; len(fetched) < batchSize {
			return r.compare(ctx)
		}
	}
}

func (r *replay) fetch(ctx context.Context) (records []StoredEvent, err error) {
	rows, err := r.tx.Query(ctx, fmt.Sprintf(`FETCH %d FROM replaying`, batchSize))
	if err != nil {
		return nil, fmt.Errorf("reading order events: %w", err)
	}
	err = forEachEvent(rows, func(record StoredEvent) error {
		records = append(records, record)
		return nil
	})
	r.events += len(records)
	return records, err
}

// groupByOrder groups events by order. Unless all is set, the last group is
// returned as rest, because its order may continue in the next batch.
func groupByOrder(records []StoredEvent, all bool) (whole [][]StoredEvent, rest []StoredEvent) {
	start := 0
	for i := range records {
		if records[i].OrderID != records[start].OrderID {
			whole = append(whole, records[start:i])
			start = i
		}
	}
	rest = records[start:]
	if all && len(rest) > 0 {
		whole, rest = append(whole, rest), nil
	}
	return whole, rest
}

func (r *replay) rebuild(ctx context.Context, histories [][]StoredEvent) error {
	var rows [][]any
	for _, records := range histories {
		r.orders++
		o, err := fold(records)
		if err != nil {
			if err := r.report("order %d cannot be rebuilt: %v", records[0].OrderID, err); err != nil {
				return err
			}
			continue
		}
		row, err := rowValues(o)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	_, err := r.tx.CopyFrom(ctx, pgx.Identifier{"replayed"}, columnNames, pgx.CopyFromRows(rows))
	if err != nil {
		return fmt.Errorf("filling the temporary table: %w", err)
	}
	return nil
}

// compare reports each differing field. An order that exists on one side only
// is one difference.
func (r *replay) compare(ctx context.Context) error {
	rows, err := r.tx.Query(ctx, `
		SELECT coalesce(o.id, s.id), o.id IS NOT NULL, s.id IS NOT NULL, f.key, f.value::text, to_jsonb(s) ->> f.key
		FROM orders o FULL JOIN replayed s USING (id)
		CROSS JOIN LATERAL jsonb_each_text(coalesce(to_jsonb(o), '{"id": null}')) AS f
		WHERE (o.id IS NULL OR s.id IS NULL) AND f.key = 'id'
			OR o.id IS NOT NULL AND s.id IS NOT NULL AND f.value IS DISTINCT FROM (to_jsonb(s) ->> f.key)
		ORDER BY 1, 4`)
	if err != nil {
		return fmt.Errorf("comparing the orders: %w", err)
	}
	var id int64
	var projected, replayed bool
	var field string
	var got, want *string
	_, err = pgx.ForEachRow(rows, []any{&id, &projected, &replayed, &field, &got, &want}, func() error {
		if n := len(r.wrong); n == 0 || r.wrong[n-1] != id { // sorted by ID
			r.wrong = append(r.wrong, id)
		}
		switch {
		case !projected:
			return r.report("order %d is missing in orders", id)
		case !replayed:
			return r.report("order %d is in orders but has no valid events", id)
		default:
			return r.report("order %d: %s is %s, but its events say %s", id, field, orNull(got), orNull(want))
		}
	})
	if err != nil {
		return fmt.Errorf("comparing the orders: %w", err)
	}
	return nil
}

func (r *replay) report(format string, args ...any) error {
	r.differences++
	if _, err := fmt.Fprintf(r.out, format+"\n", args...); err != nil {
		return errors.Join(errors.New("writing the report"), err)
	}
	return nil
}

func orNull(value *string) string {
	if value == nil {
		return "null"
	}
	return *value
}
