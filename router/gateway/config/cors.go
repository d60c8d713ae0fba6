package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// check adds the invalid settings.
func (c CORS) check(add addFunc) {
	checkOrigins(add, "cors", c.AllowOrigins, c.MatchOrigins, c.AllowCredentials)
	rules := c.Rules()
	for i, p := range c.Policies {
		key := fmt.Sprintf("cors.policies[%d]", i)
		add(len(p.AllowOrigins)+len(p.MatchOrigins) == 0, key, key+" applies to no origin; set allow_origins or match_origins")
		checkOrigins(add, key, p.AllowOrigins, p.MatchOrigins, rules[i].AllowCredentials)
	}
}

// unlisted is an origin that no pattern names.
const unlisted = "https://any-origin.invalid"

// checkOrigins adds the invalid origins in the block with a key.
func checkOrigins(add addFunc, key string, origins, patterns []string, credentials bool) {
	for i, pattern := range patterns {
		p, err := regexp.Compile(wholeName(pattern))
		add(err == nil && credentials && p.MatchString(unlisted), fmt.Sprintf("%s.match_origins[%d]", key, i),
			fmt.Sprintf("%s.match_origins has %q, which matches every origin; this cannot be combined with allow_credentials", key, pattern))
	}
	add(credentials && slices.Contains(origins, "*"), key+".allow_credentials",
		key+".allow_credentials cannot be combined with the origin *; list the origins")
	for i, origin := range origins {
		add(!validOrigin(origin), fmt.Sprintf("%s.allow_origins[%d]", key, i),
			key+".allow_origins has \""+origin+"\"; an origin is a scheme and a host, with a port unless it is the scheme's own, such as https://shop.example, https://*.shop.example or http://localhost:*")
	}
}

// Rules returns the settings for each set of origins, the first of which that has an origin
// applies: those of the policies, and then those of the block itself. They have no
// policies, and all have the values that apply.
func (c CORS) Rules() []CORS {
	var rules []CORS
	for _, p := range c.Policies {
		rule := c
		rule.Policies, rule.AllowOrigins, rule.MatchOrigins = nil, p.AllowOrigins, p.MatchOrigins
		if p.AllowCredentials != nil {
			rule.AllowCredentials = *p.AllowCredentials
		}
		for to, from := range map[*[]string][]string{&rule.AllowMethods: p.AllowMethods, &rule.AllowHeaders: p.AllowHeaders, &rule.ExposeHeaders: p.ExposeHeaders} {
			if len(from) > 0 {
				*to = from
			}
		}
		fill(&p.MaxAge, c.MaxAge)
		rule.MaxAge = p.MaxAge
		rules = append(rules, rule)
	}
	c.Policies = nil
	if len(c.AllowOrigins)+len(c.MatchOrigins) > 0 {
		rules = append(rules, c)
	}
	return rules
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

// Patterns returns the patterns of further origins. They match whole origins.
func (c CORS) Patterns() []*regexp.Regexp { return patterns(c.MatchOrigins) }

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
