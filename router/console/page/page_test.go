package page_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"souk/router/console/page"
)

// get requests a path and returns the response with its body.
func get(t *testing.T, method, url, encoding string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", encoding)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestServesThePageAndItsFiles(t *testing.T) {
	server := httptest.NewServer(page.New("/console/"))
	defer server.Close()
	for _, test := range []struct {
		path, encoding, contentType, body string
	}{
		{path: "", encoding: "identity", contentType: "text/html; charset=utf-8", body: `src="console.js"`},
		{path: "console.js", encoding: "identity", contentType: "text/javascript; charset=utf-8", body: "import"},
		{path: "console.css", encoding: "identity", contentType: "text/css; charset=utf-8", body: "light-dark("},
		{path: "layout.worker.js", encoding: "br", contentType: "text/javascript; charset=utf-8"},
	} {
		response, body := get(t, http.MethodGet, server.URL+"/console/"+test.path, test.encoding) //nolint:bodyclose // get closes it
		h := response.Header
		if response.StatusCode != http.StatusOK || h.Get("Content-Type") != test.contentType || !strings.Contains(body, test.body) {
			t.Errorf("%q: %s, %v", test.path, response.Status, h)
		}
		if got := h.Get("Content-Encoding"); got != strings.TrimPrefix(test.encoding, "identity") {
			t.Errorf("%q with Accept-Encoding %s: Content-Encoding %q", test.path, test.encoding, got)
		}
		if policy := h.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self';") || strings.Contains(policy, "unsafe") {
			t.Errorf("%q: Content-Security-Policy %q", test.path, policy)
		}
	}
	for _, path := range []string{"page.go", "..%2fpage.go", "api"} {
		if response, _ := get(t, http.MethodGet, server.URL+"/console/"+path, "br"); response.StatusCode != http.StatusNotFound { //nolint:bodyclose // get closes it
			t.Errorf("%s: %s", path, response.Status)
		}
	}
	if response, _ := get(t, http.MethodPost, server.URL+"/console/", "br"); response.StatusCode != http.StatusMethodNotAllowed { //nolint:bodyclose // get closes it
		t.Errorf("POST: %s", response.Status)
	}
}

// maxBundle bounds all files of the page together, compressed.
const maxBundle = 500_000

func TestBundleIsSmall(t *testing.T) {
	files, err := os.ReadDir("static")
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, file := range files {
		info, err := file.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total == 0 || total > maxBundle {
		t.Errorf("the files have %d bytes, at most %d are allowed", total, maxBundle)
	}
}
