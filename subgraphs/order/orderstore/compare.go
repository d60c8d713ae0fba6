package orderstore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5"
)

// storedRow is a row of the table orders as it is stored, whether or not it is a
// valid order.
type storedRow struct {
	id, userID, total                            int64
	status, currency                             string
	placedAt                                     time.Time
	cancelledAt                                  *time.Time
	cancelReason                                 *string
	version                                      int
	lines, rejection, address, payment, shipment []byte // JSON
}

// storedRows reads the rows from one ID to another.
func storedRows(ctx context.Context, tx pgx.Tx, first, last int64) (map[int64]storedRow, error) {
	rows, err := tx.Query(ctx, `SELECT `+columns+` FROM orders WHERE id BETWEEN $1 AND $2`, first, last)
	if err != nil {
		return nil, fmt.Errorf("reading orders: %w", err)
	}
	found := make(map[int64]storedRow, partSize)
	for rows.Next() {
		var s storedRow
		err := rows.Scan(&s.id, &s.userID, &s.status, &s.currency, &s.total, &s.lines, &s.placedAt, &s.cancelledAt, &s.cancelReason, &s.rejection, &s.version,
			&s.address, &s.payment, &s.shipment)
		if err != nil {
			return nil, fmt.Errorf("reading orders: %w", err)
		}
		found[s.id] = s
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading orders: %w", err)
	}
	return found, nil
}

// difference is a column whose value is not the one that follows from the
// events.
type difference struct{ column, got, want string }

// differences compares the row with an order.
func (s storedRow) differences(o Order) (found differences) {
	compareValue(&found, "cancel_reason", s.cancelReason, o.CancelReason)
	found.time("cancelled_at", s.cancelledAt, o.CancelledAt)
	compareValue(&found, "currency", &s.currency, &o.Currency)
	compareJSON(&found, "lines", s.lines, &o.Lines)
	compareJSON(&found, "payment", s.payment, o.Payment)
	found.time("placed_at", &s.placedAt, &o.PlacedAt)
	compareJSON(&found, "rejection", s.rejection, o.Rejection)
	compareJSON(&found, "shipment", s.shipment, o.Shipment)
	compareJSON(&found, "shipping_address", s.address, o.ShippingAddress)
	status := string(o.Status)
	compareValue(&found, "status", &s.status, &status)
	compareValue(&found, "total", &s.total, &o.Total)
	compareValue(&found, "user_id", &s.userID, &o.UserID)
	compareValue(&found, "version", &s.version, &o.Version)
	return found
}

type differences []difference

func (d *differences) add(column string, got, want string) {
	*d = append(*d, difference{column, got, want})
}

func compareValue[T comparable](d *differences, column string, got, want *T) {
	if got == want || got != nil && want != nil && *got == *want {
		return
	}
	d.add(column, orNull(got), orNull(want))
}

func (d *differences) time(column string, got, want *time.Time) {
	if got == want || got != nil && want != nil && got.Equal(*want) {
		return
	}
	show := func(t *time.Time) *string {
		if t == nil {
			return nil
		}
		text := t.UTC().Format(time.RFC3339Nano)
		return &text
	}
	d.add(column, orNull(show(got)), orNull(show(want)))
}

// compareJSON compares a column's JSON with the value that it should be of.
func compareJSON[T any](d *differences, column string, got []byte, want *T) {
	if got == nil && want == nil {
		return
	}
	if got != nil && want != nil {
		var value T
		decoder := json.NewDecoder(bytes.NewReader(got))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&value); err == nil && reflect.DeepEqual(value, *want) {
			return
		}
	}
	show := func(text []byte) string {
		if text == nil {
			return "null"
		}
		return string(text)
	}
	var wanted []byte
	if want != nil {
		var err error
		if wanted, err = json.Marshal(want); err != nil {
			wanted = fmt.Appendf(nil, "what cannot be encoded: %v", err)
		}
	}
	d.add(column, show(got), show(wanted))
}

func orNull[T any](value *T) string {
	if value == nil {
		return "null"
	}
	return fmt.Sprint(*value)
}
