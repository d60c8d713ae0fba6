package fetch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// maxBytes bounds a response, in bytes.
	maxBytes = 32 << 20
	// timeout bounds a request with its response.
	timeout = 10 * time.Second
)

// SDL fetches the SDL of the subgraph at a URL. It sends the headers with each request. If
// the subgraph has no _service, it introspects the subgraph.
func SDL(ctx context.Context, client *http.Client, url string, headers map[string]string) (string, error) {
	var service struct {
		Service struct {
			SDL string `json:"sdl"`
		} `json:"_service"`
	}
	err := query(ctx, client, url, headers, `{ _service { sdl } }`, &service)
	if sdl := service.Service.SDL; err == nil && strings.TrimSpace(sdl) != "" {
		return sdl, nil
	}
	refused := (*refusedError)(nil)
	if err != nil && !errors.As(err, &refused) {
		return "", err
	}
	var result struct {
		Schema *introspected `json:"__schema"`
	}
	var failed error
	for _, text := range introspectionQueries {
		if failed = query(ctx, client, url, headers, text, &result); !errors.As(failed, &refused) {
			break
		}
	}
	if failed == nil && result.Schema != nil && len(result.Schema.Types) > 0 {
		return result.Schema.sdl(), nil
	}
	if err == nil {
		err = fmt.Errorf("%s responded with an empty SDL", url)
	}
	if failed == nil {
		failed = errors.New("the response has no schema")
	}
	return "", fmt.Errorf("%w; introspection failed, too: %w; check that it is a Federation subgraph, and that it lets you read `_service { sdl }`", err, failed)
}

// A refusedError is an error in a response of GraphQL.
type refusedError struct{ url, message string }

func (e *refusedError) Error() string {
	return fmt.Sprintf("%s responded with an error: %s", e.url, e.message)
}

// query sends a query and decodes the data of the response into data.
func query(ctx context.Context, client *http.Client, url string, headers map[string]string, text string, data any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := json.Marshal(map[string]string{"query": text})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return unreachable(ctx, url, err)
	}
	defer response.Body.Close()
	received, err := io.ReadAll(io.LimitReader(response.Body, maxBytes+1))
	if err != nil {
		return unreachable(ctx, url, err)
	}
	if len(received) > maxBytes {
		return fmt.Errorf("the response of %s is larger than %d MB", url, maxBytes>>20)
	}
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(received, &answer); err != nil {
		return fmt.Errorf("%s responded with status %d and without a GraphQL response in JSON; is it the URL of the GraphQL endpoint?", url, response.StatusCode)
	}
	if len(answer.Errors) > 0 {
		return &refusedError{url, strings.Join(strings.Fields(answer.Errors[0].Message), " ")}
	}
	if len(answer.Data) == 0 || string(answer.Data) == "null" {
		return fmt.Errorf("%s responded with status %d and without data", url, response.StatusCode)
	}
	if err := json.Unmarshal(answer.Data, data); err != nil {
		return fmt.Errorf("%s responded with data of another form: %w", url, err)
	}
	return nil
}

// unreachable describes why there is no response.
func unreachable(ctx context.Context, url string, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%s did not respond within %v", url, timeout)
	}
	return fmt.Errorf("cannot reach the server: %w; start it, or correct its URL", err)
}
