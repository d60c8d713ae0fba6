package dev

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// hosts are the names that the parts of a system answer to. A web page that a
// developer visits can point a name of its own at 127.0.0.1 (DNS rebinding) and
// so read and change everything here as if it were of the same origin. The
// requests that it makes carry its name in Host.
type hosts []string

// newHosts gives the names that are allowed beside those of the loopback
// interface and IP addresses: the host of the listen address, and those that
// were configured.
func newHosts(listen string, configured []string) hosts {
	var list hosts
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

// allow reports whether a Host header (RFC 9110, section 7.2) is one of ours.
// IP addresses are: no name has been rebound where none is used. So is an
// empty one, which no browser sends.
func (h hosts) allow(header string) bool {
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

// maxShownHost is how much of a foreign name is repeated to who sent it.
const maxShownHost = 100

// middleware answers requests for other hosts with 421 Misdirected Request
// (RFC 9110, section 15.5.20).
func (h hosts) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.allow(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		shown := r.Host
		if len(shown) > maxShownHost {
			shown = shown[:maxShownHost] + "…"
		}
		http.Error(w, fmt.Sprintf("This is souk dev on a developer's machine. It does not answer to the host %q. Use localhost, or start it with --allow-host and that name.", shown), http.StatusMisdirectedRequest)
	})
}
