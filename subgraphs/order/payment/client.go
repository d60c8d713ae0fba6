package payment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"souk/subgraphs/internal/peer"
)

// limits bound a call of the provider. A provider asks banks, so it may take
// longer than a service of the store.
var limits = peer.Limits{Call: 4 * time.Second, Attempt: 1500 * time.Millisecond, Retries: 2}

// maxResponse bounds the response of the provider that is read, in bytes.
const maxResponse = 64 << 10

// Client calls a provider with the HTTP API of package simulator.
type Client struct {
	url    string
	key    string
	http   *http.Client
	policy *peer.Policy
}

var _ Provider = (*Client)(nil)

// NewClient returns a client of the provider at a base URL. It authenticates
// with an API key, unless that is empty. The transport sees every attempt; nil
// means http.DefaultTransport.
func NewClient(baseURL, apiKey string, transport http.RoundTripper) *Client {
	return &Client{url: baseURL, key: apiKey, http: &http.Client{Transport: transport}, policy: peer.NewPolicy("payment", limits, noResponse)}
}

// statusError is a response that says nothing about the payment.
type statusError struct{ status int }

func (e statusError) Error() string {
	return fmt.Sprintf("the payment provider responded with status %d", e.status)
}

// noResponse reports whether an error means that the provider did not respond.
func noResponse(err error) bool {
	if status := (statusError{}); errors.As(err, &status) {
		return status.status >= http.StatusInternalServerError || status.status == http.StatusTooManyRequests
	}
	var declined *Declined
	var refused *Refused
	return err != nil && !errors.As(err, &declined) && !errors.As(err, &refused)
}

// Ready implements Provider.
func (c *Client) Ready(operations ...Operation) error { return c.policy.Ready(operations...) }

// Authorize implements Provider.
func (c *Client) Authorize(ctx context.Context, a Authorization) error {
	body, err := json.Marshal(NewPayment{Amount: a.Amount, Currency: a.Currency, Token: a.Token, Reference: a.Reference})
	if err != nil {
		return fmt.Errorf("encoding an authorisation: %w", err)
	}
	p, err := c.call(ctx, Authorize, http.MethodPut, c.path(a.Key), body)
	switch {
	case err != nil:
		return err
	case p.Status == DeclinedState:
		return &Declined{Reason: p.DeclineReason, Message: p.DeclineMessage}
	case p.Status == Voided:
		return &Refused{Status: p.Status, Reason: "voided"}
	}
	return nil
}

// Capture implements Provider.
func (c *Client) Capture(ctx context.Context, key string) error {
	_, err := c.call(ctx, Capture, http.MethodPost, c.path(key, "capture"), nil)
	return err
}

// Void implements Provider.
func (c *Client) Void(ctx context.Context, key string) (held bool, err error) {
	p, err := c.call(ctx, Void, http.MethodPost, c.path(key, "void"), nil)
	return p.Amount > 0 && p.Status == Voided, err
}

// Refund implements Provider.
func (c *Client) Refund(ctx context.Context, key string) error {
	_, err := c.call(ctx, Refund, http.MethodPost, c.path(key, "refund"), nil)
	return err
}

func (c *Client) path(key string, action ...string) string {
	path, err := url.JoinPath(c.url, append([]string{"payments", url.PathEscape(key)}, action...)...)
	if err != nil {
		return c.url // the base URL was checked at the start; the call fails with it
	}
	return path
}

func (c *Client) call(ctx context.Context, operation, method, target string, body []byte) (p State, err error) {
	err = c.policy.Do(ctx, operation, func(ctx context.Context) error {
		p, err = c.attempt(ctx, method, target, body)
		return err
	})
	return p, err
}

func (c *Client) attempt(ctx context.Context, method, target string, body []byte) (p State, err error) {
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return p, fmt.Errorf("creating a request to the payment provider: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if c.key != "" {
		request.Header.Set("Authorization", "Bearer "+c.key)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return p, fmt.Errorf("calling the payment provider: %w", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	if err != nil {
		return p, fmt.Errorf("reading the response of the payment provider: %w", err)
	}
	switch response.StatusCode {
	case http.StatusOK:
		if err := json.Unmarshal(data, &p); err != nil {
			return p, fmt.Errorf("decoding the response of the payment provider: %w", err)
		}
		return p, nil
	case http.StatusConflict, http.StatusNotFound:
		var problem Problem
		if err := json.Unmarshal(data, &problem); err != nil {
			return p, fmt.Errorf("decoding the response of the payment provider: %w", err)
		}
		return p, &Refused{Status: problem.Status, Reason: problem.Reason}
	}
	return p, statusError{response.StatusCode}
}
