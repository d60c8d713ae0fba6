package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// The media types of responses.
const (
	graphqlMedia = "application/graphql-response+json"
	jsonMedia    = "application/json"
)

// errNoResponse means that a request got no response of HTTP.
var errNoResponse = errors.New("no response")

// A redirectedError means that a subgraph is at another URL.
type redirectedError struct {
	url, to string
	status  int
}

func (e redirectedError) Error() string {
	return fmt.Sprintf("%s redirects to %s with status %d; name the URL of the subgraph itself", e.url, short(e.to), e.status)
}

// A response is a response of the subgraph.
type response struct {
	status  int
	media   string // without parameters
	hasData bool
	data    map[string]any // nil if data is null
	errors  []graphqlError
}

// A graphqlError is an error in a response.
type graphqlError struct {
	Message string `json:"message"`
	Path    []any  `json:"path"`
}

func (r *response) firstError() string {
	if len(r.errors) == 0 {
		return ""
	}
	return short(r.errors[0].Message)
}

// short bounds a text of the subgraph.
func short(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 300 {
		return string(runes[:300]) + "..."
	}
	return text
}

// send sends a query with variables, and returns the response if it is one of GraphQL.
func (p *prober) send(ctx context.Context, query string, variables map[string]any) (*response, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return nil, fmt.Errorf("encoding the request: %w", err)
	}
	return p.sendBody(ctx, body)
}

func (p *prober) sendBody(ctx context.Context, body []byte) (*response, error) {
	r, text, err := p.exchange(ctx, body)
	if err != nil {
		return nil, err
	}
	return r, r.read(text)
}

// exchange sends a body and returns the response with its body.
func (p *prober) exchange(ctx context.Context, body []byte) (*response, []byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.Timeout, fmt.Errorf("it did not respond within %v", p.Timeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL, bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("%w of %s: %w", errNoResponse, p.URL, err)
	}
	request.Header.Set("Content-Type", jsonMedia)
	request.Header.Set("Accept", graphqlMedia+", "+jsonMedia+";q=0.9")
	for name, value := range p.Headers {
		if http.CanonicalHeaderKey(name) == "Host" {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	answer, err := p.client.Do(request)
	if err != nil {
		return nil, nil, fmt.Errorf("%w from %s: %w", errNoResponse, p.URL, cause(ctx, err))
	}
	defer func() { _ = answer.Body.Close() }()
	if to, err := answer.Location(); err == nil && answer.StatusCode/100 == 3 {
		return nil, nil, redirectedError{p.URL, to.String(), answer.StatusCode}
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("%w from %s: reading it failed: %w", errNoResponse, p.URL, cause(ctx, err))
	}
	if len(text) > maxBytes {
		return nil, nil, fmt.Errorf("the response has more than %d MB", maxBytes>>20)
	}
	media, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")) // contentType reports it
	return &response{status: answer.StatusCode, media: media}, text, nil
}

// cause returns why ctx is done, or else err.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// read reads the body of a GraphQL response.
func (r *response) read(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members["data"] == nil && members["errors"] == nil {
		return fmt.Errorf("it responded with status %d, %q and no GraphQL response in JSON: %s", r.status, r.media, short(string(text[:min(len(text), 400)])))
	}
	if raw := members["data"]; raw != nil {
		r.hasData = true
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber() // keys are sent back as they are
		if err := decoder.Decode(&r.data); err != nil {
			return fmt.Errorf("data is not an object: %s", short(string(raw[:min(len(raw), 400)])))
		}
	}
	if raw := members["errors"]; raw != nil && string(raw) != "null" {
		if err := json.Unmarshal(raw, &r.errors); err != nil {
			return fmt.Errorf("errors is not a list of objects with a message and a path: %s", short(string(raw[:min(len(raw), 400)])))
		}
	}
	return nil
}
