// Package page serves the page of the console: a single page that reads the console's API
// and loads nothing from other hosts.
//
// The files in static/ are built by `npm ci && npm run build` in bundle/ and embedded in
// compressed form. static/LICENSES has the licenses of the libraries in them. The sources in
// bundle/src/ have a directory or file for each view; main.tsx is the hub, api.ts has the
// types of the API, and plan/ has what the playground shows, too.
package page

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"

	"souk/router/internal/assets"
)

//go:embed static
var static embed.FS

// policy is the Content-Security-Policy of the page: it may use only its own origin, and has
// no inline scripts or styles.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; worker-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// New returns the handler of the page at prefix, which ends with a slash, and of its files
// below it.
func New(prefix string) http.Handler {
	files, err := fs.Sub(static, "static")
	if err != nil { // unreachable: the name is valid
		panic(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "The page of the console supports only GET and HEAD.", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(r.URL.Path, prefix)
		if name == "" {
			name = "index.html"
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Security-Policy", policy)
		assets.Serve(w, r, files, name)
	})
}
