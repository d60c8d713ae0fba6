package subgraph

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"souk/internal/breaker"
	"souk/router/execute"
)

// MaxURLs bounds the URLs of a subgraph.
const MaxURLs = 32

// An endpoint is one URL of a subgraph, with its own connections and circuit breaker.
type endpoint struct {
	number int
	// label is the URL in metrics and logs. It is empty if the subgraph has only one.
	label   string
	stream  string // the URL of subscriptions
	client  client
	streams http.RoundTripper // for subscriptions
	files   *standard         // for requests with files
	breaker *breaker.Breaker
	// state is that of the breaker. It is half-open only once a request tries the URL again.
	state atomic.Int32
	// opened is when the breaker opened last, in Unix nanoseconds.
	opened atomic.Int64
	results
	// requests and subscriptions are those in flight, if the subgraph has several URLs.
	requests, subscriptions atomic.Int32
}

// URLLabel returns a URL without what may hold secrets: credentials and a query, except the path of
// requests over a Unix socket. It is empty if the URL is invalid.
func URLLabel(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	if u.User = nil; u.Scheme != "unix" {
		u.RawQuery = ""
	}
	return u.String()
}

// CheckURLs returns an error if a subgraph cannot have these URLs together.
func CheckURLs(urls []string) error {
	if len(urls) > MaxURLs {
		return fmt.Errorf("it has %d URLs, and may have %d", len(urls), MaxURLs)
	}
	known := map[string]string{} // labels by their normal form
	var user string
	for i, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			continue // reported as a URL
		}
		label := URLLabel(text)
		if same, ok := known[normalised(label)]; ok && same == label {
			return fmt.Errorf("the URL %q is there twice", label)
		} else if ok {
			return fmt.Errorf("the URLs %q and %q are the same", same, label)
		}
		known[normalised(label)] = label
		if i > 0 && u.User.String() != user {
			return errors.New("its URLs have different user names or passwords; give all of them the same")
		}
		user = u.User.String()
	}
	return nil
}

