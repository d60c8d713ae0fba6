// Package inventoryclient is the order service's client of the inventory
// service: GraphQL over HTTP, with types that genqlient generates from the
// inventory schema, sent through package peer. All its calls are idempotent.
package inventoryclient

//go:generate go run github.com/Khan/genqlient genqlient.yaml

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"souk/subgraphs/internal/peer"
	"souk/subgraphs/internal/schema"
)

// Client calls the inventory service. The service's typed errors are those of
// package schema. A *peer.Error means that there was no response; the call may
// or may not have taken effect.
type Client struct{ peer *peer.Client }

// New returns a client of the service at a base URL.
func New(baseURL, token string, transport http.RoundTripper) *Client {
	return &Client{peer.New("inventory", baseURL, token, transport)}
}

// The operations, as the generated functions name them.
const (
	ReserveOperation = "ReserveStock"
	CommitOperation  = "CommitReservation"
	ReleaseOperation = "ReleaseReservation"
	StatusOperation  = "FindReservation"
)

// Ready returns nil unless a call of one of the operations would fail
// immediately. Each operation fails by itself.
func (c *Client) Ready(operations ...string) error { return c.peer.Ready(operations...) }

// Reserve holds all lines for an order, or none, for the duration of hold. It
// returns a schema.OutOfStock if units are short, and a schema.Conflict if the
// order's reservation was released before.
func (c *Client) Reserve(ctx context.Context, order int64, lines []ReservationLineInput, hold time.Duration) error {
	response, err := ReserveStock(ctx, c.peer, id(order), lines, int(hold.Seconds()))
	if err != nil {
		return err
	}
	switch answer := response.ReserveStock.(type) {
	case *ReserveStockReserveStockReservation:
		if answer.Status != ReservationStatusHeld && answer.Status != ReservationStatusCommitted {
			return schema.NewConflict("The reservation of order %d is %s.", order, answer.Status)
		}
		return nil
	case *ReserveStockReserveStockOutOfStock:
		short := &schema.OutOfStock{Message: answer.Message}
		for _, s := range answer.Shortages {
			short.Shortages = append(short.Shortages, &schema.Shortage{ProductID: s.ProductId, Requested: s.Requested, Available: s.Available})
		}
		return short
	case *ReserveStockReserveStockConflict:
		return &schema.Conflict{Message: answer.Message}
	case *ReserveStockReserveStockInvalidInput:
		return fmt.Errorf("inventory rejected the lines of order %d: %s", order, answer.Message)
	}
	return fmt.Errorf("inventory responded to reserveStock with %T", response.ReserveStock)
}

// Commit turns the order's hold into a sale. It returns a schema.Conflict if
// the hold was released, or if it expired and the units are gone.
func (c *Client) Commit(ctx context.Context, order int64) error {
	response, err := CommitReservation(ctx, c.peer, id(order))
	if err != nil {
		return err
	}
	switch answer := response.CommitReservation.(type) {
	case *CommitReservationCommitReservation:
		return nil
	case *CommitReservationCommitReservationConflict:
		return &schema.Conflict{Message: answer.Message}
	case *CommitReservationCommitReservationNotFound:
		return &schema.NotFound{Message: answer.Message}
	}
	return fmt.Errorf("inventory responded to commitReservation with %T", response.CommitReservation)
}

// Release returns the order's units to stock, held or sold. It returns a
// schema.NotFound if nothing was ever reserved for the order.
func (c *Client) Release(ctx context.Context, order int64) error {
	response, err := ReleaseReservation(ctx, c.peer, id(order))
	if err != nil {
		return err
	}
	switch answer := response.ReleaseReservation.(type) {
	case *ReleaseReservationReleaseReservation:
		return nil
	case *ReleaseReservationReleaseReservationConflict:
		return &schema.Conflict{Message: answer.Message}
	case *ReleaseReservationReleaseReservationNotFound:
		return &schema.NotFound{Message: answer.Message}
	}
	return fmt.Errorf("inventory responded to releaseReservation with %T", response.ReleaseReservation)
}

// Status returns the status of the order's reservation, or "" if it has none.
func (c *Client) Status(ctx context.Context, order int64) (ReservationStatus, error) {
	response, err := FindReservation(ctx, c.peer, id(order))
	if err != nil || response.Reservation == nil {
		return "", err
	}
	return response.Reservation.Status, nil
}

func id(n int64) string { return strconv.FormatInt(n, 10) }
