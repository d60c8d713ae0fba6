package rest

import "net/http"

// Reject answers a request that was refused before it came here, such as for
// its token, with a problem document. The code is that of the graph's errors,
// and decides the kind of the problem. A challenge or a Retry-After that w has
// already stays.
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
