package subgraph

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
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

// headerRule is one change to a request header.
type headerRule struct {
	from, to string // from is empty for a fixed value
	value    string
	remove   bool
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
			compiled = append(compiled, headerRule{from: from, to: to, value: p.Default})
		}
		for _, name := range r.Remove {
			compiled = append(compiled, headerRule{to: http.CanonicalHeaderKey(name), remove: true})
		}
		for _, name := range slices.Sorted(maps.Keys(r.Set)) {
			if err := CheckSet(name, r.Set[name]); err != nil {
				return nil, fmt.Errorf("header %q cannot be set: %w", name, err)
			}
			compiled = append(compiled, headerRule{to: http.CanonicalHeaderKey(name), value: r.Set[name]})
		}
	}
	return compiled, nil
}

// fixHeaders returns the headers that no rule changes, so that the direct client can
// serialize them once.
func fixHeaders(header http.Header, rules []headerRule) http.Header {
	fixed := header.Clone()
	for _, rule := range rules {
		delete(fixed, rule.to)
	}
	return fixed
}

// headerOf returns the header of a request. The caller must not modify it.
func (t *Transport) headerOf(s *subgraph, r *execute.SubgraphRequest) http.Header {
	header := s.fetchHeader(r.Header)
	name := t.options.ClientAddress
	if address := r.Header[name]; len(address) > 0 && r.Kind == operation.Mutation {
		header = maps.Clone(header)
		header[name] = address
	}
	return header
}

// fetchHeader returns the header of a query or mutation that rules make of the client's.
// It has Host only if a rule sets
// it. The caller must not modify the result.
func (s *subgraph) fetchHeader(client http.Header) http.Header {
	return applyRules(s.rules, s.header, client)
}

// requestHeader returns the header of a subscription. It has no Accept-Encoding, because
// events are not decompressed. The caller may modify the result.
func (s *subgraph) requestHeader(client http.Header) http.Header {
	h := maps.Clone(s.fetchHeader(client))
	delete(h, "Accept-Encoding")
	return h
}

func applyRules(rules []headerRule, header, client http.Header) http.Header {
	if len(rules) == 0 {
		return header
	}
	h := make(http.Header, len(header)+len(rules)+2)
	maps.Copy(h, header)
	for i := range rules {
		switch rule := &rules[i]; {
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
