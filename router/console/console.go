package console

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"

	"souk/internal/hostcheck"
	"souk/router/console/record"
	"souk/router/dependency"
	"souk/router/gateway"
)

// Options configure a console.
type Options struct {
	// Gateway is what the console shows.
	Gateway *gateway.Gateway
	// Public serves the public port. Operations that the console runs go through it.
	Public http.Handler
	// Recorder has the statistics and traces.
	Recorder *record.Recorder
	// Page serves the page and its files below /console/. If it is nil, there is only the
	// API.
	Page http.Handler
	// Canary returns the state of the canary. It is nil if there is none.
	Canary func() Canary
	// Events serves GET /console/api/events and POST
	// /console/api/events/dead/{service}/{id}/retry. It may be nil.
	Events http.Handler
	// Token is the secret that requests to the API must have. If it is empty, everyone may
	// use the API, as in development mode.
	Token string
	// Dev shows what is hidden otherwise: the values of variables.
	Dev bool
	// Hosts are the host names that requests may be for if there is no token, and that
	// responses repeat.
	Hosts hostcheck.Names
	// PublicPort returns the port of the public endpoint. A page of the same host on that
	// port, which is the playground, may use the API in development mode.
	PublicPort func() string
	// Path and PlaygroundPath are paths on the public port. PlaygroundPath is empty if
	// there is no playground.
	Path, PlaygroundPath string
	// Metrics has the router's metrics.
	Metrics prometheus.Gatherer
	// Dependencies has the health of the subgraphs.
	Dependencies *dependency.Set
	// Breaker reports whether requests to a subgraph have a circuit breaker.
	Breaker func(subgraph string) bool
	// SubgraphURLs returns the URLs that requests to a subgraph go to, at least one.
	SubgraphURLs func(name, url string) []SubgraphURL
	// Limits are the configured limits of operations. Zero means no limit.
	Limits Limits
	// CacheBytes are the bounds of the in-process caches.
	CacheBytes struct{ Documents, Plans, Persisted int }
	// EntityCache reports whether the entity cache is enabled.
	EntityCache bool
	// Prometheus is the base URL of a Prometheus server, or empty.
	Prometheus string
	// MaxBodyBytes bounds the bodies of requests to the API.
	MaxBodyBytes int64
	Version      string
	Started      time.Time
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Prefix is the path of the console.
const Prefix = "/console/"

const apiPrefix = Prefix + "api/"

// maxBody bounds the bodies of requests to the API if nothing else is configured.
const maxBody = 2 << 20

// A handler serves the console.
type handler struct {
	Options
	digest [sha256.Size]byte // of the token
	api    *http.ServeMux
	wrong  attempts
}

// New returns the handler for everything below Prefix.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxBodyBytes <= 0 {
		o.MaxBodyBytes = maxBody
	}
	h := &handler{Options: o, digest: sha256.Sum256([]byte(o.Token)), api: http.NewServeMux(),
		wrong: attempts{now: o.Now, by: map[netip.Prefix]*attempt{}}}
	h.route("GET", "info", h.info)
	h.route("GET", "graph", h.graph)
	h.route("POST", "plan", h.plan)
	h.route("POST", "run", h.run)
	h.route("GET", "graph/usage", h.usage)
	h.route("GET", "traffic", h.traffic)
	h.route("GET", "operations", h.operations)
	h.route("GET", "clients", h.clients)
	h.route("GET", "errors", h.errors)
	h.route("GET", "traces", h.traces)
	h.route("GET", "traces/{id}", h.trace)
	h.route("GET", "subgraphs", h.subgraphs)
	h.route("GET", "limits", h.limits)
	h.route("GET", "cache", h.cache)
	h.route("GET", "subscriptions", h.subscriptions)
	h.route("GET", "reloads", h.reloads)
	h.route("GET", "replicas", h.replicas)
	h.route("GET", "canary", h.canary)
	if o.Events != nil {
		h.handle("GET", "events", o.Events)
		h.handle("POST", "events/dead/{service}/{id}/retry", o.Events)
	}
	h.api.HandleFunc(apiPrefix, func(w http.ResponseWriter, r *http.Request) {
		(&problem{status: http.StatusNotFound, detail: "The console has no endpoint " + r.Method + " " + shorten(r.URL.Path) + "."}).write(w)
	})
	mux := http.NewServeMux()
	mux.Handle(apiPrefix, h.guard(gzhttp.GzipHandler(h.api))) // the graph can have megabytes
	if o.Page != nil {
		mux.Handle(Prefix, o.Page)
	}
	all := withHeaders(mux)
	if o.Token == "" {
		all = o.Hosts.Middleware(all, "Use localhost, or set admin.console.token.")
	}
	return all
}

