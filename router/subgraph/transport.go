package subgraph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"go.opentelemetry.io/otel/propagation"

	"souk/router/execute"
	"souk/router/operation"
)

// A Transport carries requests to the subgraphs of one supergraph. It is safe
// for concurrent use.
type Transport struct {
	options   Options
	subgraphs map[string]*subgraph
}

var _ execute.Transport = (*Transport)(nil)

// A client sends one request to a subgraph and reads the answer.
type client interface {
	roundTrip(ctx context.Context, deadline time.Time, kind operation.Kind, body *execute.Buffer, header http.Header) (*execute.SubgraphResponse, error)
	// close closes what is idle.
	close()
}

// A subgraph is one of them, ready for requests.
type subgraph struct {
	Subgraph
	name    string
	client  client
	streams *http.Transport // for subscriptions
	header  http.Header     // what every request has
	rules   []headerRule
	breaker circuitbreaker.CircuitBreaker[any]
	budget  budget
	flights flights
}

// New makes a Transport. It fails if a subgraph cannot be reached as it is
// described.
func New(o Options) (*Transport, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	t := &Transport{options: o, subgraphs: make(map[string]*subgraph, len(o.Subgraphs))}
	for name, s := range o.Subgraphs {
		made, err := t.newSubgraph(name, s.withDefaults())
		if err != nil {
			return nil, fmt.Errorf("subgraph %q: %w", name, err)
		}
		t.subgraphs[name] = made
	}
	return t, nil
}

func (t *Transport) newSubgraph(name string, s Subgraph) (*subgraph, error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, fmt.Errorf("URL: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("URL %q is not of the form http://host/path or https://host/path", s.URL)
	}
	if p := s.Subscriptions.Protocol; p != "ws" && p != "sse" {
		return nil, fmt.Errorf("subscription protocol %q is neither ws nor sse", p)
	}
	made := &subgraph{
		Subgraph: s, name: name, rules: compileHeaders(s.Headers),
		header: http.Header{
			"Content-Type": {"application/json"},
			"Accept":       {"application/graphql-response+json, application/json;q=0.9"},
			"User-Agent":   {"souk"},
		},
	}
	made.client = newStandard(u, &s)
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u})
	if err == nil && proxy == nil && u.Scheme == "http" && !s.HTTP2 {
		made.client = newDirect(u, &s, made.header)
	}
	made.streams = &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         s.Dial,
		TLSHandshakeTimeout: 10 * time.Second,
		DisableCompression:  true,
		// An idle one serves nothing: each stream has its own connection.
		DisableKeepAlives: true,
	}
	made.budget.init(s.Retry.Budget)
	if s.Breaker.Enabled {
		made.breaker = t.newBreaker(name, s.Breaker)
	}
	return made, nil
}

// Close ends the connections that are idle. Those in use end with their
// requests.
func (t *Transport) Close() {
	for _, s := range t.subgraphs {
		s.client.close()
	}
}

// Send sends a request. See execute.Transport.
func (t *Transport) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	s := t.subgraphs[r.Subgraph]
	if s == nil {
		return nil, &execute.TransportError{Code: execute.CodeHTTP, Message: "is not known to the gateway"}
	}
	header := s.requestHeader(r.Header)
	if s.Deduplicate && r.Kind == operation.Query {
		return s.flights.do(ctx, header, r.Body, func() (*execute.SubgraphResponse, error) {
			return t.try(ctx, s, r, header)
		}, func() {
			if t.options.Hooks.Shared != nil {
				t.options.Hooks.Shared(s.name)
			}
		})
	}
	return t.try(ctx, s, r, header)
}

// requestHeader makes a request's header by the rules.
func (s *subgraph) requestHeader(client http.Header) http.Header {
	if len(s.rules) == 0 {
		return s.header
	}
	h := make(http.Header, len(s.header)+len(s.rules)+2)
	for name, values := range s.header {
		h[name] = values
	}
	for i := range s.rules {
		switch rule := &s.rules[i]; {
		case rule.remove:
			delete(h, rule.to)
		case rule.from == "":
			h[rule.to] = []string{rule.value}
		default:
			if values := client[rule.from]; len(values) > 0 {
				h[rule.to] = values
			} else if rule.value != "" {
				h[rule.to] = []string{rule.value}
			}
		}
	}
	return h
}

// try sends a request, and again as the rules for retries allow.
func (t *Transport) try(ctx context.Context, s *subgraph, r *execute.SubgraphRequest, header http.Header) (*execute.SubgraphResponse, error) {
	if t.options.Propagator != nil {
		header = header.Clone()
		t.options.Propagator.Inject(ctx, propagation.HeaderCarrier(header))
	}
	deadline := time.Now().Add(s.Timeout)
	wait := s.Retry.Interval
	s.budget.earn()
	for attempt := 1; ; attempt++ {
		if s.breaker != nil && !s.breaker.TryAcquirePermit() {
			return nil, &execute.TransportError{Code: execute.CodeCircuitOpen, Message: "is not asked for now: it failed too often"}
		}
		resp, err := s.client.roundTrip(ctx, deadline, r.Kind, r.Body, header)
		failed := err != nil && retriable(err)
		s.record(ctx, failed)
		if !failed || r.Kind != operation.Query || attempt >= s.Retry.MaxAttempts || ctx.Err() != nil || !s.budget.spend() {
			return resp, s.explain(ctx, err)
		}
		pause := wait/2 + time.Duration(t.options.Jitter()*float64(wait/2))
		if time.Until(deadline) < pause || !sleep(ctx, pause) {
			return nil, s.explain(ctx, err)
		}
		wait *= 2
		if t.options.Hooks.Retried != nil {
			t.options.Hooks.Retried(s.name)
		}
	}
}

// explain makes an error the client's: ctx's own if it was ended from outside.
func (s *subgraph) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var net net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &net) && net.Timeout() {
		return &execute.TransportError{
			Code: execute.CodeTimeout, Message: fmt.Sprintf("did not answer within %v", s.Timeout), Err: err,
		}
	}
	var t *execute.TransportError
	if errors.As(err, &t) {
		return t
	}
	return &execute.TransportError{Code: execute.CodeHTTP, Message: "could not be reached", Err: err}
}

// sleep waits, and gives false if ctx is done before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// retriable says whether an error may be gone when the request is sent again,
// and whether it speaks against the subgraph: the network's, and a gateway's.
func retriable(err error) bool {
	var t *execute.TransportError
	if !errors.As(err, &t) {
		return true
	}
	switch t.Status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return t.Status == 0
	}
}
