package dev

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

const (
	// carrierInterval is how often the carrier looks for parcels.
	carrierInterval = 2 * time.Second
	// carrierTimeout bounds a call of the order service.
	carrierTimeout = 10 * time.Second
	// carrierBatch is how many parcels it takes at a time, the oldest first.
	carrierBatch = 50
	carrierName  = "Souk Post"
	// serviceTokenHeader is the header with the token that the services share.
	serviceTokenHeader = "Souk-Service-Token"
	// maxCarrierResponse bounds the response that is read, in bytes.
	maxCarrierResponse = 1 << 20
)

// startCarrier starts the simulated carrier, if the options ask for one.
func (s *System) startCarrier(ctx context.Context) {
	if s.opts.ShipAfter <= 0 && s.opts.DeliverAfter <= 0 {
		return
	}
	c := &carrier{
		url: s.URL("order") + "/graphql", token: s.token, shipAfter: s.opts.ShipAfter, deliverAfter: s.opts.DeliverAfter,
		started: time.Now(),
		client:  &http.Client{Timeout: carrierTimeout}, logger: slog.New(slog.NewJSONHandler(s.opts.Log, nil)),
	}
	s.carrier = launch(ctx, "the carrier", s.failed, c.run)
}

// carrier ships and delivers orders as a carrier's system would: with the
// mutations of the order service.
type carrier struct {
	url, token   string
	shipAfter    time.Duration // 0: it ships nothing
	deliverAfter time.Duration // 0: it delivers nothing
	started      time.Time     // what happened before counts as if it happened then
	client       *http.Client
	logger       *slog.Logger
}

func (c *carrier) run(ctx context.Context) error {
	ticker := time.NewTicker(carrierInterval)
	defer ticker.Stop()
	defer c.client.CloseIdleConnections()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := c.round(ctx); err != nil && ctx.Err() == nil {
			c.logger.WarnContext(ctx, "the carrier could not take or deliver parcels; it tries again", "error", err)
		}
	}
}

// parcel is an order as the carrier sees it.
type parcel struct {
	ID       string
	PlacedAt time.Time
	Shipment *struct{ ShippedAt time.Time }
}

func (c *carrier) round(ctx context.Context) error {
	if c.shipAfter > 0 {
		parcels, err := c.oldest(ctx, "CONFIRMED")
		if err != nil {
			return err
		}
		for _, p := range parcels {
			if c.age(p.PlacedAt) < c.shipAfter {
				continue
			}
			err := c.call(ctx, `mutation ($id: ID!, $carrier: String, $number: String) {
				shipOrder(input: {id: $id, carrier: $carrier, trackingNumber: $number}) { __typename } }`,
				map[string]any{"id": p.ID, "carrier": carrierName, "number": trackingNumber(p.ID)}, nil)
			if err != nil {
				return fmt.Errorf("shipping order %s: %w", p.ID, err)
			}
		}
	}
	if c.deliverAfter == 0 {
		return nil
	}
	parcels, err := c.oldest(ctx, "SHIPPED")
	if err != nil {
		return err
	}
	for _, p := range parcels {
		if p.Shipment == nil || c.age(p.Shipment.ShippedAt) < c.deliverAfter {
			continue
		}
		err := c.call(ctx, `mutation ($id: ID!) { deliverOrder(input: {id: $id}) { __typename } }`, map[string]any{"id": p.ID}, nil)
		if err != nil {
			return fmt.Errorf("delivering order %s: %w", p.ID, err)
		}
	}
	return nil
}

// age returns how long ago something happened, or how long ago the carrier
// started. So the sample's orders are not all shipped at the start.
func (c *carrier) age(of time.Time) time.Duration { return min(time.Since(of), time.Since(c.started)) }

// trackingNumber returns the number of an order's parcel, such as SP0000000042.
func trackingNumber(order string) string {
	n, _ := strconv.ParseInt(order, 10, 64) // orders have numeric IDs
	return fmt.Sprintf("SP%010d", n)
}

// oldest returns the oldest orders with a status.
func (c *carrier) oldest(ctx context.Context, status string) ([]parcel, error) {
	var data struct{ Orders struct{ Nodes []parcel } }
	err := c.call(ctx, `query ($status: OrderStatus, $last: Int) {
		orders(status: $status, last: $last) { nodes { id placedAt shipment { shippedAt } } } }`,
		map[string]any{"status": status, "last": carrierBatch}, &data)
	if err != nil {
		return nil, fmt.Errorf("looking for %s orders: %w", status, err)
	}
	return data.Orders.Nodes, nil
}

func (c *carrier) call(ctx context.Context, operation string, variables map[string]any, data any) error {
	body, err := json.Marshal(map[string]any{"query": operation, "variables": variables})
	if err != nil {
		return fmt.Errorf("encoding a request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("creating a request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(serviceTokenHeader, c.token)
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		Data   json.RawMessage
		Errors []struct{ Message string }
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxCarrierResponse)).Decode(&answer); err != nil {
		return fmt.Errorf("decoding the response (status %d): %w", response.StatusCode, err)
	}
	if len(answer.Errors) > 0 {
		return fmt.Errorf("the order service responded with an error: %s", answer.Errors[0].Message)
	}
	if data == nil {
		return nil
	}
	return json.Unmarshal(answer.Data, data)
}
