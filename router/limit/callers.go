package limit

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"souk/router/auth"
	"souk/router/internal/clientname"
)

// The values of extensions.code for rejected requests.
const (
	CodeRateLimited = "RATE_LIMIT_EXCEEDED"
	CodeTooCostly   = "COST_ESTIMATED_TOO_EXPENSIVE"
	// CodeTooCostlyForSubgraph is that of an operation whose requests to one subgraph cost too
	// much.
	CodeTooCostlyForSubgraph = "SUBGRAPH_COST_ESTIMATED_TOO_EXPENSIVE"
)

// Describe adds a decision to the RateLimit and RateLimit-Policy headers
// (draft-ietf-httpapi-ratelimit-headers-11), which are lists.
func (r *Rate) Describe(header http.Header, d Decision) {
	r.describe(header, "Ratelimit-Policy", r.policy)
	if !d.Never {
		r.describe(header, "Ratelimit", fmt.Sprintf("%q;r=%d;t=%d", r.options.Name, d.Remaining, seconds(d.Reset)))
	}
}

// describe adds an item to the list in a header. It replaces the limit's earlier item: each
// member of a batch is counted.
func (r *Rate) describe(header http.Header, name, item string) {
	const separator = ", "
	var items []string
	if list := header.Get(name); list != "" {
		own := fmt.Sprintf("%q;", r.options.Name)
		items = slices.DeleteFunc(strings.Split(list, separator), func(i string) bool { return strings.HasPrefix(i, own) })
	}
	header[name] = []string{strings.Join(append(items, item), separator)}
}

// Refusal returns the error message for a rejected request and the value of the
// header Retry-After in seconds, which is empty if the request is never allowed.
func (r *Rate) Refusal(d Decision) (message, retryAfter string) {
	wait := seconds(d.RetryAfter)
	switch o := r.options; {
	case d.Never:
		return fmt.Sprintf("The operation costs more than the %d per %s that are allowed. Request fewer fields or shorter lists.", o.Requests, o.Interval), ""
	case o.Costs:
		return fmt.Sprintf("The operations cost too much: %d per %s are allowed. Try again in %d s.", o.Requests, o.Interval, wait), strconv.Itoa(wait)
	}
	return fmt.Sprintf("Too many requests: %d per %s are allowed. Try again in %d s.", r.options.Requests, r.options.Interval, wait), strconv.Itoa(wait)
}

// seconds rounds up, so that a client that waits this long is allowed.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// ByAddress identifies callers by the network address that of returns. All
// addresses of an IPv6 /64 network count as one caller, because a single host can
// use any of them.
func ByAddress(of func(*http.Request) netip.Addr) func(*http.Request) string {
	return func(r *http.Request) string {
		address := of(r)
		if !address.IsValid() { // not an IP address, such as a Unix socket
			return "ip:" + r.RemoteAddr
		}
		if address.Is6() {
			if network, err := address.Prefix(64); err == nil {
				return "ip:" + network.String()
			}
		}
		return "ip:" + address.String()
	}
}

// BySubject identifies callers by the subject of their token, and callers without
// a token by their address.
func BySubject(of func(*http.Request) netip.Addr) func(*http.Request) string {
	address := ByAddress(of)
	return func(r *http.Request) string {
		if scope := auth.From(r.Context()).Scope(); scope != "" {
			return "subject:" + scope
		}
		return address(r)
	}
}

// ByHeader identifies callers by the value of a header, and callers without the
// header by their address.
func ByHeader(name string, of func(*http.Request) netip.Addr) func(*http.Request) string {
	address := ByAddress(of)
	return func(r *http.Request) string {
		if value := r.Header.Get(name); value != "" {
			return "header:" + value
		}
		return address(r)
	}
}

// ByClaim identifies callers by a claim of their token, and callers without it by their
// address.
func ByClaim(name string, of func(*http.Request) netip.Addr) func(*http.Request) string {
	address := ByAddress(of)
	return func(r *http.Request) string {
		if value := auth.From(r.Context()).Claim(name); value != "" {
			return "claim:" + value
		}
		return address(r)
	}
}

// ByClient identifies callers by the name of their program, and unnamed ones by their
// address.
func ByClient(of func(*http.Request) netip.Addr) func(*http.Request) string {
	address := ByAddress(of)
	return func(r *http.Request) string {
		if name, _ := clientname.Of(r.Header); name != "" {
			return "client:" + name
		}
		return address(r)
	}
}

// Together takes all callers for one.
func Together(*http.Request) string { return "all" }
