package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"souk/router/gateway/config"
)

// checkForgery refuses requests that any web page could make a browser send
// without a preflight request (the Fetch standard's simple requests): those
// with neither a content type beyond the simple ones nor a header of the
// client's own. What they do, and how long it takes, would be open to every
// page, with the user's cookies.
func checkForgery(c config.CSRF, h http.Header) *problem {
	if !c.Enabled {
		return nil
	}
	if t := h.Get("Content-Type"); t != "" {
		media, _, _ := strings.Cut(t, ";")
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "":
		default:
			return nil
		}
	}
	for _, name := range c.RequiredHeaders {
		if h.Get(name) != "" {
			return nil
		}
	}
	return &problem{status: http.StatusForbidden, code: "CSRF_PREVENTION",
		detail: fmt.Sprintf("This request could have been forged by another site. Send Content-Type: application/json, or one of the headers %s with any value.",
			strings.Join(c.RequiredHeaders, ", "))}
}

// cors adds the response headers that let a page read the response, and
// answers preflight requests, with the methods there are; true means that
// nothing is left to do.
func cors(c config.CORS, methods string, w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	if origin == "" {
		return false
	}
	h := w.Header()
	allowed, everyone := originAllowed(c, origin), slices.Contains(c.AllowOrigins, "*")
	if !everyone {
		h.Add("Vary", "Origin")
	}
	if !allowed {
		if preflight {
			w.WriteHeader(http.StatusNoContent)
		}
		return preflight
	}
	if everyone {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Set("Access-Control-Allow-Origin", origin)
	}
	if c.AllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if !preflight {
		if len(c.ExposeHeaders) > 0 {
			h.Set("Access-Control-Expose-Headers", strings.Join(c.ExposeHeaders, ", "))
		}
		return false
	}
	h.Set("Access-Control-Allow-Methods", methods+", OPTIONS")
	if len(c.AllowHeaders) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(c.AllowHeaders, ", "))
	} else if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
		h.Add("Vary", "Access-Control-Request-Headers")
	}
	if c.MaxAge > 0 {
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(c.MaxAge.Seconds())))
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}

func originAllowed(c config.CORS, origin string) bool {
	return slices.Contains(c.AllowOrigins, "*") || slices.Contains(c.AllowOrigins, origin)
}
