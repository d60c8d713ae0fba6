package subgraph_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"souk/router/subgraph"
)

// A transportKind is one way in which the router connects to a subgraph.
type transportKind struct {
	name            string
	tls, h2         bool
	standard, proxy bool
}

var transportKinds = []transportKind{
	{name: "direct"},
	{name: "standard", standard: true},
	{name: "TLS", tls: true},
	{name: "TLS and HTTP2", tls: true, h2: true},
	{name: "HTTP2 without TLS", h2: true},
	{name: "proxy", proxy: true},
	{name: "proxy and TLS", proxy: true, tls: true},
	{name: "proxy, TLS and HTTP2", proxy: true, tls: true, h2: true},
}

func (w transportKind) direct() bool { return w == transportKinds[0] }

// overEachTransport runs a test for each kind of transport.
func overEachTransport(t *testing.T, test func(*testing.T, transportKind)) {
	for _, w := range transportKinds {
		t.Run(w.name, func(t *testing.T) { test(t, w) })
	}
}

// overHTTP1 runs a test for each kind that speaks HTTP/1.1.
func overHTTP1(t *testing.T, test func(*testing.T, transportKind)) {
	overEachTransport(t, func(t *testing.T, w transportKind) {
		if !w.h2 {
			test(t, w)
		}
	})
}

// transport makes a Transport with one subgraph "a", which the handler serves.
func (w transportKind) transport(t testing.TB, s subgraph.Subgraph, hooks subgraph.Hooks, handler http.HandlerFunc) *subgraph.Transport {
	t.Helper()
	return w.dial(t, s, hooks, w.listen(t, handler))
}

// listen serves a handler until the test ends.
func (w transportKind) listen(t testing.TB, handler http.HandlerFunc) (address string) {
	server := httptest.NewUnstartedServer(handler)
	w.configure(server)
	w.start(server)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// configure restricts a server to the protocol of the kind.
func (w transportKind) configure(server *httptest.Server) {
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(!w.h2)
	server.Config.Protocols.SetHTTP2(w.h2)
	server.Config.Protocols.SetUnencryptedHTTP2(w.h2)
	server.EnableHTTP2 = w.tls && w.h2
}

func (w transportKind) start(server *httptest.Server) {
	if w.tls {
		server.StartTLS()
	} else {
		server.Start()
	}
}

// dial makes a Transport to the server on an address.
func (w transportKind) dial(t testing.TB, s subgraph.Subgraph, hooks subgraph.Hooks, address string) *subgraph.Transport {
	t.Helper()
	tr, err := subgraph.New(subgraph.Options{
		Subgraphs: map[string]subgraph.Subgraph{"a": w.subgraph(t, s, address)}, Hooks: hooks,
		Logger: slog.New(slog.DiscardHandler), Jitter: func() float64 { return 0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.Close)
	return tr
}

func (w transportKind) subgraph(t testing.TB, s subgraph.Subgraph, address string) subgraph.Subgraph {
	u := &url.URL{Scheme: "http", Host: address, Path: "/graphql", RawQuery: "x=1"}
	if s.URL != "" {
		u.User = userOf(t, s.URL)
	}
	if w.tls {
		u.Scheme = "https"
		_, roots := certificate()
		secure := &tls.Config{RootCAs: roots}
		s.TLS = func() *tls.Config { return secure }
	}
	s.HTTP2 = w.h2 && !w.tls
	if w.standard {
		s.Client = "standard"
	}
	if w.proxy {
		proxy := address // the server is also the proxy, which only forwards requests
		if w.tls {
			proxy = connectProxy(t)
		} else {
			u.Host = "subgraph.invalid"
		}
		s.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: proxy})
	} else {
		s.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	}
	s.URL = u.String()
	return s
}

func userOf(t testing.TB, text string) *url.Userinfo {
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.User
}

// serve passes each connection, which speaks HTTP/1.1, to a function until the test
// ends.
func (w transportKind) serve(t testing.TB, s subgraph.Subgraph, talk func(net.Conn, *bufio.Reader)) *subgraph.Transport {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if w.tls {
		certificate, _ := certificate()
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}})
	}
	accept(t, listener, func(conn net.Conn) { talk(conn, bufio.NewReader(conn)) })
	return w.dial(t, s, subgraph.Hooks{}, address)
}

// accept serves the connections of a listener, until the test ends.
func accept(t testing.TB, listener net.Listener, serve func(net.Conn)) {
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			running.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		running.Wait()
	})
}

// certificate returns a certificate for 127.0.0.1 and the pool that verifies it.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.TLS.Certificates[0], roots
})

// connectProxy is a proxy for CONNECT (RFC 9110, section 9.3.6).
func connectProxy(t testing.TB) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accept(t, listener, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		request, err := http.ReadRequest(r)
		if err != nil || request.Method != http.MethodConnect {
			_, _ = io.WriteString(conn, "HTTP/1.1 405 Method Not Allowed\r\n\r\n")
			return
		}
		target, err := net.Dial("tcp", request.Host)
		if err != nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
			return
		}
		defer target.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		var back sync.WaitGroup
		back.Go(func() {
			_, _ = io.Copy(conn, target)
			_ = conn.Close()
		})
		_, _ = io.Copy(target, r)
		_ = target.Close()
		back.Wait()
	})
	return listener.Addr().String()
}

// readRequest reads a whole request and returns its body.
func readRequest(r *bufio.Reader) (*http.Request, string, error) {
	request, err := http.ReadRequest(r)
	if err != nil {
		return nil, "", err
	}
	var body strings.Builder
	_, err = io.Copy(&body, request.Body)
	return request, body.String(), err
}
