// Package inventoryclient is how the order service speaks to the inventory
// service: GraphQL over HTTP, typed by genqlient from the inventory's schema,
// as package peer calls. Everything it asks for may be repeated.
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

// Client calls the inventory service. What it answers are errors of package
// schema; a *peer.Error says that it did not answer, and leaves open whether it
// did what it was asked to.
type Client struct{ peer *peer.Client }

// New makes a client of the service at a base URL.
func New(baseURL, token string, transport http.RoundTripper) *Client {
	return &Client{peer.New("inventory", baseURL, token, transport)}
}

// Ready is nil unless a call would fail at once.
func (c *Client) Ready() error { return c.peer.Ready() }

// Reserve holds all the lines for an order, or none, for a time. It is a
// schema.OutOfStock when there are not enough, and a schema.Conflict when the
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
		return fmt.Errorf("inventory refuses the lines of order %d: %s", order, answer.Message)
	}
	return fmt.Errorf("inventory answered reserveStock with %T", response.ReserveStock)
}

// Commit turns the order's hold into a sale. It is a schema.Conflict when the
// hold was released, or expired and the units are gone.
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
	return fmt.Errorf("inventory answered commitReservation with %T", response.CommitReservation)
}

// Release gives the order's units back, held or sold. It is a schema.NotFound
// when nothing was ever reserved for the order.
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
	return fmt.Errorf("inventory answered releaseReservation with %T", response.ReleaseReservation)
}

// Status says where the order's reservation stands; empty when it has none.
func (c *Client) Status(ctx context.Context, order int64) (ReservationStatus, error) {
	response, err := FindReservation(ctx, c.peer, id(order))
	if err != nil || response.Reservation == nil {
		return "", err
	}
	return response.Reservation.Status, nil
}

func id(n int64) string { return strconv.FormatInt(n, 10) }
