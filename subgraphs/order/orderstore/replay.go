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

// Replay rebuilds every order from its events and compares it with the table
// orders. It writes a line to w for each difference and a summary, and calls
// progress, unless it is nil, from time to time. It changes nothing and may run
// beside a live service: it reads a part of the orders at a time, each in a
// snapshot of its own, and holds no locks.
func Replay(ctx context.Context, db *pgxpool.Pool, w io.Writer, progress Progress) (differences int, err error) {
	r := replay{db: db, out: w, progress: progress}
	if err := r.run(ctx, func([]int64) error { return nil }); err != nil {
		return r.differences, fmt.Errorf("replaying the orders: %w", err)
	}
	return r.differences, nil
}

// Rebuild does what Replay does and corrects the table orders part by part.
// Orders whose events are invalid stay as they are. It may run beside a live
// service: it locks a few orders at a time, so that a change of such an order
// waits for a moment. The last line that it writes to w says how many orders it
// has corrected. It also returns how many it had to leave.
func Rebuild(ctx context.Context, db *pgxpool.Pool, w io.Writer, progress Progress) (differences, left int, err error) {
	repair, err := newRepair(ctx, db)
	if err != nil {
		return 0, 0, err
	}
	defer repair.close()
	r := replay{db: repair.conn, out: w, progress: progress}
	corrected := int64(0)
	err = r.run(ctx, func(wrong []int64) error {
		for some := range slices.Chunk(wrong, repairBatchSize) {
			n, err := repair.correct(ctx, some)
			if corrected += n; err != nil {
				return fmt.Errorf("correcting the orders: %w", err)
			}
		}
		return nil
	})
	if err == nil {
		_, err = fmt.Fprintf(w, "%d orders corrected\n", corrected)
	}
	if err != nil {
		return r.differences, r.invalid, fmt.Errorf("rebuilding the orders, after %d were corrected: %w", corrected, err)
	}
	return r.differences, r.invalid, nil
}

// Progress is told how many orders and events have been read.
type Progress func(orders, events int)

// progressEvery is after how many orders Progress is called.
const progressEvery = 100_000

// partSize is how many orders are read at a time. It bounds the rows in memory;
// of the events, those of one order are.
const partSize = 2000

// beginner is a pool or a connection.
type beginner interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

type replay struct {
	db       beginner
	out      io.Writer
	progress Progress

	orders, events, differences int
	invalid                     int // orders that cannot be rebuilt
}

// run compares all orders. It calls correct with the orders of each part that
// differ.
func (r *replay) run(ctx context.Context, correct func(wrong []int64) error) error {
	for after, reported := int64(0), 0; ; {
		p := part{replay: r}
		last, err := p.read(ctx, after)
		if err != nil {
			return err
		}
		if last == 0 {
			break
		}
		if err := correct(p.wrong); err != nil {
			return err
		}
		if after = last; r.progress != nil && r.orders-reported >= progressEvery {
			reported = r.orders
			r.progress(r.orders, r.events)
		}
	}
	_, err := fmt.Fprintf(r.out, "%d orders rebuilt from %d events: %d differences\n", r.orders, r.events, r.differences)
	return err
}

func (r *replay) report(format string, args ...any) error {
	r.differences++
	if _, err := fmt.Fprintf(r.out, format+"\n", args...); err != nil {
		return errors.Join(errors.New("writing the report"), err)
	}
	return nil
}

// part is a range of orders.
type part struct {
	*replay
	rows  map[int64]storedRow // of the table orders, without those that were compared
	wrong []int64             // the orders that differ, without repetition
}

// read compares the orders of the part that starts after an ID, and returns the
// part's last ID, or 0 if there is none.
func (p *part) read(ctx context.Context, after int64) (last int64, err error) {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, p.db, snapshot, func(tx pgx.Tx) error {
		var first *int64
		err := tx.QueryRow(ctx, `SELECT least((SELECT min(order_id) FROM order_events WHERE order_id > $1),
			(SELECT min(id) FROM orders WHERE id > $1))`, after).Scan(&first)
		if err != nil || first == nil {
			return err
		}
		last = *first + partSize - 1
		if p.rows, err = storedRows(ctx, tx, *first, last); err != nil {
			return err
		}
		if err := p.fold(ctx, tx, *first, last); err != nil {
			return err
		}
		return p.compareRest()
	})
	return last, err
}

// fold rebuilds the orders from first to last, and compares each with its row.
func (p *part) fold(ctx context.Context, tx pgx.Tx, first, last int64) error {
	rows, err := tx.Query(ctx, `SELECT order_id, version, type, data, at, actor FROM order_events
		WHERE order_id BETWEEN $1 AND $2 ORDER BY order_id, version`, first, last)
	if err != nil {
		return fmt.Errorf("reading order events: %w", err)
	}
	var open []StoredEvent // of the order that is being read
	err = forEachEvent(rows, func(record StoredEvent) error {
		p.events++
		if len(open) > 0 && open[0].OrderID != record.OrderID {
			if err := p.compare(open); err != nil {
				return err
			}
			open = open[:0]
		}
		open = append(open, record)
		return nil
	})
	if err != nil || len(open) == 0 {
		return err
	}
	return p.compare(open)
}

// compare compares the order that has the events with its row.
func (p *part) compare(records []StoredEvent) error {
	p.orders++
	id := records[0].OrderID
	o, err := fold(records)
	if err != nil {
		p.invalid++
		delete(p.rows, id) // it cannot be compared
		return p.report("order %d cannot be rebuilt: %v", id, err)
	}
	row, ok := p.rows[id]
	if !ok {
		p.wrong = append(p.wrong, id)
		return p.report("order %d is missing in orders", id)
	}
	delete(p.rows, id)
	found := row.differences(o)
	if found != nil {
		p.wrong = append(p.wrong, id)
	}
	for _, d := range found {
		if err := p.report("order %d: %s is %s, but its events say %s", id, d.column, d.got, d.want); err != nil {
			return err
		}
	}
	return nil
}

// compareRest reports the rows that have no events.
func (p *part) compareRest() error {
	ids := make([]int64, 0, len(p.rows))
	for id := range p.rows {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		p.wrong = append(p.wrong, id)
		if err := p.report("order %d is in orders but has no events", id); err != nil {
			return err
		}
	}
	return nil
}
