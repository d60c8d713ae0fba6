// Package hostcheck rejects requests for host names that a server does not have.
//
// A web page can point its own name at 127.0.0.1 or at another private address (DNS
// rebinding), and then read and change everything there as the same origin. The Host
// header of its requests carries that name. Servers that do not ask for credentials
// therefore check it.
package hostcheck

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Names are the host names that a server responds to, in addition to loopback names and
// IP addresses.
type Names []string

// New returns the host of a listen address and the configured names.
func New(listen string, configured ...string) Names {
	var list Names
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" {
		list = append(list, host)
	}
	for _, name := range configured {
		if name = strings.TrimSpace(name); name != "" {
			list = append(list, name)
		}
	}
	return list
}

// Allow reports whether a Host header (RFC 9110, section 7.2) is allowed. IP
// addresses are, because rebinding needs a name. An empty Host is, because
// browsers do not send one.
func (h Names) Allow(header string) bool {
	host := header
	if name, _, err := net.SplitHostPort(header); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	for _, name := range h {
		if strings.EqualFold(strings.TrimSuffix(name, "."), host) {
			return true
		}
	}
	return false
}

// maxShownHost bounds how much of a rejected name the response repeats.
const maxShownHost = 100

// Middleware responds to requests for other hosts with 421 Misdirected Request (RFC 9110,
// section 15.5.20). The advice says how to reach or allow the host.
func (h Names) Middleware(next http.Handler, advice string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.Allow(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		shown := r.Host
		if len(shown) > maxShownHost {
			shown = shown[:maxShownHost] + "…"
		}
		http.Error(w, fmt.Sprintf("This server does not serve the host %q. %s", shown, advice), http.StatusMisdirectedRequest)
	})
}
