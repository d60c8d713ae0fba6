package config

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"souk/router/subgraph"
)

// Headers configures which headers subgraphs receive.
type Headers struct {
	All       HeaderRules            `yaml:"all" desc:"Rules for all subgraphs."`
	Subgraphs map[string]HeaderRules `yaml:"subgraphs" desc:"Rules for single subgraphs, by subgraph name. They apply after the rules for all."`
}

// HeaderRules are applied in the order of the fields.
type HeaderRules struct {
	Propagate         []string          `yaml:"propagate" desc:"Client headers to forward. Connection headers, body headers, Host and Accept-Encoding cannot be propagated." example:"X-Request-Id"`
	PropagateMatching []string          `yaml:"propagate_matching" desc:"Patterns (RE2) of the names of client headers to forward. A pattern matches the whole name, without regard to case. Headers that cannot be propagated, those of content negotiation and trace context, and Souk-Expose-Token never match. Responses are not stored in HTTP caches, and in the entity cache only if they are shared." format:"pattern" example:"x-shop-.*"`
	Rename            map[string]string `yaml:"rename" desc:"Client headers to forward under another name: the name in the client's request, and the name for the subgraph." example:"X-Shop-Tenant"`
	Defaults          map[string]string `yaml:"defaults" desc:"Values of headers that no earlier rule forwards, because the client has not sent them." secret:"yes"`
	Remove            []string          `yaml:"remove" desc:"Headers to remove from those that earlier rules forward." example:"X-Internal-User"`
	RemoveMatching    []string          `yaml:"remove_matching" desc:"Patterns (RE2) of the names of headers to remove from those that earlier rules forward. A pattern matches the whole name, without regard to case." format:"pattern" example:"x-internal-.*"`
	Set               map[string]string `yaml:"set" desc:"Headers with a fixed value, which replaces any other value. Host changes the host name in the request; Accept-Encoding: identity requests uncompressed responses. Connection headers and body headers cannot be set." secret:"yes"`
	SetFromClaims     map[string]string `yaml:"set_from_claims" desc:"Headers with the value of a claim in the caller's access token: the name of the header, and the name of the claim, or its path (realm.roles). The header is removed if the claim is missing. Items of a list are separated by commas; in an item, a comma is %2C and a percent sign %25." example:"sub"`
	SetFromContext    map[string]string `yaml:"set_from_context" desc:"Headers with a value of the request context, which hooks and the coprocessor set: the name of the header, and the name of the value. The router itself sets apollo::supergraph::operation_name, and apollo::supergraph::operation_kind to query, mutation or subscription. The header is removed if there is no such value. Items of a list are separated by commas; in an item, a comma is %2C and a percent sign %25. Responses are private, and the entity cache keeps those of other values apart." example:"tenant"`
	Return            map[string]string `yaml:"return" desc:"Headers of the subgraph's responses that the client gets, and what several responses make of one: first or last, as they arrive, or append. Such a subgraph gets each query by itself, without deduplication. Responses from caches, streams and batches have none of these headers." enum:"first,last,append"`
}

// check adds the invalid rules.
func (h Headers) check(add addFunc) {
	h.All.check("headers.all", add)
	for name, rules := range h.Subgraphs {
		rules.check("headers.subgraphs."+name, add)
	}
}

func (r HeaderRules) check(key string, add addFunc) {
	propagated := func(at, name string) {
		err := subgraph.CheckPropagated(name)
		add(err != nil, at, fmt.Sprintf("%s: the header %q cannot be propagated: %v", at, name, err))
	}
	set := func(at, name, value string) {
		err := subgraph.CheckSet(name, value)
		add(err != nil, at, fmt.Sprintf("%s: this header cannot be set: %v", at, err))
	}
	for i, name := range r.Propagate {
		propagated(fmt.Sprintf("%s.propagate[%d]", key, i), name)
	}
	for from, to := range r.Rename {
		propagated(key+".rename."+from, from)
		propagated(key+".rename."+from, to)
	}
	for name, value := range r.Defaults {
		set(key+".defaults."+name, name, value)
	}
	for name, value := range r.Set {
		set(key+".set."+name, name, value)
	}
	for name := range r.Return {
		at, err := key+".return."+name, checkReturned(name)
		add(err != nil, at, fmt.Sprintf("%s: the client cannot get this header of a subgraph: %v", at, err))
	}
	for name, claim := range r.SetFromClaims {
		at := key + ".set_from_claims." + name
		propagated(at, name)
		add(claim == "", at, at+" is empty; it must be the name of a claim, such as sub")
	}
	for name, value := range r.SetFromContext {
		at := key + ".set_from_context." + name
		propagated(at, name)
		add(value == "", at, at+" is empty; it must be the name of a value in the request context, such as tenant")
	}
}

// Rules returns the rules for the transport. claim returns the value of a claim of the caller in
// a context, and value one of the request context, or "" if there is none.
func (r HeaderRules) Rules(claim, value subgraph.Claim) subgraph.HeaderRules {
	out := subgraph.HeaderRules{
		PropagateMatching: patterns(r.PropagateMatching), Defaults: r.Defaults,
		Remove: r.Remove, RemoveMatching: patterns(r.RemoveMatching), Set: r.Set, SetFromClaims: r.SetFromClaims, Claim: claim,
		SetFromContext: r.SetFromContext, Context: value,
	}
	for _, name := range r.Propagate {
		out.Propagate = append(out.Propagate, subgraph.Propagation{From: name})
	}
	for _, from := range slices.Sorted(maps.Keys(r.Rename)) {
		out.Propagate = append(out.Propagate, subgraph.Propagation{From: from, To: r.Rename[from]})
	}
	return out
}

