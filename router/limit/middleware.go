package limit

import (
	"fmt"
	"math"
	"net"
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

// A Reject writes the answer to a request that is refused; nil stands for one
// that writes a GraphQL response.
type Reject func(w http.ResponseWriter, r *http.Request, status int, code, message string)

// Middleware counts each request of the caller that key names, tells callers
// what is left (draft-ietf-httpapi-ratelimit-headers-11), and answers 429 to
// those that ask too often.
func (r *Rate) Middleware(key func(*http.Request) string, reject Reject) func(http.Handler) http.Handler {
	if reject == nil {
		reject = auth.RejectGraphQL
	}
	policy := fmt.Sprintf("%q;q=%d;w=%d", r.options.Name, r.options.Requests, seconds(r.options.Interval))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			d := r.Allow(req.Context(), key(req))
			w.Header()["Ratelimit-Policy"] = []string{policy}
			w.Header()["Ratelimit"] = []string{fmt.Sprintf("%q;r=%d;t=%d", r.options.Name, d.Remaining, seconds(d.Reset))}
			if d.Allowed {
				next.ServeHTTP(w, req)
				return
			}
			w.Header().Set("Retry-After", strconv.Itoa(seconds(d.RetryAfter)))
			reject(w, req, http.StatusTooManyRequests, CodeRateLimited,
				fmt.Sprintf("Too many requests: %d in %s are allowed. Try again in %d s.", r.options.Requests, r.options.Interval, seconds(d.RetryAfter)))
		})
	}
}

// seconds rounds up: what is told must be enough.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// ByAddress tells callers apart by their network address. An IPv6 network is
// one caller, for it has more addresses than can be counted.
func ByAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return "ip:" + host
	}
	if address = address.Unmap().WithZone(""); address.Is6() {
		if network, err := address.Prefix(64); err == nil {
			return "ip:" + network.String()
		}
	}
	return "ip:" + address.String()
}

// BySubject tells callers apart by their token's subject, and those without
// one by their address.
func BySubject(r *http.Request) string {
	if scope := auth.From(r.Context()).Scope(); scope != "" {
		return "subject:" + scope
	}
	return ByAddress(r)
}

// ByHeader tells callers apart by a header, and those without it by their
// address.
func ByHeader(name string) func(*http.Request) string {
	return func(r *http.Request) string {
		if value := r.Header.Get(name); value != "" {
			return "header:" + value
		}
		return ByAddress(r)
	}
}
