package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// check adds the invalid settings.
func (c CORS) check(add addFunc) {
	add(c.AllowCredentials && slices.Contains(c.AllowOrigins, "*"), "cors.allow_credentials",
		"cors.allow_credentials cannot be combined with the origin *; list the origins")
	for i, origin := range c.AllowOrigins {
		add(!validOrigin(origin), fmt.Sprintf("cors.allow_origins[%d]", i),
			"cors.allow_origins has \""+origin+"\"; an origin is a scheme and a host, with a port unless it is the scheme's own, such as https://shop.example, https://*.shop.example or http://localhost:*")
	}
}

// Origins returns the allowed origins. For an origin with any port, such as
// http://localhost:*, the list also contains the origin without a port: browsers
// omit the default port of the scheme.
func (c CORS) Origins() []string {
	list := slices.Clone(c.AllowOrigins)
	for _, origin := range c.AllowOrigins {
		if bare, anyPort := strings.CutSuffix(origin, ":*"); anyPort {
			list = append(list, bare)
		}
	}
	return list
}

// validOrigin reports whether text is *, or an origin as browsers send it
// (RFC 6454, section 6.1). A * may replace the subdomains or the port. Anywhere
// else it would match more than intended: https://shop.example* also matches
// https://shop.example.evil.example.
func validOrigin(text string) bool {
	if text == "*" {
		return true
	}
	scheme, host, ok := strings.Cut(text, "://")
	if !ok || scheme == "" || strings.Contains(scheme, "*") {
		return false
	}
	if name, anyPort := strings.CutSuffix(host, ":*"); anyPort {
		host = name
	} else if domain, subdomains := strings.CutPrefix(host, "*."); subdomains {
		host = domain
	}
	u, err := url.Parse(scheme + "://" + host)
	if err != nil || u.Hostname() == "" || u.Host != host || strings.Contains(host, "*") {
		return false
	}
	// Browsers omit the default port, so an origin that has it never matches.
	hasDefaultPort := scheme == "https" && u.Port() == "443" || scheme == "http" && u.Port() == "80"
	return !hasDefaultPort
}
