package router_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"souk/router/gateway/config"
	"souk/router/internal/certtest"
)

// httpsClient trusts an authority and presents the given certificates.
func httpsClient(t *testing.T, authority *certtest.Authority, own ...tls.Certificate) *http.Client {
	t.Helper()
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: authority.Pool(t), Certificates: own}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

const typename = `{"query":"{ __typename }"}`

func TestPortsSpeakTLS(t *testing.T) {
	authority, dir := certtest.New(t), t.TempDir()
	own := authority.Issue(t, dir, "first")
	address, _, _ := listenAndServe(t, "http://a.invalid", func(c *config.Config) {
		c.TLS.CertFile, c.TLS.KeyFile = own.Cert, own.Key
	})
	response, text, err := post(t.Context(), httpsClient(t, authority), "https://"+address, strings.NewReader(typename))
	if err != nil || text != `{"data":{"__typename":"Query"}}` || response.ProtoMajor != 2 {
		t.Fatalf("got %v, %s, err %v", response, text, err)
	}
	if plain, _, err := post(t.Context(), http.DefaultClient, "http://"+address, strings.NewReader(typename)); err != nil || plain.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP: got %v, err %v", plain, err)
	}
	if _, err := tls.Dial("tcp", address, &tls.Config{RootCAs: authority.Pool(t), MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		t.Error("TLS 1.1 is accepted")
	}
	// WebSockets need HTTP/1.1.
	socket, _, err := websocket.Dial(t.Context(), "wss://"+address+"/graphql", &websocket.DialOptions{ //nolint:bodyclose // the library closes it
		Subprotocols: []string{"graphql-transport-ws"},
		HTTPClient:   &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool(t)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow()
	if err := socket.Write(t.Context(), websocket.MessageText, []byte(`{"type":"connection_init"}`)); err != nil {
		t.Fatal(err)
	}
	if _, message, err := socket.Read(t.Context()); err != nil || string(message) != `{"type":"connection_ack"}` {
		t.Errorf("got %s, err %v", message, err)
	}

	authority.Issue(t, dir, "second")
	eventually(t, func() bool {
		c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: authority.Pool(t)})
		if err != nil {
			return false
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName == "second"
	})
}

func TestClientCertificatesAreVerified(t *testing.T) {
	authority, strangers := certtest.New(t), certtest.New(t)
	load := func(a *certtest.Authority) tls.Certificate {
		f := a.Issue(t, t.TempDir(), "client")
		c, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	known, unknown := load(authority), load(strangers)
	own := authority.Issue(t, t.TempDir(), "router")
	for mode, admitsNone := range map[string]bool{"required": false, "optional": true} {
		address, _, _ := listenAndServe(t, "http://a.invalid", func(c *config.Config) {
			c.TLS = config.ServerTLS{CertFile: own.Cert, KeyFile: own.Key, ClientCAFile: authority.File, ClientCertificates: mode, MinVersion: "1.3"}
		})
		for name, c := range map[string]struct {
			certificates []tls.Certificate
			admitted     bool
		}{
			"of the authority": {[]tls.Certificate{known}, true},
			"of another one":   {[]tls.Certificate{unknown}, false},
			"none":             {nil, admitsNone},
		} {
			client := httpsClient(t, authority)
			client.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(c.certificates) == 0 {
					return new(tls.Certificate), nil
				}
				return &c.certificates[0], nil // also if the router did not ask for this authority
			}
			_, text, err := post(t.Context(), client, "https://"+address, strings.NewReader(typename))
			if admitted := err == nil && strings.Contains(text, "Query"); admitted != c.admitted {
				t.Errorf("%s, certificate %s: admitted is %v (%s, %v)", mode, name, admitted, text, err)
			}
		}
	}
}

// The router presents its certificate to subgraphs, and uses new files without a restart.
func TestSubgraphsSeeTheClientCertificate(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		authority, dir := certtest.New(t), t.TempDir()
		own := authority.Issue(t, dir, "first")
		sub := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"data":{"hello":"%s over %s"}}`, r.TLS.PeerCertificates[0].Subject.CommonName, r.Proto)
		}))
		server := authority.Issue(t, t.TempDir(), "subgraph")
		pair, err := tls.LoadX509KeyPair(server.Cert, server.Key)
		if err != nil {
			t.Fatal(err)
		}
		sub.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool(t)}
		sub.EnableHTTP2 = http2
		sub.StartTLS()
		defer sub.Close()
		address, _, _ := listenAndServe(t, sub.URL, func(c *config.Config) {
			c.TrafficShaping.Subgraphs = map[string]config.SubgraphTraffic{"a": {
				TLS: config.ClientTLS{CAFile: authority.File, CertFile: own.Cert, KeyFile: own.Key},
			}}
		})
		hello := func() string {
			_, text, err := post(t.Context(), http.DefaultClient, "http://"+address, strings.NewReader(`{"query":"{ hello }"}`))
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		if got := hello(); !strings.Contains(got, "first over HTTP") {
			t.Errorf("got %s", got)
		}
		authority.Issue(t, dir, "second")
		eventually(t, func() bool { return strings.Contains(hello(), "second over HTTP") })
	}
}

// A certificate of another authority than the configured one is refused.
func TestSubgraphOfAnotherAuthorityIsRefused(t *testing.T) {
	sub := httptest.NewTLSServer(http.NotFoundHandler())
	defer sub.Close()
	address, _, _ := listenAndServe(t, sub.URL, func(c *config.Config) {
		c.TrafficShaping.All.TLS.CAFile = certtest.New(t).File
	})
	_, text, err := post(t.Context(), http.DefaultClient, "http://"+address, strings.NewReader(`{"query":"{ hello }"}`))
	if err != nil || !strings.Contains(text, "certificate is not trusted") {
		t.Errorf("got %s, err %v", text, err)
	}
}

// shortDir returns a directory whose name is short enough for a Unix socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "souk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestUnixSocketsOnBothSides(t *testing.T) {
	dir := shortDir(t)
	inner, outer := filepath.Join(dir, "a.sock"), filepath.Join(dir, "r.sock")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", inner)
	if err != nil {
		t.Fatal(err)
	}
	sub := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:gosec // a test
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"data":{"hello":"%s at %s from %s"}}`, r.Method, r.URL, r.Header.Get("X-Tenant"))
	})}}
	sub.Start()
	defer sub.Close()
	stale, err := net.Listen("unix", outer) //nolint:noctx // left behind by a process that was killed
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = stale.Close()

	listenAndServe(t, "unix://"+inner+"?path=/graphql", func(c *config.Config) {
		c.Listen = "unix:" + outer
		c.Headers.All.Propagate = []string{"X-Tenant"}
	})
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", outer)
	}}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://router/graphql", strings.NewReader(`{"query":"{ hello }"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "X-Tenant": {"seven"}}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || string(text) != `{"data":{"hello":"POST at /graphql from seven"}}` {
		t.Errorf("got %s, err %v", text, err)
	}
}
