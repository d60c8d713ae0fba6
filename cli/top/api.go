package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxResponse bounds a response of the API in bytes.
const maxResponse = 32 << 20

// A Client reads the API of a router's console.
type Client struct {
	// URL is the base URL of the router's admin port.
	URL string
	// Token is the console's token; empty in development.
	Token string
	HTTP  *http.Client
}

// errNotFound means that the API has no such resource.
var errNotFound = errors.New("not found")

// get reads a resource of the API, such as /info.
func (c *Client) get(ctx context.Context, path string, query url.Values) (json.RawMessage, error) {
	address := strings.TrimSuffix(c.URL, "/") + "/console/api" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("--url: %w", err)
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		if outer := (*url.Error)(nil); errors.As(err, &outer) {
			err = outer.Err // without the URL, which the message has already
		}
		return nil, fmt.Errorf("cannot reach the router at %s: %w; set --url to its admin port (souk dev prints it)", c.URL, err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := c.refused(response); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", path, err)
	case len(body) > maxResponse:
		return nil, fmt.Errorf("the response to %s is longer than %d bytes", path, maxResponse)
	case !json.Valid(body):
		return nil, fmt.Errorf("%s did not respond with JSON; is it the admin port of a router?", c.URL)
	}
	return body, nil
}

// refused returns the error that a response reports.
func (c *Client) refused(r *http.Response) error {
	switch {
	case r.StatusCode == http.StatusOK:
		return nil
	case r.StatusCode == http.StatusNotFound:
		return errNotFound
	case r.StatusCode == http.StatusUnauthorized && c.Token == "":
		return errors.New("the console needs a token; set SOUK_CONSOLE_TOKEN, --token or --token-file to the router's admin.console.token")
	case r.StatusCode == http.StatusUnauthorized:
		return errors.New("the router rejected the token; set SOUK_CONSOLE_TOKEN, --token or --token-file to its admin.console.token")
	}
	var problem struct{ Detail string }
	text, _ := io.ReadAll(io.LimitReader(r.Body, 4<<10)) // a missing detail is no reason to fail
	if json.Unmarshal(text, &problem) == nil && problem.Detail != "" {
		return fmt.Errorf("the router responded with status %d: %s", r.StatusCode, clean(problem.Detail))
	}
	return fmt.Errorf("the router responded with status %d", r.StatusCode)
}

// Trace reads a trace.
func (c *Client) Trace(ctx context.Context, id string) (Trace, error) {
	var t Trace
	body, err := c.get(ctx, "/traces/"+url.PathEscape(id), nil)
	if errors.Is(err, errNotFound) {
		return t, errors.New("the router no longer keeps this trace")
	}
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(body, &t); err != nil {
		return t, fmt.Errorf("decoding a trace: %w", err)
	}
	return t, nil
}
