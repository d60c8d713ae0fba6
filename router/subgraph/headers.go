package subgraph

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptrace"
	"slices"

	"golang.org/x/net/http/httpguts"
)

// reserved are the header fields that the HTTP client writes itself: those of
// a connection (RFC 9110, section 7.6.1), and those that say where a message
// ends and how it is sent. A second one beside the client's own could make the
// subgraph read another request than the router sent.
var reserved = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Http2-Settings": true, "Expect": true,
	"Content-Length": true, "Content-Encoding": true,
	"Proxy-Authorization": true, "Proxy-Authenticate": true,
}

// CheckPropagated says why a client's header cannot be passed on to subgraphs.
func CheckPropagated(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	switch http.CanonicalHeaderKey(name) {
	case "Host":
		return errors.New("a client's Host is the router's own name; to send another name to a subgraph, set Host")
	case "Accept-Encoding":
		return errors.New("the router decodes what subgraphs send, so it asks for codings that it knows; set Accept-Encoding to ask for others")
	}
	return nil
}

// CheckSet says why a header cannot be set to a value in requests to
// subgraphs.
func CheckSet(name, value string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if !httpguts.ValidHeaderFieldValue(value) {
		return errors.New("the value has characters that a header cannot have, such as a line break")
	}
	if http.CanonicalHeaderKey(name) == "Host" && (value == "" || !httpguts.ValidHostHeader(value)) {
		return errors.New("the value is not a host name")
	}
	return nil
}

func checkName(name string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return errors.New("this is not the name of a header")
	}
	if reserved[http.CanonicalHeaderKey(name)] {
		return errors.New("the HTTP client writes this header itself, as the connection and the request's body require")
	}
	return nil
}

// headerRule is one thing to do to a request's header.
type headerRule struct {
	from, to string // from is empty for a fixed value
	value    string
	remove   bool
}

// compileHeaders checks rules and puts them into the order they apply in.
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

// fixHeaders gives the part of a request's header that no rule changes, so
// that a client can write it in advance.
func fixHeaders(header http.Header, rules []headerRule) http.Header {
	fixed := header.Clone()
	for _, rule := range rules {
		delete(fixed, rule.to)
	}
	return fixed
}

// fetchHeader makes the header of a query or mutation by the rules. It has no
// Host unless a rule sets it.
func (s *subgraph) fetchHeader(client http.Header) http.Header {
	return applyRules(s.rules, s.header, client)
}

// requestHeader is fetchHeader for a subscription. Events are not decoded, so
// it asks for no content coding. The header is the caller's.
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

// A streamTransport does for subscriptions what the clients of queries do by
// themselves: it sends the Host that a header rule sets, which net/http takes
// from Request.Host only, and the credentials in a URL.
type streamTransport struct{ next http.RoundTripper }

func (t streamTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	host, user := r.Header.Get("Host"), r.URL.User
	handshake := new(handshakeWatch)
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{TLSHandshakeDone: handshake.done})
	if host != "" || user != nil {
		r = r.Clone(ctx)
	} else {
		r = r.WithContext(ctx)
	}
	if host != "" {
		r.Host = host
	}
	if user != nil && r.Header.Get("Authorization") == "" {
		password, _ := user.Password()
		r.SetBasicAuth(user.Username(), password)
	}
	response, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, handshake.explain(err)
	}
	return response, nil
}
