package limit

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"souk/router/auth"
)

// The values of extensions.code for rejected requests.
const (
	CodeRateLimited = "RATE_LIMIT_EXCEEDED"
	CodeTooCostly   = "COST_ESTIMATED_TOO_EXPENSIVE"
)

// Describe sets the RateLimit and RateLimit-Policy headers
// (draft-ietf-httpapi-ratelimit-headers-11) for a decision.
func (r *Rate) Describe(header http.Header, d Decision) {
	header["Ratelimit-Policy"] = r.policy
	header["Ratelimit"] = []string{fmt.Sprintf("%q;r=%d;t=%d", r.options.Name, d.Remaining, seconds(d.Reset))}
}

// Refusal returns the error message for a rejected request and the value of the
// header Retry-After in seconds.
func (r *Rate) Refusal(d Decision) (message, retryAfter string) {
	wait := seconds(d.RetryAfter)
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
