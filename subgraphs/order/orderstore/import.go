package orderstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// PastOrder is an order to import: its events, each with its time.
type PastOrder struct {
	Actor  string
	Events []Event
	Times  []time.Time
}

// Import writes past orders into an empty store, oldest first. It publishes no
// events and releases no stock. A store that has orders stays unchanged; done
// reports whether it was empty.
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
