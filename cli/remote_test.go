package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"souk/internal/loopback/loopbacktest"
)

// The router fetches its supergraph with a key from the environment. When it is killed and starts
// again while the server is away, it serves the copy; without one it says what to do.
func TestRouterStartsWithoutTheSourceOfItsSupergraph(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, supergraph)
	}))
	defer server.Close()
	address := loopbacktest.Address(t)
	settings := func(more string) string {
		dir := writeFiles(t, map[string]string{"router.yaml": fmt.Sprintf(
			"listen: %q\nadmin: {listen: \"\"}\nsupergraph:\n  remote:\n    url: %s/supergraph.graphql?signature=hidden\n    headers: {Authorization: \"Bearer ${env.GRAPHS_TOKEN}\"}\n%s", address, server.URL, more)})
		return filepath.Join(dir, "router.yaml")
	}
	copied := settings(fmt.Sprintf("    cache_file: %q\n", filepath.Join(t.TempDir(), "supergraph.graphql")))
	ready := func() bool { return status(t, "http://"+address+"/readyz") == http.StatusOK }

	souk(t, []string{"GRAPHS_TOKEN=wrong"}, "router", "--config", copied).failsWith(t, 1, "status 401 Unauthorized; check the credentials in headers")
	p := souk(t, []string{"GRAPHS_TOKEN=secret"}, "router", "--config", copied)
	await(t, p, "the router is ready", ready)
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.wait(t)
	server.Close()
	p = souk(t, []string{"GRAPHS_TOKEN=secret"}, "router", "--config", copied)
	await(t, p, "the router is ready again", ready)
	if log := p.stderr.String(); !strings.Contains(log, "using the last good one") || strings.Contains(log, "hidden") || strings.Contains(log, "secret") {
		t.Errorf("the log does not say that the copy is in use, or has a secret:\n%s", log)
	}
	p.interrupt(t)
	p.wait(t)
	souk(t, []string{"GRAPHS_TOKEN=secret"}, "router", "--config", settings("")).failsWith(t, 1, "set supergraph.remote.cache_file to start with the last good one")
}
