package dev

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// hosts are the host names that the parts of a system respond to. A web page
// that a developer visits could point its own name at 127.0.0.1 (DNS
// rebinding), and then read and change everything here as the same origin. The
// Host header of its requests carries that name.
type hosts []string

// newHosts returns the names that are allowed in addition to loopback names
// and IP addresses: the host of the listen address and the configured names.
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

// allow reports whether a Host header (RFC 9110, section 7.2) is allowed. IP
// addresses are, because rebinding needs a name. An empty Host is, because
// browsers do not send one.
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

// maxShownHost bounds how much of a rejected name the response repeats.
const maxShownHost = 100

// middleware responds to requests for other hosts with 421 Misdirected Request
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
		http.Error(w, fmt.Sprintf("souk dev does not serve the host %q. Use localhost, or start souk dev with --allow-host and this name.", shown), http.StatusMisdirectedRequest)
	})
}
