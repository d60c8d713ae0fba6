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

// The values of extensions.code for requests that are refused.
const (
	CodeRateLimited = "RATE_LIMIT_EXCEEDED"
	CodeTooCostly   = "COST_ESTIMATED_TOO_EXPENSIVE"
)

// Describe tells the caller, in the response's header, what is left after a
// decision (draft-ietf-httpapi-ratelimit-headers-11).
func (r *Rate) Describe(header http.Header, d Decision) {
	header["Ratelimit-Policy"] = r.policy
	header["Ratelimit"] = []string{fmt.Sprintf("%q;r=%d;t=%d", r.options.Name, d.Remaining, seconds(d.Reset))}
}

// Refusal says, for the client, why a decision refuses an operation, and gives
// the value of Retry-After.
func (r *Rate) Refusal(d Decision) (message, retryAfter string) {
	wait := seconds(d.RetryAfter)
	return fmt.Sprintf("Too many requests: %d per %s are allowed. Try again in %d s.", r.options.Requests, r.options.Interval, wait), strconv.Itoa(wait)
}

// seconds rounds up: what is told must be enough.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// ByAddress tells callers apart by their network address, which of gives. An
// IPv6 network is one caller, for it has more addresses than can be counted.
func ByAddress(of func(*http.Request) netip.Addr) func(*http.Request) string {
	return func(r *http.Request) string {
		address := of(r)
		if !address.IsValid() { // no IP: all that the server knows of the peer
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

// BySubject tells callers apart by their token's subject, and those without
// one by their address.
func BySubject(of func(*http.Request) netip.Addr) func(*http.Request) string {
	address := ByAddress(of)
	return func(r *http.Request) string {
		if scope := auth.From(r.Context()).Scope(); scope != "" {
			return "subject:" + scope
		}
		return address(r)
	}
}

// ByHeader tells callers apart by a header, and those without it by their
// address.
func ByHeader(name string, of func(*http.Request) netip.Addr) func(*http.Request) string {
	address := ByAddress(of)
	return func(r *http.Request) string {
		if value := r.Header.Get(name); value != "" {
			return "header:" + value
		}
		return address(r)
	}
}
