package orderstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// repairBatchSize is how many orders are locked at a time.
const repairBatchSize = 200

// repair corrects rows by way of a temporary table, which its connection keeps.
type repair struct{ conn *pgxpool.Conn }

func newRepair(ctx context.Context, db *pgxpool.Pool) (repair, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return repair{}, fmt.Errorf("connecting to the database: %w", err)
	}
	r := repair{conn}
	if _, err := conn.Exec(ctx, `CREATE TEMPORARY TABLE repaired (LIKE orders) ON COMMIT DELETE ROWS`); err != nil {
		r.close()
		return repair{}, fmt.Errorf("creating the temporary table: %w", err)
	}
	return r, nil
}

// close ends the connection, and with it the temporary table.
func (r repair) close() {
	_ = r.conn.Conn().Close(context.Background())
	r.conn.Release()
}

// correct makes the rows of some orders equal to their events, as they are now.
// An order without events loses its row, and one with invalid events keeps it.
// It returns the number of rows that it wrote or removed.
//
// A change of an order appends an event and then writes the row, in one
// transaction. So while correct holds the lock of a row, no event of that order
// can be committed, and the events that it reads are all there are. A row that
// is missing cannot be locked: if a change writes it meanwhile, that row is
// right, and stays.
func (r repair) correct(ctx context.Context, ids []int64) (corrected int64, err error) {
	err = pgx.BeginFunc(ctx, r.conn, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT id FROM orders WHERE id = ANY($1) ORDER BY id FOR UPDATE`, ids)
		if err != nil {
			return fmt.Errorf("locking orders: %w", err)
		}
		locked, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return fmt.Errorf("locking orders: %w", err)
		}
		records, err := history(ctx, tx, ids)
		if err != nil {
			return err
		}
		var correct [][]any
		for _, id := range ids {
			o, err := fold(records[id])
			if err != nil || o.Version == 0 {
				continue
			}
			row, err := rowValues(o)
			if err != nil {
				return err
			}
			correct = append(correct, row)
		}
		corrected, err = writeRepaired(ctx, tx, locked, correct)
		return err
	})
	return corrected, err
}

func writeRepaired(ctx context.Context, tx pgx.Tx, locked []int64, correct [][]any) (written int64, err error) {
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"repaired"}, columnNames, pgx.CopyFromRows(correct)); err != nil {
		return 0, fmt.Errorf("filling the temporary table: %w", err)
	}
	// An update, rather than a new row: a change that waits for the lock would
	// not find a new row.
	updated, err := tx.Exec(ctx, `
		UPDATE orders o SET (`+columns+`) = (SELECT `+columns+` FROM repaired WHERE repaired.id = o.id)
		WHERE o.id = ANY($1) AND o.id IN (SELECT id FROM repaired)`, locked)
	if err != nil {
		return 0, fmt.Errorf("correcting rows: %w", err)
	}
	inserted, err := tx.Exec(ctx, `INSERT INTO orders (`+columns+`) SELECT `+columns+` FROM repaired ON CONFLICT (id) DO NOTHING`)
	if err != nil {
		return 0, fmt.Errorf("inserting missing rows: %w", err)
	}
	deleted, err := tx.Exec(ctx, `
		DELETE FROM orders o WHERE o.id = ANY($1) AND NOT EXISTS (SELECT FROM order_events e WHERE e.order_id = o.id)`, locked)
	if err != nil {
		return 0, fmt.Errorf("removing rows without events: %w", err)
	}
	return updated.RowsAffected() + inserted.RowsAffected() + deleted.RowsAffected(), nil
}
