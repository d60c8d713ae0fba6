package coprocessor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/propagation"
)

// A client calls the coprocessor. It is safe for concurrent use.
type client struct {
	options Options
	http    *http.Client
}

func newClient(o Options) *client {
	return &client{o, &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			MaxConnsPerHost:       o.MaxConnections,
			MaxIdleConnsPerHost:   o.MaxConnections,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   o.Timeout,
			ResponseHeaderTimeout: o.Timeout,
			ForceAttemptHTTP2:     true,
		},
		// A redirect leads to another request, whose response does not count.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// call sends a message and reads the response, within the timeout.
func (c *client) call(ctx context.Context, m *message) (*answer, error) {
	m.Version, m.Control = version, "continue"
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("writing the message: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.options.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if c.options.Propagator != nil {
		c.options.Propagator.Inject(ctx, propagation.HeaderCarrier(r.Header))
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		_, _ = io.CopyN(io.Discard, response.Body, 4<<10) // so that the connection can be used again
		return nil, fmt.Errorf("it responded with status %d", response.StatusCode)
	}
	limit := int64(c.options.MaxResponseBytes)
	read, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading its response: %w", err)
	}
	if int64(len(read)) > limit {
		return nil, fmt.Errorf("its response is larger than %d bytes", limit)
	}
	return readAnswer(read, m)
}

// readAnswer parses the response to a message.
func readAnswer(text []byte, m *message) (*answer, error) {
	var a answer
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("its response is empty")
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("its response is not in the protocol: %w", err)
	}
	if err := a.check(m); err != nil {
		return nil, fmt.Errorf("its response is not in the protocol: %w", err)
	}
	return &a, nil
}
