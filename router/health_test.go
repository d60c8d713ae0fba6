package router_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// status sends a GET request and returns the status.
func status(t *testing.T, client *http.Client, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode
}

// Health checks have the configured paths, on a port of their own.
func TestHealthChecksHaveTheirOwnPortAndPaths(t *testing.T) {
	dir, err := os.MkdirTemp("", "souk") // a short path: names of sockets have a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "health.sock")
	address, stop, _ := listenAndServe(t, "http://127.0.0.1:1", func(c *config.Config) {
		c.Health.Listen, c.Health.LivenessPaths, c.Health.ReadinessPaths = "unix:"+socket, []string{"/live"}, []string{"/ready", "/readyz"}
	})
	defer stop()
	checks := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	defer checks.CloseIdleConnections()
	for path, want := range map[string]int{"/live": 200, "/ready": 200, "/readyz": 200, "/health": 404, "/healthz": 404, "/graphql": 404} {
		if got := status(t, checks, "http://health"+path); got != want {
			t.Errorf("%s of the health port: got status %d, want %d", path, got, want)
		}
	}
	for _, path := range []string{"/live", "/ready", "/health"} {
		if got := status(t, http.DefaultClient, "http://"+address+path); got != 404 {
			t.Errorf("%s of the public port: got status %d", path, got)
		}
	}
}

// Requests of probes are not in the access log, whatever their paths are.
func TestProbesAreNotInTheAccessLog(t *testing.T) {
	c := config.Default()
	c.Health.LivenessPaths, c.Health.ReadinessPaths = []string{"/live"}, []string{"/ready"}
	c.Telemetry.AccessLog.Enabled, c.Telemetry.AccessLog.Fields = true, []string{"path"}
	var log lockedBuffer
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	r, err := router.New(t.Context(), c, router.Options{Supergraph: smallSDL, Telemetry: tel, AccessLog: &log})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	for _, path := range []string{"/live", "/ready", "/healthz", "/other"} {
		status(t, server.Client(), server.URL+path)
	}
	server.Close()
	if err := r.Close(); err != nil { // writes what is buffered
		t.Error(err)
	}
	for path, logged := range map[string]bool{"/live": false, "/ready": false, "/healthz": true, "/other": true} {
		if strings.Contains(log.String(), `"path":"`+path+`"`) != logged {
			t.Errorf("%s: in the log = %v, want %v:\n%s", path, !logged, logged, log.String())
		}
	}
}