// CheckAddress returns the error that New has for the URLs of a subgraph.
func CheckAddress(urls []string) error {
	if err := CheckURLs(urls); err != nil {
		return err
	}
	for _, text := range urls {
		_, _, unix, err := ParseUnixURL(text)
		if !unix {
			_, err = parseURL(text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// normalised returns a URL in the form that equivalent ones have in common (RFC 3986, section 6.2.3).
func normalised(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "unix" {
		return text
	}
	u.Host = strings.ToLower(u.Host)
	if port := u.Port(); port == "" || u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	u.Fragment = ""
	return u.String()
}

// newEndpoint returns the endpoint of a URL. s is a copy of the Subgraph with that URL.
func (t *Transport) newEndpoint(made *subgraph, s Subgraph, number int) (*endpoint, error) {
	label := URLLabel(s.URL)
	if err := s.reachOverUnix(); err != nil {
		return nil, err
	}
	setDefault(&s.Subscriptions.URL, s.URL)
	u, err := parseURL(s.URL)
	if err != nil {
		return nil, err
	}
	u.User = nil // the credentials are in the header
	e := &endpoint{
		number: number, stream: s.Subscriptions.URL,
		client: t.newClient(u, &s, made), streams: newStreamTransport(&s), files: newFileClient(u, &s, t.options.Jitter),
	}
	if made.several() {
		e.label = label
	}
	e.credit.Store(maxCredit)
	if s.Breaker.Enabled {
		e.breaker = t.newBreaker(made, e)
	}
	return e, nil
}

// several reports whether the subgraph has more than one URL.
func (s *subgraph) several() bool { return len(s.urls) > 1 }

// An endpointSet has a bit for each endpoint of a subgraph.
type endpointSet uint32

func (e *endpoint) bit() endpointSet { return 1 << e.number }

func (e *endpoint) closed() bool { return e.state.Load() == breakerClosed }

// A target is an endpoint with the permit of its circuit breaker for one attempt, whose result must be
// recorded.
type target struct {
	*endpoint // nil if there is none
	permit    breaker.Permit
}

// permits reports whether the circuit breaker lets a request through.
func (e *endpoint) permits() (target, bool) {
	if e.breaker == nil {
		return target{endpoint: e}, true
	}
	permit, ok := e.breaker.Permit()
	return target{e, permit}, ok
}

// counts reports whether the circuit breaker has the state in which it let the request through.
func (to target) counts() bool { return to.breaker == nil || to.breaker.Counts(to.permit) }

// A choice says which endpoint suits an attempt.
type choice struct {
	// only is the number of the one endpoint that suits, from 1, or 0.
	only int
	// tried are the endpoints of earlier attempts, if any. Then endpoints that work are preferred.
	tried endpointSet
	// repeatable is set if the request can be sent to another endpoint when it fails.
	repeatable bool
	// subscription balances the open subscriptions, not the requests in flight.
	subscription bool
}

// choose returns the endpoint for an attempt, with a permit of its circuit breaker, or none if no
// breaker has one. In turn, that is one whose breaker is due for a trial, a closed one that was not
// tried before, a closed one, and any other. If some were tried, one that works comes first.
func (s *subgraph) choose(c choice) target {
	if !s.several() {
		return permitted(s.endpoints[0])
	}
	if c.only > 0 {
		return permitted(s.endpoints[(c.only-1)%len(s.endpoints)])
	}
	closed := s.closed()
	var working endpointSet
	if c.tried != 0 {
		working = s.working()
	}
	if closed != 0 && working&^c.tried == 0 {
		if to := s.due(c, closed); to.endpoint != nil {
			return to
		}
	}
	for _, from := range [...]endpointSet{working &^ c.tried, closed &^ c.tried, closed} {
		if e := s.lighter(from, c.subscription); e != nil {
			if to, ok := e.permits(); ok {
				return to
			}
		}
	}
	first := s.random(len(s.endpoints))
	for i := range s.endpoints {
		if to, ok := s.endpoints[(first+i)%len(s.endpoints)].permits(); ok {
			return to
		}
	}
	return target{}
}

func permitted(e *endpoint) target {
	if to, ok := e.permits(); ok {
		return to
	}
	return target{}
}

// closed returns the endpoints with a closed circuit breaker.
func (s *subgraph) closed() (set endpointSet) {
	for _, e := range s.endpoints {
		if e.closed() {
			set |= e.bit()
		}
	}
	return set
}

// due returns an endpoint whose circuit breaker lets one request through to try it again, or none. A
// request that cannot be repeated does so only if no other has for another Rest.
func (s *subgraph) due(c choice, closed endpointSet) target {
	for _, e := range s.endpoints {
		if (closed|c.tried)&e.bit() != 0 || !c.repeatable && time.Since(time.Unix(0, e.opened.Load())) < 2*s.Breaker.Rest {
			continue
		}
		if to, ok := e.permits(); ok {
			return to
		}
	}
	return target{}
}

// lighter returns one of a set of endpoints: of two that are chosen at random, the one with less in
// flight, or the first if they have the same. It returns nil if the set is empty.
func (s *subgraph) lighter(from endpointSet, subscription bool) *endpoint {
	n := bits.OnesCount32(uint32(from))
	if n == 0 {
		return nil
	}
	i := s.random(n)
	a := s.nth(from, i)
	if n == 1 {
		return a
	}
	b := s.nth(from&^a.bit(), s.random(n-1))
	if b.load(subscription) < a.load(subscription) {
		return b
	}
	return a
}

// nth returns an endpoint of a set, counted from 0.
func (s *subgraph) nth(set endpointSet, n int) *endpoint {
	for ; n > 0; n-- {
		set &= set - 1
	}
	return s.endpoints[bits.TrailingZeros32(uint32(set))]
}

// random returns a number from 0 to n-1.
func (s *subgraph) random(n int) int { return min(int(s.jitter()*float64(n)), n-1) }

func (e *endpoint) load(subscription bool) int32 {
	if subscription {
		return e.subscriptions.Load()
	}
	return e.requests.Load()
}

// patience returns until when a request waits for an attempt. One that tries an endpoint again gets half
// of the time, if another endpoint can serve the request in the other half.
func (s *subgraph) patience(ctx context.Context, to target, c choice, deadline time.Time) time.Time {
	if !s.several() || !c.repeatable || c.only > 0 || !to.permit.Trial() || s.closed()&^c.tried&^to.bit() == 0 {
		return deadline
	}
	if earlier, ok := ctx.Deadline(); ok && earlier.Before(deadline) {
		deadline = earlier
	}
	return deadline.Add(-time.Until(deadline) / 2)
}

// unopened reports whether a request failed because no connection could be opened, so that the
// subgraph has not got it.
func unopened(err error) bool {
	var handshake handshakeError
	var op *net.OpError
	return errors.As(err, &handshake) || errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

// observed reports the result of an attempt, if the subgraph has several URLs.
func (t *Transport) observed(ctx context.Context, s *subgraph, e *endpoint, v verdict, response *execute.SubgraphResponse, err error) {
	if !s.several() || t.options.Hooks.Attempted == nil || ctx.Err() != nil {
		return
	}
	switch {
	case !v.failed && !v.doubtful:
		err = nil
	case err != nil:
		err = s.explain(ctx, err)
	case response != nil && response.Status < http.StatusInternalServerError:
		err = fmt.Errorf("response with status %d that is no GraphQL response", response.Status)
	default:
		err = fmt.Errorf("response with status %d", response.Status)
	}
	t.options.Hooks.Attempted(ctx, s.name, e.label, err)
}
