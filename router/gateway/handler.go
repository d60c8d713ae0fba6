package gateway

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"souk/router/gateway/config"
	"souk/router/gateway/playground"
)

// routes returns the handler of the public port.
func (gw *Gateway) routes() (http.Handler, error) {
	graphql := gw.wrap(gw.serveGraphQL)
	mux := http.NewServeMux()
	if gw.options.REST != nil {
		mux.Handle(restPrefix, newCORS(gw.config, restMethods...).wrap(gw.wrap(gw.serveREST)))
	}
	if gw.mcp != nil {
		mux.Handle(Exactly(gw.config.MCP.Path), newCORS(gw.config, http.MethodGet, http.MethodPost, http.MethodDelete).wrap(gw.wrap(gw.serveMCP)))
	}
	endpoint, at := gw.pages.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isWebSocket(r) {
			gw.serveWebSocket(w, r)
			return
		}
		graphql.ServeHTTP(w, r)
	})), gw.config.Endpoint()
	if !at.IsPattern() {
		mux.HandleFunc(Exactly(gw.config.Path), func(w http.ResponseWriter, r *http.Request) {
			r.Pattern = gw.config.Path
			endpoint.ServeHTTP(w, r)
		})
	}
	if gw.config.Health.Enabled && gw.config.Health.Listen == "" {
		gw.MountHealth(mux, gw.config.Health.Details)
	}
	if gw.playground() {
		page := playground.New(playground.Options{
			Endpoint: at.Path(), Path: gw.config.Playground.Path, Examples: gw.options.Examples, ConsolePort: gw.consolePort(), ConsoleScheme: gw.config.Admin.TLS.Scheme(),
		})
		mux.Handle(strings.TrimSuffix(gw.config.Playground.Path, "/")+"/", page)
		root := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}}
		_, other := mux.Handler(root)
		if _, taken := gw.options.Mount["/"]; !taken && !at.Matches(root.URL) && other == "" {
			mux.HandleFunc("GET /{$}", gw.redirectToPlayground)
		}
	}
	if err := Mount(mux, gw.options.Mount); err != nil {
		return nil, fmt.Errorf("the public port: %w", err)
	}
	if at.IsPattern() {
		return &patternRoute{mux: mux, at: at, route: gw.config.Path, endpoint: endpoint}, nil
	}
	return mux, nil
}

// Exactly returns the pattern of http.ServeMux for one path: one that ends with a slash would be for
// all paths below it, too.
func Exactly(path string) string {
	if strings.HasSuffix(path, "/") {
		return path + "{$}"
	}
	return path
}

// A patternRoute serves an endpoint whose path is a pattern: http.ServeMux does not allow one that
// overlaps with the paths of other endpoints.
type patternRoute struct {
	mux      *http.ServeMux
	at       config.Endpoint
	route    string
	endpoint http.Handler
}

// ServeHTTP prefers what the embedding program has mounted, except at /, which serves what is left.
func (p *patternRoute) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.at.Matches(r.URL) {
		if _, other := p.mux.Handler(r); other == "" || other == "/" {
			r.Pattern = p.route
			p.endpoint.ServeHTTP(w, r)
			return
		}
	}
	p.mux.ServeHTTP(w, r)
}

// Mount adds the handlers of an embedding program to mux. It fails if a pattern is
// invalid or conflicts with another.
func Mount(mux *http.ServeMux, handlers map[string]http.Handler) (err error) {
	pattern := ""
	defer func() {
		if p := recover(); p != nil { // ServeMux panics in both cases
			err = fmt.Errorf("serving %q: %v", pattern, p)
		}
	}()
	for _, pattern = range slices.Sorted(maps.Keys(handlers)) {
		mux.Handle(pattern, handlers[pattern])
	}
	return nil
}

// redirectToPlayground keeps the query string: /?run opens a playground that runs its
// first example.
func (gw *Gateway) redirectToPlayground(w http.ResponseWriter, r *http.Request) {
	to := url.URL{Path: strings.TrimSuffix(gw.config.Playground.Path, "/") + "/", RawQuery: r.URL.RawQuery}
	http.Redirect(w, r, to.String(), http.StatusFound)
}

// wrap applies the middleware to a handler, the first outermost.
func (gw *Gateway) wrap(f http.HandlerFunc) http.Handler {
	var h http.Handler = f
	for i := len(gw.options.Middleware) - 1; i >= 0; i-- {
		h = gw.options.Middleware[i](h)
	}
	return h
}

