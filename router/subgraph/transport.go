package subgraph

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"souk/router/execute"
	"souk/router/internal/jointly"
	"souk/router/operation"
)

// A Transport sends requests to the subgraphs of one supergraph. It is safe for
// concurrent use.
type Transport struct {
	options   Options
	subgraphs map[string]*subgraph
	// closing ends with Close.
	closing context.Context
	close   context.CancelFunc
}

var (
	_ execute.Transport = (*Transport)(nil)
	_ execute.Limiter   = (*Transport)(nil)
)

// A client sends one request to a subgraph and reads the response.
type client interface {
	roundTrip(ctx context.Context, deadline time.Time, kind operation.Kind, body *execute.Buffer, header http.Header, room *execute.MemoryReservation) (*execute.SubgraphResponse, error)
	// close closes idle connections.
	close()
}

// A subgraph is a configured Subgraph with its clients and state.
type subgraph struct {
	Subgraph
	name      string
	address   string // the first URL, without credentials
	urls      []string
	endpoints []*endpoint // one for each URL
	header    http.Header // the headers of every request
	rules     []headerRule
	budget    budget
	flights   flights
	jitter    func() float64
	// successes counts those of all endpoints, if there are several.
	successes atomic.Int64

	mu sync.Mutex
	// best is the best state of the circuit breakers.
	best int32
}

// New returns a Transport. It fails if the configuration of a subgraph is invalid. It
// opens no connection.
func New(o Options) (*Transport, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Writes == nil {
		o.Writes = new(jointly.Writes)
	}
	t := &Transport{options: o, subgraphs: make(map[string]*subgraph, len(o.Subgraphs))}
	t.closing, t.close = context.WithCancel(context.Background())
	for name, s := range o.Subgraphs {
		made, err := t.newSubgraph(name, s)
		if err != nil {
			return nil, fmt.Errorf("subgraph %q: %w", name, err)
		}
		t.subgraphs[name] = made
	}
	return t, nil
}

func (t *Transport) newSubgraph(name string, s Subgraph) (*subgraph, error) {
	s = s.withDefaults()
	urls := s.URLs
	if len(urls) == 0 {
		urls = []string{s.URL}
	}
	if err := CheckURLs(urls); err != nil {
		return nil, err
	}
	if err := s.checkNames(); err != nil {
		return nil, err
	}
	rules, err := compileHeaders(s.Headers)
	if err != nil {
		return nil, err
	}
	made := &subgraph{
		Subgraph: s, name: name, urls: urls, rules: rules, jitter: t.options.Jitter,
		header: http.Header{
			"Content-Type":    {"application/json"},
			"Accept":          {"application/graphql-response+json, application/json;q=0.9"},
			"Accept-Encoding": {acceptEncoding},
			"User-Agent":      {"souk"},
		},
	}
	if made.address = urls[0]; !strings.HasPrefix(urls[0], "unix:") {
		u, err := parseURL(urls[0])
		if err != nil {
			return nil, err
		}
		if u.User != nil { // all URLs have the same
			made.authenticate(u.User)
			u.User = nil
		}
		made.address = u.String()
	}
	made.budget.init(s.Retry.Budget)
	made.flights.writes = t.options.Writes
	for i, url := range urls {
		s.URL = url
		e, err := t.newEndpoint(made, s, i)
		if err != nil {
			return nil, err
		}
		made.endpoints = append(made.endpoints, e)
	}
	return made, nil
}

// checkNames checks the names of protocols, clients and headers.
func (s *Subgraph) checkNames() error {
	switch p := s.Subscriptions.Protocol; {
	case p == "callback" && (s.Subscriptions.Callback.Receiver == nil || s.Subscriptions.Callback.URL == ""):
		return errors.New("the subscription protocol callback needs a receiver and its URL")
	case p != "ws" && p != "sse" && p != "callback":
		return fmt.Errorf("subscription protocol %q is not supported; use ws, sse or callback", p)
	}
	if s.Client != "direct" && s.Client != "standard" {
		return fmt.Errorf("HTTP client %q is not supported; use direct or standard", s.Client)
	}
	if s.TimeoutHeader = http.CanonicalHeaderKey(s.TimeoutHeader); s.TimeoutHeader != "" {
		if err := CheckPropagated(s.TimeoutHeader); err != nil {
			return fmt.Errorf("header %q cannot have the timeout: %w", s.TimeoutHeader, err)
		}
	}
	return nil
}

