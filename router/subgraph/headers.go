package subgraph

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"

	"golang.org/x/net/http/httpguts"

	"souk/router/execute"
	"souk/router/operation"
)

// reserved has the header fields that only the HTTP client may write: connection headers
// (RFC 9110, section 7.6.1) and headers that describe the framing of the message. A second
// value next to the client's own could enable request smuggling.
var reserved = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Http2-Settings": true, "Expect": true,
	"Content-Length": true, "Content-Encoding": true,
	"Proxy-Authorization": true, "Proxy-Authenticate": true,
}

// CheckPropagated returns an error if a client header cannot be propagated to subgraphs.
func CheckPropagated(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	switch http.CanonicalHeaderKey(name) {
	case "Host":
		return errors.New("the Host of a client request names the router; use a set rule to send another Host to a subgraph")
	case "Accept-Encoding":
		return errors.New("the router decodes subgraph responses and must choose the codings; use a set rule to send another Accept-Encoding")
	}
	return nil
}

// CheckSet returns an error if a header cannot be set to a value in subgraph requests.
func CheckSet(name, value string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if !httpguts.ValidHeaderFieldValue(value) {
		return errors.New("the value contains invalid characters, such as a line break")
	}
	if http.CanonicalHeaderKey(name) == "Host" && (value == "" || !httpguts.ValidHostHeader(value)) {
		return errors.New("the value is not a host name")
	}
	return nil
}

func checkName(name string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return errors.New("this is not a valid header name")
	}
	if reserved[http.CanonicalHeaderKey(name)] {
		return errors.New("the HTTP client sets this header itself, to describe the connection or the request body")
	}
	return nil
}

// unmatched has the headers that no pattern matches: those of content negotiation, which are
// between the client and the router, those that describe the trace, which the router sets, and a
// secret of the router.
var unmatched = map[string]bool{
	"Host": true, "Accept": true, "Accept-Encoding": true, "Accept-Charset": true, "Content-Type": true, "Content-Language": true, "Content-Location": true,
	"Traceparent": true, "Tracestate": true, "Baggage": true, "Souk-Expose-Token": true,
	"If-Match": true, "If-None-Match": true, "If-Modified-Since": true, "If-Unmodified-Since": true, "If-Range": true, "Range": true,
}

// Matches reports whether the name of a client header matches one of some patterns. Headers that
// cannot be propagated do not match.
func Matches(name string, patterns []*regexp.Regexp) bool {
	return !reserved[name] && !unmatched[name] && httpguts.ValidHeaderFieldName(name) &&
		slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(name) })
}

// headerRule is one change to a request header. It is of one of the kinds that the comments of
// the fields name.
type headerRule struct {
	from     string           // the client header to forward as to
	matching []*regexp.Regexp // forward the client headers that match
	except   string           // with matching: a header that does not match
	to       string
	value    string // the value of to, if the others are not set
	missing  bool   // with value: only if to is not there
	remove   bool   // remove to, or what matches
	claim    string // set to to a claim, or a value of the request context
	claims   Claim
}

// compileHeaders checks rules and flattens them into the order in which they apply.
func compileHeaders(rules []HeaderRules) ([]headerRule, error) {
	var compiled []headerRule
	for _, r := range rules {
		for _, p := range r.Propagate {
			from, to := http.CanonicalHeaderKey(p.From), http.CanonicalHeaderKey(p.To)
			if to == "" {
				to = from
			}
			for _, name := range []string{from, to} {
				if err := CheckPropagated(name); err != nil {
					return nil, fmt.Errorf("header %q cannot be propagated: %w", name, err)
				}
			}
			compiled = append(compiled, headerRule{from: from, to: to})
		}
		if len(r.PropagateMatching) > 0 {
			compiled = append(compiled, headerRule{matching: r.PropagateMatching})
		}
		defaults, err := fixedHeaders(r.Defaults, true)
		if err != nil {
			return nil, err
		}
		compiled = append(compiled, defaults...)
		for _, name := range r.Remove {
			compiled = append(compiled, headerRule{to: http.CanonicalHeaderKey(name), remove: true})
		}
		if len(r.RemoveMatching) > 0 {
			compiled = append(compiled, headerRule{matching: r.RemoveMatching, remove: true})
		}
		set, err := fixedHeaders(r.Set, false)
		if err != nil {
			return nil, err
		}
		compiled = append(compiled, set...)
		for _, from := range []struct {
			headers map[string]string
			value   Claim
		}{{r.SetFromClaims, r.Claim}, {r.SetFromContext, r.Context}} {
			for _, name := range slices.Sorted(maps.Keys(from.headers)) {
				if err := CheckPropagated(name); err != nil {
					return nil, fmt.Errorf("header %q cannot be set: %w", name, err)
				}
				compiled = append(compiled, headerRule{to: http.CanonicalHeaderKey(name), claim: from.headers[name], claims: from.value})
			}
		}
	}
	return compiled, nil
}

