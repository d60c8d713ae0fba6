package rest

import "net/http"

// Reject writes a problem document for a request that was rejected before it reached a Handler,
// for example because of its token. The code is a GraphQL error code and determines the kind of
// problem. WWW-Authenticate and Retry-After in the header of w are kept.
func Reject(w http.ResponseWriter, r *http.Request, code, message string) {
	p := &problem{problemKind: graphKind(code), detail: message}
	p.code = code
	for _, name := range []string{"WWW-Authenticate", "Retry-After"} {
		if said := w.Header().Get(name); said != "" {
			p.withHeader(name, said)
		}
	}
	p.withUsualHeaders()
	p.response(r).writeTo(w, r.Method == http.MethodHead)
}
