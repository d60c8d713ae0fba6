package playground

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net"
	"net/http"
	"net/url"
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
	// ConsolePort is the port that serves the router's console on the same host. The
	// playground then shows query plans and traces. It is empty if there is no console.
	ConsolePort string
	// ConsoleScheme is the URL scheme of that port. It defaults to http.
	ConsoleScheme string
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
	Options
	base  string
	page  *template.Template
	files fs.FS
}

// configuration is what the page's script reads.
type configuration struct {
	Endpoint string    `json:"endpoint"`
	Examples []Example `json:"examples"`
	// Console is the URL of the console, or empty.
	Console string `json:"console,omitempty"`
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
	return &handler{Options: o, base: strings.TrimSuffix(o.Path, "/") + "/", page: template.Must(template.New("page").Parse(pageText)), files: files}
}

// policy is the Content-Security-Policy of the page: it may load only from its own origin,
// and connect to its own origin and the one that is filled in.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; " +
	"img-src 'self' data:; worker-src 'self'; connect-src 'self'%s; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// consoleOrigin returns the origin of the console as the browser that sent r reaches it, or
// an empty string if there is no console.
func (h *handler) consoleOrigin(r *http.Request) string {
	host := (&url.URL{Host: r.Host}).Hostname()
	// The host becomes part of a header and of the page.
	if h.ConsolePort == "" || strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-:") != "" {
		return ""
	}
	return cmp.Or(h.ConsoleScheme, "http") + "://" + net.JoinHostPort(host, h.ConsolePort)
}

func (h *handler) servePage(w http.ResponseWriter, r *http.Request) {
	c := configuration{Endpoint: h.Endpoint, Examples: h.Examples}
	connect := ""
	if origin := h.consoleOrigin(r); origin != "" {
		c.Console, connect = origin+"/console/", " "+origin
	}
	encoded, err := json.Marshal(c)
	if err != nil { // unreachable: every value can be encoded
		panic(err)
	}
	var page bytes.Buffer
	// json.Marshal escapes <, > and &, so the JSON cannot end the script element.
	if err := h.page.Execute(&page, map[string]any{"Base": h.base, "Configuration": template.JS(encoded)}); err != nil { // unreachable: the template is constant
		panic(err)
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", fmt.Sprintf(policy, connect))
	header.Set("Cache-Control", "no-cache")
	_, _ = w.Write(page.Bytes()) // an error means that the client has disconnected
}

// ServeHTTP serves the page at the mount path and its files below it.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "The playground supports only GET and HEAD.", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	name := strings.TrimPrefix(r.URL.Path, h.base)
	if name == "" || r.URL.Path+"/" == h.base {
		h.servePage(w, r)
		return
	}
	assets.Serve(w, r, h.files, name)
}