// An endpoint returns the value that is the JSON response, or an error, which may be a
// *problem.
type endpoint func(r *http.Request) (any, error)

func (h *handler) route(method, path string, e endpoint) {
	h.handle(method, path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		value, err := e(r)
		if err != nil {
			problemOf(err).write(w)
			return
		}
		if etag, ok := value.(tagged); ok {
			etag.write(w, r)
			return
		}
		writeJSON(w, http.StatusOK, "application/json", value)
	}))
}

// handle serves a path. GET includes HEAD. Other methods get status 405.
func (h *handler) handle(method, path string, to http.Handler) {
	allow := method
	if method == http.MethodGet {
		allow += ", " + http.MethodHead
	}
	h.api.Handle(method+" "+apiPrefix+path, to)
	h.api.HandleFunc(apiPrefix+path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		(&problem{status: http.StatusMethodNotAllowed, detail: "This endpoint of the console does not support " + shorten(r.Method) + ". Use " + method + "."}).write(w)
	})
}

// withHeaders adds the headers that browsers need to treat responses safely.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")                           // other pages cannot embed responses
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'") // the page replaces it
		next.ServeHTTP(w, r)
	})
}

// guard rejects requests without the token and requests from pages of other origins. Neither
// response reveals anything about the router.
func (h *handler) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		trusted := h.allowOrigin(w, r)
		switch {
		case trusted && r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "":
			w.WriteHeader(http.StatusNoContent)
		case !trusted && foreign(r):
			(&problem{status: http.StatusForbidden, detail: "Requests from pages of other origins are not allowed."}).write(w)
		case h.authorized(w, r):
			next.ServeHTTP(w, r)
		}
	})
}

// foreign reports whether a browser sent a request for a page of another origin. Unlike
// http.CrossOriginProtection it includes safe methods: such a page cannot read the response,
// but it could make the router work, and measure how long that takes. Browsers that send no
// Sec-Fetch-Site, as to a host without TLS, send Origin where it matters.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin": // even if a proxy has changed the Host
		return false
	case "", "none":
		origin := r.Header.Get("Origin")
		if origin == "" {
			return false
		}
		u, err := url.Parse(origin)
		return err != nil || !strings.EqualFold(u.Host, r.Host)
	}
	return true
}

// authorized reports whether a request has the token. If not, it responds. The right token is
// accepted however many wrong ones came from its address: all who use kubectl port-forward
// share one.
func (h *handler) authorized(w http.ResponseWriter, r *http.Request) bool {
	if h.Token == "" {
		return true
	}
	if given := r.Header.Get("Authorization"); given != "" {
		digest, right := h.compare(given)
		if right {
			return true
		}
		if wait := h.wrong.failed(sender(r), digest); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
			(&problem{status: http.StatusTooManyRequests, detail: "There were too many wrong tokens from this address. Try again later."}).write(w)
			return false
		}
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="souk console"`)
	(&problem{status: http.StatusUnauthorized, detail: "Send the token of the console: Authorization: Bearer <token>."}).write(w)
	return false
}

// maxToken bounds how much of a token is hashed, in bytes, unless the right one is longer.
const maxToken = 4 << 10

// compare compares the credentials of a request with the token. It compares digests, so that
// the time depends neither on the token nor on its length.
func (h *handler) compare(given string) (digest [sha256.Size]byte, right bool) {
	scheme, token, _ := strings.Cut(given, " ")
	digest = sha256.Sum256([]byte(token[:min(len(token), max(maxToken, len(h.Token)+1))]))
	return digest, subtle.ConstantTimeCompare(digest[:], h.digest[:]) == 1 && strings.EqualFold(scheme, "Bearer")
}

// allowOrigin adds CORS headers if the request comes from the playground in development
// mode, and reports whether it does.
func (h *handler) allowOrigin(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if !h.Dev || h.PublicPort == nil || origin == "" {
		return false
	}
	header := w.Header()
	header.Add("Vary", "Origin")
	u, err := url.Parse(origin)
	if err != nil || u.Port() != h.PublicPort() || !sameHost(u.Hostname(), hostname(r)) {
		return false
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Allow-Methods", "GET, POST")
	header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	header.Set("Access-Control-Max-Age", "600")
	return true
}

// sameHost reports whether two names are of the same host. All loopback names are.
func sameHost(a, b string) bool { return strings.EqualFold(a, b) || loopback(a) && loopback(b) }

func loopback(name string) bool {
	address, err := netip.ParseAddr(name)
	return err == nil && address.IsLoopback() || strings.EqualFold(name, "localhost")
}

// hostname returns the host of a request without its port.
func hostname(r *http.Request) string { return (&url.URL{Host: r.Host}).Hostname() }
