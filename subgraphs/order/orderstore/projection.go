package orderstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// columns lists the columns of orders in the order that rowValues and
// scanOrder use.
const columns = `id, user_id, status, currency, total, lines, placed_at, cancelled_at, cancel_reason, rejection, version`

// columnNames has the same columns as a slice.
var columnNames = strings.Split(columns, ", ")

// project writes an order's state to the table that reads use.
func project(ctx context.Context, tx pgx.Tx, o Order) error {
	row, err := rowValues(o)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO orders (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (id) DO UPDATE SET
			status = excluded.status, cancelled_at = excluded.cancelled_at,
			cancel_reason = excluded.cancel_reason, rejection = excluded.rejection, version = excluded.version`, row...)
	if err != nil {
		return fmt.Errorf("writing the state of order %d: %w", o.ID, err)
	}
	return nil
}

// rowValues returns an order's column values, in the order of columns.
func rowValues(o Order) ([]any, error) {
	lines, err := json.Marshal(o.Lines)
	if err != nil {
		return nil, fmt.Errorf("encoding the lines of order %d: %w", o.ID, err)
	}
	var rejection []byte
	if o.Rejection != nil {
		if rejection, err = json.Marshal(o.Rejection); err != nil {
			return nil, fmt.Errorf("encoding the rejection of order %d: %w", o.ID, err)
		}
	}
	return []any{o.ID, o.UserID, o.Status, o.Currency, o.Total, lines, o.PlacedAt, o.CancelledAt, o.CancelReason, rejection, o.Version}, nil
}

func scanOrder(row pgx.CollectableRow) (Order, error) {
	var o Order
	err := row.Scan(&o.ID, &o.UserID, &o.Status, &o.Currency, &o.Total, &o.Lines, &o.PlacedAt, &o.CancelledAt, &o.CancelReason, &o.Rejection, &o.Version)
	return o, err
}
