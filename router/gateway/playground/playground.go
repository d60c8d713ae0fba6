package playground

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"

	"souk/router/internal/assets"
)

//go:embed static
var static embed.FS

//go:embed page.html
var pageText string

// Options configure a playground.
type Options struct {
	// Endpoint is the URL or path of the GraphQL endpoint.
	Endpoint string
	// Path is the path at which the handler is mounted.
	Path string
	// Examples are the initial tabs.
	Examples []Example
}

// An Example is an operation in an initial tab.
type Example struct {
	Query string `json:"query"`
	// Variables is a JSON object, or empty.
	Variables string `json:"variables,omitempty"`
}

// Examples reads the .graphql files in the root of dir, sorted by name. The optional file
// NAME.json has the variables for NAME.graphql.
func Examples(dir fs.FS) ([]Example, error) {
	names, err := fs.Glob(dir, "*.graphql")
	if err != nil {
		return nil, fmt.Errorf("listing examples: %w", err)
	}
	var list []Example
	for _, name := range names {
		query, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("reading an example: %w", err)
		}
		e := Example{Query: string(query)}
		if variables, err := fs.ReadFile(dir, strings.TrimSuffix(name, ".graphql")+".json"); err == nil {
			e.Variables = string(variables)
		}
		list = append(list, e)
	}
	return list, nil
}

type handler struct {
	base  string
	page  []byte
	files fs.FS
}

// New returns the handler for o.Path and everything below it.
func New(o Options) http.Handler {
	if o.Examples == nil {
		o.Examples = []Example{}
	}
	files, err := fs.Sub(static, "static")
	if err != nil { // unreachable: the name is valid
		panic(err)
	}
	h := &handler{base: strings.TrimSuffix(o.Path, "/") + "/", files: files}
	configuration, err := json.Marshal(struct {
		Endpoint string    `json:"endpoint"`
		Examples []Example `json:"examples"`
	}{o.Endpoint, o.Examples})
	if err != nil { // unreachable: every value can be encoded
		panic(err)
	}
	var page bytes.Buffer
	// json.Marshal escapes <, > and &, so the JSON cannot end the script element.
	err = template.Must(template.New("page").Parse(pageText)).Execute(&page, map[string]any{
		"Base": h.base, "Configuration": template.JS(configuration)})
	if err != nil { // unreachable: the template is constant
		panic(err)
	}
	h.page = page.Bytes()
	return h
}

// policy is the Content-Security-Policy of the page: it may load only from its own
// origin.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; " +
	"img-src 'self' data:; worker-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeHTTP serves the page at the mount path and its files below it.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "The playground supports only GET and HEAD.", http.StatusMethodNotAllowed)
		return
	}
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	name := strings.TrimPrefix(r.URL.Path, h.base)
	if name == "" || r.URL.Path+"/" == h.base {
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", policy)
		header.Set("Cache-Control", "no-cache")
		_, _ = w.Write(h.page) // an error means that the client has disconnected
		return
	}
	assets.Serve(w, r, h.files, name)
}
