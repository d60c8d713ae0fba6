package config

import (
	"net/url"
	"slices"
	"strings"
)

// problem says what is wrong with the settings, "" for nothing.
func (c CORS) problem() string {
	if c.AllowCredentials && slices.Contains(c.AllowOrigins, "*") {
		return "cors.allow_credentials cannot go with the origin *; list the origins"
	}
	for _, origin := range c.AllowOrigins {
		if !validOrigin(origin) {
			return "cors.allow_origins has \"" + origin + "\"; an origin is a scheme and a host, with a port unless it is the scheme's own, such as https://shop.example, https://*.shop.example or http://localhost:*"
		}
	}
	return ""
}

// Origins are the allowed origins. One for all ports, such as
// http://localhost:*, stands for the scheme's own port, too, which browsers
// leave out.
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
// (RFC 6454, section 6.1), in which * may stand for subdomains or for the port.
// Elsewhere a * would allow more than it seems to: https://shop.example* also
// matches https://shop.example.evil.example.
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
	// Browsers leave the scheme's own port out.
	return !(scheme == "https" && u.Port() == "443" || scheme == "http" && u.Port() == "80")
}
