package rest

import (
	_ "embed"
	"net/http"
)

//go:embed docs.html
var docsPage []byte

// ownPage returns the function that serves a page of the handler itself, or nil for other paths.
func (h *Handler) ownPage(path string) func(r *http.Request) *response {
	switch path {
	case healthPath:
		return h.healthResponse
	case openAPIPath:
		return h.fixed("application/json", h.openAPI, nil)
	case docsPath:
		return h.fixed("text/html; charset=utf-8", docsPage, http.Header{
			// The page is a single file and sends requests only to its own origin.
			"Content-Security-Policy": {"default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
		})
	}
	return nil
}

// RunsOperation reports whether a request executes an operation. Requests for the handler's own
// pages and OPTIONS requests do not.
func (h *Handler) RunsOperation(r *http.Request) bool {
	return r.Method != http.MethodOptions && h.ownPage(r.URL.Path) == nil
}

func (h *Handler) serveOwn(w http.ResponseWriter, r *http.Request, page func(*http.Request) *response) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		res := page(r)
		if tag := res.header.Get("ETag"); tag != "" && notModified(r, tag) {
			res = &response{status: http.StatusNotModified, header: http.Header{"Etag": {tag}, "Cache-Control": res.header["Cache-Control"]}}
		}
		res.writeTo(w, r.Method == http.MethodHead)
	default:
		h.otherMethod(w, r, "GET, HEAD, OPTIONS")
	}
}

// healthResponse reports whether the gateway can serve requests.
func (h *Handler) healthResponse(r *http.Request) *response {
	if h.health != nil {
		if err := h.health(r.Context()); err != nil {
			return (&problem{problemKind: unavailable, detail: err.Error()}).
				withHeader("Retry-After", retryAfter).response(r)
		}
	}
	return &response{status: http.StatusOK, body: []byte("{\"status\":\"ok\"}\n"),
		header: http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}}}
}

// fixed returns a function that serves a constant page.
func (h *Handler) fixed(contentType string, body []byte, more http.Header) func(*http.Request) *response {
	return func(*http.Request) *response {
		header := http.Header{"Content-Type": {contentType}, "Etag": {entityTag("", body)}, "Cache-Control": {"no-cache"}}
		for name, values := range more {
			header[name] = values
		}
		return &response{status: http.StatusOK, header: header, body: body}
	}
}