// parseURL parses the URL of a subgraph. Its errors must not reveal a password, so they
// do not quote an invalid URL that may contain one.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return u, nil
	}
	if strings.Contains(text, "@") {
		return nil, errors.New("the URL is not of the form https://user:password@host/path; it is not shown because it may hold a password, in which special characters must be percent-encoded")
	}
	if err != nil {
		return nil, fmt.Errorf("URL: %w", err)
	}
	return nil, fmt.Errorf("URL %q is not of the form http://host/path or https://host/path", text)
}

// authenticate adds the user name and password of the URL to every request. They replace
// an Authorization header from the client.
func (s *subgraph) authenticate(user *url.Userinfo) {
	password, _ := user.Password()
	credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
	s.header.Set("Authorization", "Basic "+credentials)
	s.rules = slices.DeleteFunc(s.rules, func(r headerRule) bool {
		return r.to == "Authorization" && (r.from != "" || r.remove)
	})
	for i := range s.rules {
		s.rules[i].except = "Authorization"
	}
}

// newClient returns the client for one URL of a subgraph. s is a copy of its configuration for that
// URL.
func (t *Transport) newClient(u *url.URL, s *Subgraph, made *subgraph) client {
	proxy, err := s.Proxy(&http.Request{URL: u})
	if err != nil || proxy != nil || u.Scheme != "http" || s.HTTP2 || s.Client == "standard" {
		return newStandard(u, s, t.options.Jitter)
	}
	fixed := fixHeaders(made.header, made.rules)
	delete(fixed, s.TimeoutHeader)
	if t.options.Interceptor != nil { // it may change any header
		fixed = nil
	}
	d := newDirect(u, s, fixed, t.options.Jitter)
	d.wholeHeader = t.options.Interceptor != nil || s.Received != nil
	return d
}

// Close closes idle connections. Connections in use close when their requests end, and requests that nobody
// waits for end now.
func (t *Transport) Close() {
	t.close()
	for _, s := range t.subgraphs {
		for _, e := range s.endpoints {
			e.client.close()
			e.files.close()
		}
	}
}

// Send implements execute.Transport.
func (t *Transport) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	s := t.subgraphs[r.Subgraph]
	if s == nil {
		return nil, &execute.TransportError{Code: execute.CodeHTTP, Message: "is not configured"}
	}
	if t.options.Interceptor != nil {
		return t.intercept(ctx, s, r)
	}
	return t.send(ctx, s, r, t.headerOf(ctx, s, r))
}

// Refuse implements execute.Limiter.
func (t *Transport) Refuse(subgraph string) bool {
	s := t.subgraphs[subgraph]
	return s != nil && s.Limiter.Refuse()
}

// send sends a request with a header, or joins an identical query in flight.
func (t *Transport) send(ctx context.Context, s *subgraph, r *execute.SubgraphRequest, header http.Header) (*execute.SubgraphResponse, error) {
	if r.Kind == operation.Mutation {
		defer t.options.Writes.End()
	}
	if r.Files != nil {
		return t.sendFiles(ctx, s, r, header)
	}
	if s.Received != nil {
		response, err := t.try(ctx, s, r, header)
		if err == nil {
			s.Received(ctx, response.Header)
		}
		return response, err
	}
	if s.Deduplicate && r.Kind == operation.Query && r.URL == 0 {
		return s.flights.do(ctx, r, header, sender{s.Timeout, func(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
			return t.try(ctx, s, r, header)
		}}, func() {
			r.Shared = true
			if t.options.Hooks.Shared != nil {
				t.options.Hooks.Shared(s.name)
			}
		})
	}
	return t.try(ctx, s, r, header)
}
