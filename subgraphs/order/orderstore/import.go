package orderstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Past is an order that was: its events, each with its time.
type PastOrder struct {
	Actor  string
	Events []Event
	Times  []time.Time
}

// Import writes past orders into an empty ledger, oldest first, and tells
// nobody: nothing is announced, no stock released. A ledger that has orders is
// left as it is; done says whether it was empty.
func Import(ctx context.Context, db *pgxpool.Pool, past []PastOrder) (done bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE order_events IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		var used bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM order_events)`).Scan(&used); err != nil || used {
			return err
		}
		done = true
		for _, p := range past {
			if err := p.write(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("importing orders: %w", err)
	}
	return done, nil
}

func (p PastOrder) write(ctx context.Context, tx pgx.Tx) error {
	var o Order
	if err := tx.QueryRow(ctx, `SELECT nextval('order_ids')`).Scan(&o.ID); err != nil {
		return err
	}
	for i, event := range p.Events {
		at := p.Times[i].UTC().Truncate(time.Microsecond)
		if err := appendEvent(ctx, tx, &o, p.Actor, at, event); err != nil {
			return err
		}
	}
	return nil
}
