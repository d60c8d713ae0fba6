package faults

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A gateway is the way of the customers to the router. It counts its responses as Istio's
// proxy does.
type gateway struct {
	url     string
	failing atomic.Int32 // a status for everybody, in place of the router's response

	mu    sync.Mutex
	codes map[response]int
}

// A response has the flags of Envoy: "-" if the gateway did not fail itself.
type response struct {
	status int
	flags  string
}

func startIngress(t *testing.T, router string) *gateway {
	t.Helper()
	to, err := url.Parse(router)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{url: "http://" + listener.Addr().String(), codes: map[response]int{}}
	forward := httputil.NewSingleHostReverseProxy(to)
	forward.FlushInterval = -1
	forward.ModifyResponse = func(r *http.Response) error { g.count(r.StatusCode, "-"); return nil }
	forward.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { g.fail(w, http.StatusServiceUnavailable, "UF") }
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := int(g.failing.Load()); status != 0 {
			flags := "NC" // no cluster
			if status < http.StatusInternalServerError {
				flags = "-" // policies leave none
			}
			g.fail(w, status, flags)
			return
		}
		forward.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return g
}

func (g *gateway) fail(w http.ResponseWriter, status int, flags string) {
	g.count(status, flags)
	w.WriteHeader(status)
}

func (g *gateway) count(status int, flags string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.codes[response{status, flags}]++
}

// export returns the metrics of Istio's proxy that the rules use.
func (g *gateway) export(context.Context) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var b strings.Builder
	for r, n := range g.codes {
		fmt.Fprintf(&b, "istio_requests_total{reporter=\"source\",destination_service_name=\"api-gateway\",response_code=\"%d\",response_flags=%q} %d\n", r.status, r.flags, n)
	}
	return b.String()
}

// responds has the gateway respond to everybody with a status.
func responds(status int32, alert string) fault {
	// Alertmanager mutes NobodyServed while GatewayErrors fires, and it mutes GatewayRefuses.
	return fault{
		name: fmt.Sprintf("the gateway responds with status %d", status),
		breaks: func(s *store) func() {
			s.gateway.failing.Store(status)
			return func() { s.gateway.failing.Store(0) }
		},
		turns:  45, // until 80 % of a quarter of an hour have failed, and ten turns more
		alerts: []string{alert, "NobodyServed"},
	}
}

// noMesh takes the pods of the gateway or of istiod away.
func noMesh(app, alert string) fault {
	return fault{
		name: app + " has no pods",
		breaks: func(s *store) func() {
			s.absent = []string{app}
			return func() { s.absent = nil }
		},
		each: func(s *store) {
			if app == "istiod" {
				s.visit() // otherwise, nobody gets through
			}
		},
		alerts: []string{alert},
	}
}
