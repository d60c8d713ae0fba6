package events

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// maxResponse bounds the response of a service in bytes. A report with all its dead letters
// is at most 350 KB.
const maxResponse = 1 << 20

// Services is a source that asks services at GET /events and POST /events/dead/{id}/retry.
type Services struct {
	// URLs are the base URLs of the services by name.
	URLs map[string]string
	// Token is sent as a bearer token, if it is not empty.
	Token string
	// Client sends the requests. It should not follow redirects to other hosts; nil
	// means a client that follows none.
	Client *http.Client
}

// noRedirects keeps the token from other hosts.
var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// Report asks all services concurrently. It does not fail.
func (s *Services) Report(ctx context.Context) (Report, error) {
	names := slices.Sorted(maps.Keys(s.URLs))
	reports := make([]Report, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			r, err := s.report(ctx, name)
			if err != nil {
				r = Report{Outbox: []Outbox{silent(name, err)}}
			}
			reports[i] = r
		})
	}
	all.Wait()
	return merge(reports), nil
}

// report asks one service. What it reports about others is ignored, apart from streams.
func (s *Services) report(ctx context.Context, name string) (Report, error) {
	response, err := s.do(ctx, http.MethodGet, name, "/events")
	if err != nil {
		return Report{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return Report{}, refused(response)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	if err != nil {
		return Report{}, fmt.Errorf("reading the response: %w", err)
	}
	if len(data) > maxResponse {
		return Report{}, fmt.Errorf("the response is longer than %d bytes", maxResponse)
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		return Report{}, fmt.Errorf("decoding the response: %w", err)
	}
	if len(r.Outbox) != 1 {
		return Report{}, fmt.Errorf("the response has %d outboxes instead of one", len(r.Outbox))
	}
	// The configured name identifies the service in a retry.
	r.Outbox[0].Service, r.Outbox[0].Error, r.Outbox[0].Reason = name, nil, nil
	for i := range r.Dead {
		r.Dead[i].Service = name
	}
	return r, nil
}

// Retry asks the service to publish a dead letter again.
func (s *Services) Retry(ctx context.Context, service, id string) error {
	if s.URLs[service] == "" {
		return ErrNotFound
	}
	response, err := s.do(ctx, http.MethodPost, service, "/events/dead/"+url.PathEscape(id)+"/retry")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusAccepted:
		return nil
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrRetried
	}
	return refused(response)
}

func (s *Services) do(ctx context.Context, method, service, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.URLs[service], "/")+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("creating the request: %w", err)
	}
	if s.Token != "" {
		request.Header.Set("Authorization", "Bearer "+s.Token)
	}
	client := s.Client
	if client == nil {
		client = noRedirects
	}
	response, err := client.Do(request)
	if err != nil {
		if outer := (*url.Error)(nil); errors.As(err, &outer) {
			err = outer.Err // without the URL, which may contain a password
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, &refusal{what: "connecting to " + service, reason: "the service did not respond in time"}
		}
		return nil, &refusal{what: "connecting to " + service, reason: err.Error()}
	}
	return response, nil
}

// silent is the outbox of a service that did not report.
func silent(service string, err error) Outbox {
	message, reason := err.Error(), err.Error()
	if r := (*refusal)(nil); errors.As(err, &r) {
		reason = r.reason
	}
	return Outbox{Service: service, Error: &message, Reason: &reason}
}

// A refusal says what happened to a request, and why.
type refusal struct{ what, reason string }

// Error returns both.
func (r *refusal) Error() string { return r.what + ": " + r.reason }

// refused is the error of an unexpected status.
func refused(r *http.Response) error {
	out := &refusal{what: fmt.Sprintf("the service returned status %d", r.StatusCode)}
	switch r.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		out.reason = "set admin.console.events.token to its EVENTS_TOKEN"
	case http.StatusNotFound:
		out.reason = "the service has no /events: set its EVENTS_TOKEN"
	default:
		out.reason = detail(r)
	}
	return out
}

// detail returns the reason in the body of a response: the detail of a problem document
// (RFC 9457), or the member error.
func detail(r *http.Response) string {
	var body struct{ Detail, Error string }
	text, err := io.ReadAll(io.LimitReader(r.Body, maxResponse))
	if err == nil && json.Unmarshal(text, &body) == nil {
		if reason := strings.TrimSpace(cmp.Or(body.Detail, body.Error)); reason != "" {
			return strings.ToValidUTF8(reason[:min(len(reason), MaxError)], "")
		}
	}
	return fmt.Sprintf("it gave no reason for status %d", r.StatusCode)
}
