package orderstore

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// columns lists the columns of orders in the order that rowValues and
// scanOrder use.
const columns = `id, user_id, status, currency, total, lines, placed_at, cancelled_at, cancel_reason, rejection, version,
	shipping_address, payment, shipment`

// columnNames has the same columns as a slice.
var columnNames = strings.Split(strings.Join(strings.Fields(columns), ""), ",")

// project adds an order's state to a batch, for the table that reads use.
func project(b *pgx.Batch, o Order) error {
	row, err := rowValues(o)
	if err != nil {
		return err
	}
	b.Queue(`
		INSERT INTO orders (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (id) DO UPDATE SET
			status = excluded.status, cancelled_at = excluded.cancelled_at,
			cancel_reason = excluded.cancel_reason, rejection = excluded.rejection, version = excluded.version,
			shipping_address = excluded.shipping_address, payment = excluded.payment, shipment = excluded.shipment`, row...)
	return nil
}

// rowValues returns an order's column values, in the order of columns.
func rowValues(o Order) ([]any, error) {
	lines, err := encode(o.ID, "lines", &o.Lines)
	if err != nil {
		return nil, err
	}
	rejection, err := encode(o.ID, "rejection", o.Rejection)
	if err != nil {
		return nil, err
	}
	address, err := encode(o.ID, "shipping address", o.ShippingAddress)
	if err != nil {
		return nil, err
	}
	payment, err := encode(o.ID, "payment", o.Payment)
	if err != nil {
		return nil, err
	}
	shipment, err := encode(o.ID, "shipment", o.Shipment)
	if err != nil {
		return nil, err
	}
	return []any{
		o.ID, o.UserID, o.Status, o.Currency, o.Total, lines, o.PlacedAt, o.CancelledAt, o.CancelReason, rejection, o.Version,
		address, payment, shipment,
	}, nil
}

// encode returns a value as JSON, or nil for nil.
func encode[T any](order int64, name string, value *T) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encoding the %s of order %d: %w", name, order, err)
	}
	return data, nil
}

func scanOrder(row pgx.CollectableRow) (Order, error) {
	var o Order
	err := row.Scan(&o.ID, &o.UserID, &o.Status, &o.Currency, &o.Total, &o.Lines, &o.PlacedAt, &o.CancelledAt, &o.CancelReason, &o.Rejection, &o.Version,
		&o.ShippingAddress, &o.Payment, &o.Shipment)
	return o, err
}
