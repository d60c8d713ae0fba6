package mcp

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"souk/router/telemetry"
)

// Options are the settings of a Server.
type Options struct {
	// Execute executes an operation for the HTTP request that carried the call, and returns the
	// GraphQL response. It is required. ctx ends when the client cancels the call.
	Execute func(ctx context.Context, r *http.Request, c Call) []byte
	// Mutations makes tools of mutations, too.
	Mutations bool
	// Files are the scalar types of files, which agents cannot send.
	Files []string
	// Client is the client whose documents become tools, besides those that all clients have.
	Client string
	// Hosts are the values of Host that are served. If there are none, requests over a loopback
	// address must have a loopback host.
	Hosts []string
	// MaxTools, MaxSessions, MaxPerCaller (sessions) and MaxResultBytes are bounds. 0 means none.
	MaxTools, MaxSessions, MaxPerCaller, MaxResultBytes int
	// Caller identifies the caller of a request. Nil means that all are one.
	Caller func(*http.Request) string
	// SessionTimeout ends a session without requests.
	SessionTimeout time.Duration
	// Version is that of the router.
	Version string
	Metrics *telemetry.Metrics
	Logger  *slog.Logger
}

// A Server is the endpoint. It is safe for concurrent use.
type Server struct {
	options Options
	server  *sdk.Server
	// stateful serves versions of the protocol with sessions, and stateless those without.
	stateful, stateless http.Handler

	sessions sessions
	// requests has the HTTP requests in progress, by a random key.
	requests sync.Map

	changing sync.Mutex
	// tools are those that are offered, as JSON by name.
	tools map[string]string
}

// New returns an endpoint without tools.
func New(o Options) *Server {
	s := &Server{options: o, tools: map[string]string{}}
	quiet := slog.New(slog.DiscardHandler) // the SDK logs what clients do wrong
	s.server = sdk.NewServer(&sdk.Implementation{Name: "souk", Title: "Souk", Version: cmp.Or(o.Version, "unknown")}, &sdk.ServerOptions{
		Logger:       quiet,
		Instructions: "Each tool runs one GraphQL operation. A result with isError may have data, too.",
		Capabilities: &sdk.ServerCapabilities{Tools: &sdk.ToolCapabilities{ListChanged: true}},
	})
	s.sessions = newSessions(o.MaxSessions, o.MaxPerCaller, s.server)
	s.server.AddReceivingMiddleware(s.count)
	get := func(*http.Request) *sdk.Server { return s.server }
	settings := sdk.StreamableHTTPOptions{
		JSONResponse: true, Logger: quiet, SessionTimeout: o.SessionTimeout, DisableLocalhostProtection: true, // see served
		MaxRequestBodyBytes: -1, // the gateway bounds bodies
	}
	s.stateful = sdk.NewStreamableHTTPHandler(get, &settings)
	settings.Stateless, settings.PropagateRequestCancellation = true, true
	s.stateless = sdk.NewStreamableHTTPHandler(get, &settings)
	return s
}

// sessionless is the first version of the protocol without sessions.
const sessionless = "2026-07-28"

// callKey is a header that requests have inside this package. No client can send it: names of
// HTTP have no spaces.
const callKey = "souk call"

// ServeHTTP serves a request of a client. The caller has bounded its body.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.served(r) {
		http.Error(w, "This host is not served. Add it to mcp.allowed_hosts in the router configuration.", http.StatusForbidden)
		return
	}
	switch id := r.Header.Get("Mcp-Session-Id"); {
	case id != "" && r.Method == http.MethodPost:
		defer s.sessions.use(id)()
	case id == "" && r.Method == http.MethodPost:
		caller := ""
		if s.options.Caller != nil {
			caller = s.options.Caller(r)
		}
		if !s.sessions.begin(caller) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "The router has reached its limit of MCP sessions. Try again later.", http.StatusServiceUnavailable)
			return
		}
		defer func() { s.sessions.began(caller, w.Header().Get("Mcp-Session-Id")) }()
	}
	key := rand.Text()
	s.requests.Store(key, r)
	defer s.requests.Delete(key)
	inner := *r
	inner.Header = r.Header.Clone()
	inner.Header[callKey] = []string{key}
	inner.Header.Del("Last-Event-ID") // nothing is kept that could be sent again
	if r.Header.Get("Mcp-Protocol-Version") >= sessionless {
		s.stateless.ServeHTTP(w, &inner)
		return
	}
	s.stateful.ServeHTTP(w, &inner)
}

// Streams reports whether the response to a request is open until the client or the router ends
// it.
func Streams(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Header.Get("Mcp-Method") == "subscriptions/listen"
}

// served reports whether a request may have been meant for this server. A page that a browser
// has loaded from another host can make the name of that host an address of this one (DNS
// rebinding); the Host of its requests remains.
func (s *Server) served(r *http.Request) bool {
	host := hostname(r.Host)
	if len(s.options.Hosts) > 0 {
		return slices.ContainsFunc(s.options.Hosts, func(h string) bool { return strings.EqualFold(h, host) || strings.EqualFold(h, r.Host) })
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return !ok || !loopback(hostname(local.String())) || loopback(host)
}

// hostname returns a host without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.Trim(host, "[]")
}

func loopback(host string) bool {
	address := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || address != nil && address.IsLoopback()
}

// Close ends all sessions, with their calls in progress.
func (s *Server) Close() error {
	var problems []error
	for session := range s.server.Sessions() {
		problems = append(problems, session.Close())
	}
	return errors.Join(problems...)
}
