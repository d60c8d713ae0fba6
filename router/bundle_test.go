package router_test

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"souk/router"
	"souk/router/gateway/config"
)

// readBundle returns the files of a debug bundle.
func readBundle(t *testing.T, h http.Handler) map[string]string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/bundle", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("got status %d, %s", w.Code, w.Body)
	}
	archive, err := zip.NewReader(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}

func TestDebugBundleContainsNoSecrets(t *testing.T) {
	const secret = "s3cr3t"
	h := newHooked(t, func(c *config.Config) {
		c.Admin.Bundle = true
		c.Headers.All.Set = map[string]string{"X-Api-Key": secret}
		c.ResponseCache.Invalidation.Token = secret
	}, router.Extensions{})
	for range 3 {
		if status, body := h.do(t, "POST", "/graphql", `{"query":"query Greet { hello __type(name: \"`+secret+`\") { name } }"}`); !strings.Contains(body, "data") {
			t.Fatalf("got %v, %s", status, body)
		}
	}
	files := readBundle(t, h.Admin())
	for name, want := range map[string]string{
		"version.json":      `"go": "go`,
		"config.yaml":       "debug_bundle: true",
		"dependencies.json": `"name": "subgraph/a"`,
		"metrics.txt":       "souk_router_supergraph_loads_total",
		"api.graphql":       "hello: String",
		"operations.txt":    "query Greet",
		"goroutines.txt":    "goroutine profile",
		"heap.pprof":        "",
	} {
		if text, ok := files[name]; !ok || !strings.Contains(text, want) {
			t.Errorf("%s does not contain %s:\n%s", name, want, text)
		}
		if name != "heap.pprof" && strings.Contains(files[name], secret) {
			t.Errorf("%s contains the secret:\n%s", name, files[name])
		}
	}
	if text := files["operations.txt"]; !strings.Contains(text, ", used 2 times") || !strings.Contains(text, "0 fetch a") {
		t.Errorf("the bundle has no plan of the operation:\n%s", text)
	}
}

func TestDebugBundleIsOffByDefault(t *testing.T) {
	h := newHooked(t, nil, router.Extensions{})
	w := httptest.NewRecorder()
	h.Admin().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/bundle", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("got status %d", w.Code)
	}
}
