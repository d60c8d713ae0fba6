package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// checkForgery rejects a GraphQL request that a page of another site could make a
// browser send, with the user's cookies, without a CORS preflight (a simple request in
// the Fetch Standard). GET is not exempt: the duration of a response can reveal data
// that the page must not read.
//
// A request passes if a browser sends it only after a preflight, if the browser reports
// the router's own origin, or if its origin is in cors.allow_origins.
func (gw *Gateway) checkForgery(r *http.Request) *problem {
	if !gw.config.CSRF.Enabled || gw.preflighted(r.Header) || originOf(r) == sameOrigin || gw.trusts(r) {
		return nil
	}
	return gw.forged()
}

// checkRESTForgery is like checkForgery for REST routes. It checks only POST: GET has no
// side effects, and a simple request cannot use PUT, PATCH or DELETE. Clients other than
// browsers need no special header, because every browser sends Origin or Sec-Fetch-Site
// with a cross-origin POST (the rule of [http.CrossOriginProtection]).
func (gw *Gateway) checkRESTForgery(r *http.Request) *problem {
	if !gw.config.CSRF.Enabled || r.Method != http.MethodPost || gw.preflighted(r.Header) || originOf(r) != otherOrigin || gw.trusts(r) {
		return nil
	}
	return gw.forged()
}

// checkSocketOrigin rejects a WebSocket handshake from a page whose origin is not
// allowed. Browsers send no preflight before a handshake, and they let every page read
// from the WebSocket.
func (gw *Gateway) checkSocketOrigin(r *http.Request) *problem {
	if r.Header.Get("Origin") == "" || originOf(r) == sameOrigin || gw.pages.of(r) != nil {
		return nil
	}
	return &problem{status: http.StatusForbidden, code: "ORIGIN_NOT_ALLOWED",
		detail: "Pages of this origin may not open a WebSocket. Add the origin to cors.allow_origins in the router configuration."}
}

func (gw *Gateway) forged() *problem {
	return &problem{status: http.StatusForbidden, code: "CSRF_PREVENTION",
		detail: fmt.Sprintf("This request could have been forged by another site. Send Content-Type: application/json, or one of the headers %s with any value.",
			strings.Join(gw.config.CSRF.RequiredHeaders, ", "))}
}

// preflighted reports whether a browser sends a preflight before a cross-origin request
// with this header.
func (gw *Gateway) preflighted(h http.Header) bool {
	if t := h.Get("Content-Type"); t != "" {
		media, _, _ := strings.Cut(t, ";")
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "":
		default:
			return true
		}
	}
	for _, name := range gw.config.CSRF.RequiredHeaders {
		if h.Get(name) != "" {
			return true
		}
	}
	return false
}

// trusts reports whether a request comes from a listed origin. If it has cookies,
// allow_credentials of that origin must be set. The origin * does not count: it lets pages read
// responses to requests without cookies, not act on behalf of a user.
func (gw *Gateway) trusts(r *http.Request) bool {
	if r.Header.Get("Origin") == "" {
		return false
	}
	rule := gw.pages.of(r)
	return rule != nil && !rule.any && (rule.credentials || r.Header.Get("Cookie") == "")
}

// origin classifies the page that sent a request, according to the browser.
type origin uint8

const (
	// unknownOrigin is the origin of clients other than browsers, and of GET requests
	// from browsers that do not send Sec-Fetch-Site.
	unknownOrigin origin = iota
	// sameOrigin means a page of the router's own origin, or direct navigation.
	sameOrigin
	// otherOrigin means any other page, including one of the same site.
	otherOrigin
)

// originOf classifies a request by Sec-Fetch-Site and Origin, which pages cannot set, as
// [http.CrossOriginProtection] does. If there is only Origin, it compares the host but
// not the scheme, because a proxy may terminate TLS in front of the router. If the
// router itself uses TLS, the scheme must be https.
func originOf(r *http.Request) origin {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return sameOrigin
	case "":
	default:
		return otherOrigin
	}
	value := r.Header.Get("Origin")
	if value == "" {
		return unknownOrigin
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) || r.TLS != nil && u.Scheme != "https" {
		return otherOrigin
	}
	return sameOrigin
}
