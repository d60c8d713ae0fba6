package rest

import "net/http"

// Reject answers a request that was refused before it came here, such as for
// its token, with a problem document. The code is that of the graph's errors,
// and decides the kind of the problem.
func Reject(w http.ResponseWriter, r *http.Request, code, message string) {
	p := &problem{problemKind: graphKind(code), detail: message}
	p.code = code
	p.response(r).writeTo(w, r.Method == http.MethodHead)
}