// consolePort returns the port of the console if the playground may use it: pages of the
// public port may only do so in development mode.
func (gw *Gateway) consolePort() string {
	if !gw.config.Dev || !gw.config.HasConsole() {
		return ""
	}
	_, port, err := net.SplitHostPort(gw.config.Admin.Listen)
	if err != nil || port == "0" { // a port that is chosen later
		return ""
	}
	return port
}

func (gw *Gateway) playground() bool { return gw.config.Playground.Enabled || gw.config.Dev }

// serveGraphQL is the GraphQL endpoint.
func (gw *Gateway) serveGraphQL(w http.ResponseWriter, r *http.Request) {
	if gw.config.HTTP.QueryMethod {
		w.Header()["Accept-Query"] = acceptQuery
	}
	accept := negotiate(r.Header["Accept"])
	if gw.playground() && accept.wantsPage(r) {
		gw.redirectToPlayground(w, r)
		return
	}
	if gw.serveSingleConnection(w, r, accept) {
		return
	}
	if p := gw.check(r, accept); p != nil {
		p.write(w)
		return
	}
	current, share := gw.enter()
	if current == nil {
		(&problem{status: http.StatusServiceUnavailable, code: codeShuttingDown, detail: "The router is shutting down."}).write(w)
		return
	}
	x := exchange{Gateway: gw, snapshot: current, share: share, w: w, r: r, accept: accept}
	x.memory.Of(gw.options.Memory)
	// x.slot is read when the function returns: a batch or an event stream may have
	// taken it over.
	defer func() {
		if !x.outlives {
			x.end()
		}
	}()
	x.see("http")
	// Admission precedes reading the body, so that a rejected request costs little
	// memory.
	var refused *Refusal
	if x.slot, refused = gw.takeSlot(r, w.Header()); refused != nil {
		x.fail(refused)
		return
	}
	switch token := streamToken(r); {
	case token != "" && gw.singleConnection():
		x.serveReserved(token)
	case r.Method == http.MethodGet:
		x.serveGet()
	default:
		x.servePost()
	}
}

// methodQuery is the HTTP method for safe requests with a body (RFC 10008).
const methodQuery = "QUERY"

// acceptQuery is the value of Accept-Query (RFC 10008, section 3).
var acceptQuery = []string{"application/json"}

// methods returns the methods of the GraphQL endpoint, as the value of Allow.
func (gw *Gateway) methods() string {
	methods := "GET, POST"
	if gw.singleConnection() {
		methods += ", PUT, DELETE"
	}
	if gw.config.HTTP.QueryMethod {
		methods += ", " + methodQuery
	}
	return methods
}

// mediaTypes lists the media types of responses, for messages.
func (gw *Gateway) mediaTypes() string {
	types := "application/graphql-response+json or application/json, multipart/mixed (with deferSpec=" + deferSpec + " or incrementalSpec=v0.2) for @defer, or text/event-stream"
	if gw.config.Subscriptions.Enabled {
		types += " or " + subscriptionParts + " for subscriptions"
	}
	return types
}

// check rejects requests that the endpoint cannot answer, by method, URL and headers.
// It runs before admission and does not read the body.
func (gw *Gateway) check(r *http.Request, accept accepted) *problem {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodPost && (r.Method != methodQuery || !gw.config.HTTP.QueryMethod):
		return &problem{status: http.StatusMethodNotAllowed, code: codeMethod, allow: gw.methods(),
			detail: fmt.Sprintf("Method %s is not allowed. Use POST or GET.", r.Method)}
	case accept.single == noMediaType && !accept.parts && !accept.events && !accept.subscription:
		return &problem{status: http.StatusNotAcceptable, code: "NOT_ACCEPTABLE",
			detail: "Accept excludes every media type that the router can send. Use " + gw.mediaTypes() + "."}
	case !gw.coders.acceptable(r.Header["Accept-Encoding"]):
		return &problem{status: http.StatusNotAcceptable, code: "NOT_ACCEPTABLE",
			detail: "Accept-Encoding excludes every content coding that the router can send. Use identity, br, gzip or zstd."}
	case r.Method == http.MethodGet && gw.config.Limits.MaxURLBytes > 0 && len(r.URL.RawQuery) > gw.config.Limits.MaxURLBytes:
		return &problem{status: http.StatusRequestURITooLong, code: codeTooLarge,
			detail: fmt.Sprintf("The query string is longer than %d bytes. Use POST.", gw.config.Limits.MaxURLBytes)}
	}
	return gw.checkForgery(r)
}
