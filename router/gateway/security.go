package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// checkForgery refuses a GraphQL request that a page of another site may have
// made a browser send, with the user's cookies, without a preflight request
// (a simple request in the sense of the Fetch standard). GET is not exempt:
// how long an answer takes can tell a page what it must not read.
//
// A request passes if it could not have been sent without a preflight request,
// if the browser says that it comes from the router's own origin, or if it
// comes from an origin that cors.allow_origins lists.
func (gw *Gateway) checkForgery(r *http.Request) *problem {
	if !gw.config.CSRF.Enabled || gw.preflighted(r.Header) || originOf(r) == sameOrigin || gw.trusts(r) {
		return nil
	}
	return gw.forged()
}

// checkRESTForgery is checkForgery for REST routes. Reading is safe there, and
// no form sends PUT, PATCH or DELETE, so only POST is checked. Clients other
// than browsers need no header: every browser sends Origin or Sec-Fetch-Site
// with a POST to another origin (the rule of [http.CrossOriginProtection]).
func (gw *Gateway) checkRESTForgery(r *http.Request) *problem {
	if !gw.config.CSRF.Enabled || r.Method != http.MethodPost || gw.preflighted(r.Header) || originOf(r) != otherOrigin || gw.trusts(r) {
		return nil
	}
	return gw.forged()
}

// checkSocketOrigin refuses a WebSocket handshake from a page of an origin that
// is not allowed. Browsers send no preflight request before a handshake and
// let every page read from the socket.
func (gw *Gateway) checkSocketOrigin(r *http.Request) *problem {
	if r.Header.Get("Origin") == "" || originOf(r) == sameOrigin || gw.pages != nil && gw.pages.OriginAllowed(r) {
		return nil
	}
	return &problem{status: http.StatusForbidden, code: "ORIGIN_NOT_ALLOWED",
		detail: "Pages of this origin may not open a WebSocket here. cors.allow_origins in the router's configuration lists the origins that may."}
}

func (gw *Gateway) forged() *problem {
	return &problem{status: http.StatusForbidden, code: "CSRF_PREVENTION",
		detail: fmt.Sprintf("This request could have been forged by another site. Send Content-Type: application/json, or one of the headers %s with any value.",
			strings.Join(gw.config.CSRF.RequiredHeaders, ", "))}
}

// preflighted reports whether a browser would have sent a preflight request
// before a request with this header.
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

// trusts reports whether a request comes from an origin that is listed, and
// may have cookies if it does. The origin * lists nobody: it lets pages read
// answers to requests without cookies, not act for a user.
func (gw *Gateway) trusts(r *http.Request) bool {
	return gw.pages != nil && !gw.anyPage && r.Header.Get("Origin") != "" && gw.pages.OriginAllowed(r) &&
		(gw.config.CORS.AllowCredentials || r.Header.Get("Cookie") == "")
}

// origin says which page made a request, as far as the browser says so.
type origin uint8

const (
	// unknownOrigin is that of clients other than browsers, and of a GET of
	// a browser that does not send Sec-Fetch-Site.
	unknownOrigin origin = iota
	// sameOrigin: a page of the router's own origin, or the user by hand.
	sameOrigin
	// otherOrigin: any other page, one of the same site included.
	otherOrigin
)

// originOf reads the headers that pages cannot set, as
// [http.CrossOriginProtection] does. Where only Origin is sent, the router may
// stand behind a proxy that speaks HTTPS for it, so http and https are not
// told apart unless the router itself speaks HTTPS.
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