// patterns compiles patterns that have been checked.
func patterns(texts []string) []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, text := range texts {
		out = append(out, regexp.MustCompile(wholeName(text)))
	}
	return out
}

// wholeName returns the pattern that matches what text matches, as a whole name.
func wholeName(text string) string { return "(?i)^(?:" + text + ")$" }

func isPattern(text string) bool {
	_, err := regexp.Compile(wholeName(text))
	return err == nil
}

// ClientHeaders are the headers of a client's request on which requests to subgraphs depend.
type ClientHeaders struct {
	// Names are the names of single headers, in canonical form and sorted.
	Names []string
	// Patterns match the names of others.
	Patterns []*regexp.Regexp
}

// In returns the names of the headers in a client's request on which requests to subgraphs
// depend, in canonical form and sorted. It includes single headers that the request does not
// have.
func (c ClientHeaders) In(header http.Header) []string {
	if len(c.Patterns) == 0 {
		return c.Names
	}
	names := slices.Clone(c.Names)
	for name := range header {
		if subgraph.Matches(name, c.Patterns) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ClientHeaders returns the headers of clients on which requests to any of the subgraphs depend.
func (c *Config) ClientHeaders(subgraphs ...string) ClientHeaders {
	return c.clientHeaders(true, subgraphs)
}

// HeadersBesideClaims is like ClientHeaders for one subgraph, without the headers that have the token
// which only claims in other headers (set_from_claims) come from.
func (c *Config) HeadersBesideClaims(subgraph string) ClientHeaders {
	return c.clientHeaders(false, []string{subgraph})
}

func (c *Config) clientHeaders(claims bool, subgraphs []string) ClientHeaders {
	var out ClientHeaders
	sent := map[string]bool{}
	out.Patterns = append(out.Patterns, patterns(c.Headers.All.PropagateMatching)...)
	for _, name := range subgraphs {
		rules := []HeaderRules{c.Headers.All, c.Headers.Subgraphs[name]}
		maps.Copy(sent, c.sentTo(rules, claims))
		out.Patterns = append(out.Patterns, patterns(rules[1].PropagateMatching)...)
	}
	out.Names = slices.Sorted(maps.Keys(sent))
	return out
}

// ContextOf returns the names of the values in the request context that requests to some
// subgraphs depend on, sorted.
func (h Headers) ContextOf(subgraphs ...string) []string {
	values := slices.Collect(maps.Values(h.All.SetFromContext))
	for _, name := range subgraphs {
		values = slices.AppendSeq(values, maps.Values(h.Subgraphs[name].SetFromContext))
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// sentTo returns the names of the client's headers on which the result of rules depends,
// without regard to patterns that add some. If claims is set, they include those with the token.
func (c *Config) sentTo(rules []HeaderRules, claims bool) map[string]bool {
	sent, values := map[string]bool{}, map[string]bool{}
	for _, r := range rules {
		for _, name := range r.Propagate {
			sent[http.CanonicalHeaderKey(name)] = true
		}
		removed := slices.Concat(r.Remove, slices.Collect(maps.Keys(r.Set)), slices.Collect(maps.Keys(r.SetFromClaims)), slices.Collect(maps.Keys(r.SetFromContext)))
		for _, name := range removed {
			delete(sent, http.CanonicalHeaderKey(name))
		}
		for from := range r.Rename {
			values[http.CanonicalHeaderKey(from)] = true
		}
		if claims && len(r.SetFromClaims) > 0 {
			for _, name := range c.Authentication.JWT.Headers() {
				values[name] = true
			}
		}
	}
	maps.Copy(sent, values)
	return sent
}

// ofRouter has the response headers that are about the router's response, not a subgraph's.
var ofRouter = map[string]bool{
	"Age": true, "Allow": true, "Cache-Control": true, "Content-Disposition": true, "Content-Type": true, "Date": true, "Etag": true, "Last-Modified": true,
	"Location": true, "Ratelimit": true, "Ratelimit-Policy": true, "Server-Timing": true, "Traceresponse": true, "Vary": true,
}

// checkReturned returns an error if a header of a subgraph cannot be the client's.
func checkReturned(name string) error {
	canonical := http.CanonicalHeaderKey(name)
	if err := subgraph.CheckPropagated(name); err != nil {
		return err
	}
	if ofRouter[canonical] || strings.HasPrefix(canonical, "Access-Control-") {
		return errors.New("the router sets it for its own response")
	}
	return nil
}

// ReturnsAny reports whether clients get headers of any subgraph.
func (h Headers) ReturnsAny() bool {
	for _, rules := range h.Subgraphs {
		if len(rules.Return) > 0 {
			return true
		}
	}
	return len(h.All.Return) > 0
}

// Returned returns the headers of a subgraph that clients get, by their canonical names, with
// first, last or append.
func (h Headers) Returned(subgraph string) map[string]string {
	out := map[string]string{}
	for _, rules := range []HeaderRules{h.All, h.Subgraphs[subgraph]} {
		for name, merge := range rules.Return {
			out[http.CanonicalHeaderKey(name)] = merge
		}
	}
	return out
}