// fixedHeaders returns rules for headers with fixed values.
func fixedHeaders(values map[string]string, missing bool) ([]headerRule, error) {
	var rules []headerRule
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := CheckSet(name, values[name]); err != nil {
			return nil, fmt.Errorf("header %q cannot be set: %w", name, err)
		}
		rules = append(rules, headerRule{to: http.CanonicalHeaderKey(name), value: values[name], missing: missing})
	}
	return rules, nil
}

// fixHeaders returns the headers that no rule changes, so that the direct client can
// serialize them once. It returns nil if a rule may change any header.
func fixHeaders(header http.Header, rules []headerRule) http.Header {
	fixed := header.Clone()
	for _, rule := range rules {
		if rule.matching != nil {
			return nil
		}
		delete(fixed, rule.to)
	}
	return fixed
}

// headerOf returns the header of a request. The caller must not modify it.
func (t *Transport) headerOf(ctx context.Context, s *subgraph, r *execute.SubgraphRequest) http.Header {
	header := s.fetchHeader(ctx, r.Header)
	name := t.options.ClientAddress
	if address := r.Header[name]; len(address) > 0 && r.Kind == operation.Mutation {
		header = maps.Clone(header)
		header[name] = address
	}
	if r.IdempotencyKey != "" {
		header = maps.Clone(header)
		header["Idempotency-Key"] = []string{r.IdempotencyKey}
	}
	return header
}

// fetchHeader returns the header of a query or mutation that rules make of the client's.
// It has Host only if a rule sets
// it. The caller must not modify the result.
func (s *subgraph) fetchHeader(ctx context.Context, client http.Header) http.Header {
	return applyRules(ctx, s.rules, s.header, client)
}

// requestHeader returns the header of a subscription. It has no Accept-Encoding, because
// events are not decompressed. The caller may modify the result.
func (s *subgraph) requestHeader(ctx context.Context, client http.Header) http.Header {
	h := maps.Clone(s.fetchHeader(ctx, client))
	delete(h, "Accept-Encoding")
	return h
}

func applyRules(ctx context.Context, rules []headerRule, header, client http.Header) http.Header {
	if len(rules) == 0 {
		return header
	}
	h := lazyHeader{header: header, room: len(rules) + 2}
	for i := range rules {
		rules[i].apply(ctx, &h, client)
	}
	return h.header
}

// A lazyHeader is a header that others may have, until the first change.
type lazyHeader struct {
	header http.Header
	room   int // for more fields
	own    bool
}

// change returns the header for a change.
func (h *lazyHeader) change() http.Header {
	if !h.own {
		own := make(http.Header, len(h.header)+h.room)
		maps.Copy(own, h.header)
		h.header, h.own = own, true
	}
	return h.header
}

func (h *lazyHeader) has(name string) bool {
	_, has := h.header[name]
	return has
}

func (h *lazyHeader) set(name string, values []string) { h.change()[name] = values }

func (h *lazyHeader) remove(name string) {
	if h.has(name) {
		delete(h.change(), name)
	}
}

// A carrier is the propagation.TextMapCarrier of a request.
type carrier struct{ lazyHeader }

// Get implements propagation.TextMapCarrier.
func (c *carrier) Get(name string) string { return c.header.Get(name) }

// Set implements propagation.TextMapCarrier.
func (c *carrier) Set(name, value string) { c.set(http.CanonicalHeaderKey(name), []string{value}) }

// Keys implements propagation.TextMapCarrier.
func (c *carrier) Keys() []string { return slices.Collect(maps.Keys(c.header)) }

func (r *headerRule) apply(ctx context.Context, h *lazyHeader, client http.Header) {
	switch {
	case r.remove && r.matching != nil:
		maps.DeleteFunc(h.change(), func(name string, _ []string) bool { return r.matches(name) })
	case r.remove:
		h.remove(r.to)
	case r.matching != nil:
		for name, values := range client {
			if r.matches(name) {
				h.set(name, values)
			}
		}
	case r.from != "":
		if values := client[r.from]; len(values) > 0 {
			h.set(r.to, values)
		}
	case r.claim != "":
		// Without the claim, nothing that the client has sent stands in for it.
		h.remove(r.to)
		if value := r.claims(ctx, r.claim); value != "" && httpguts.ValidHeaderFieldValue(value) {
			h.set(r.to, []string{value})
		}
	case r.missing && len(h.header[r.to]) > 0:
	default:
		h.set(r.to, []string{r.value})
	}
}

func (r *headerRule) matches(name string) bool { return name != r.except && Matches(name, r.matching) }
