package router_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// startStore starts a router with the store's supergraph and REST routes, but
// without subgraphs.
func startStore(t *testing.T, configure func(*config.Config)) string {
	t.Helper()
	sdl, err := os.ReadFile("../schema/supergraph.graphql")
	if err != nil {
		t.Fatal(err)
	}
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	configure(&c)
	r, err := router.New(t.Context(), c, router.Options{Supergraph: string(sdl), Routes: os.DirFS("../schema/rest"), Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

func compressed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// GraphQL and REST decode bodies by the same rules and with the same bounds.
func TestCompressedRequestBodiesAreDecoded(t *testing.T) {
	const limit = 4096
	url := startStore(t, func(c *config.Config) { c.Limits.MaxBodyBytes = limit })
	for _, c := range []struct {
		path, body string
		status     int // of the body, if it can be read
	}{
		{path: "/graphql", body: `{"query":"{ __typename }"}`, status: http.StatusOK},
		{path: "/api/users", body: `{}`, status: http.StatusUnprocessableEntity},
	} {
		for _, sent := range []struct {
			name, coding, body string
			status             int
		}{
			{name: "plain", coding: "", body: c.body, status: c.status},
			{name: "gzip", coding: "gzip", body: compressed(t, c.body), status: c.status},
			{name: "not gzip", coding: "gzip", body: c.body, status: http.StatusBadRequest},
			{name: "unknown coding", coding: "compress", body: c.body, status: http.StatusUnsupportedMediaType},
			{name: "too long after decoding", coding: "gzip", body: compressed(t, c.body+strings.Repeat(" ", limit)), status: http.StatusRequestEntityTooLarge},
			{name: "too long", coding: "", body: c.body + strings.Repeat(" ", limit), status: http.StatusRequestEntityTooLarge},
		} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+c.path, strings.NewReader(sent.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			if sent.coding != "" {
				r.Header.Set("Content-Encoding", sent.coding)
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil || response.StatusCode != sent.status {
				t.Errorf("%s, %s: got status %d, %s, err %v, want %d", c.path, sent.name, response.StatusCode, text, err, sent.status)
			}
			known := response.Header.Get("Accept-Encoding")
			if unsupported := sent.status == http.StatusUnsupportedMediaType; unsupported != (known == "gzip, br, zstd, deflate") {
				t.Errorf("%s, %s: Accept-Encoding = %q", c.path, sent.name, known)
			}
		}
	}
}

// A client that does not send its body in time gets an error, on every path.
func TestSlowRequestBodiesTimeOut(t *testing.T) {
	url := startStore(t, func(c *config.Config) { c.Limits.BodyTimeout = 100 * time.Millisecond })
	for _, c := range []struct{ path, status string }{
		{path: "/graphql", status: "408"},
		{path: "/api/users", status: "408"},
		{path: "/api/nowhere", status: "404"}, // the body is not read
	} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "POST "+c.path+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn) // reads until the connection closes
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 "+c.status) {
			t.Errorf("%s: got %q, %v", c.path, answer, err)
		}
	}
}
