package docs_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"souk/cli"
	"souk/router"
	"souk/router/compose"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// guides are the pages for those who come from another router.
var guides = []string{"migrate-from-apollo-router.md", "migrate-from-cosmo.md", "migrate-from-hive-router.md"}

// The sample configuration of each guide becomes the one that the guide shows, which is valid, and
// a router with it serves a graph.
func TestSamplesOfGuidesServe(t *testing.T) {
	for _, guide := range guides {
		t.Run(guide, func(t *testing.T) {
			sample, shown := samples(t, guide)
			dir := t.TempDir()
			from, to := filepath.Join(dir, "sample.yaml"), filepath.Join(dir, "souk.yaml")
			if err := os.WriteFile(from, []byte(sample), 0o600); err != nil {
				t.Fatal(err)
			}
			souk(t, "config", "convert", from, "--output", to)
			souk(t, "config", "validate", to)
			made, err := os.ReadFile(to)
			if err != nil {
				t.Fatal(err)
			}
			if _, settings, _ := strings.Cut(string(made), "\nversion:"); "version:"+settings != shown {
				t.Errorf("the sample becomes\n%s\nthe guide shows\n%s", "version:"+settings, shown)
			}
			serves(t, made)
		})
	}
}

// samples returns the configuration in a guide, and what it becomes.
func samples(t *testing.T, guide string) (sample, shown string) {
	t.Helper()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "## Convert the configuration")
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(section, 2)
	if !found || len(blocks) != 2 {
		t.Fatalf("%s has no sample", guide)
	}
	return blocks[0][1], blocks[1][1]
}

// souk runs a command in this process.
func souk(t *testing.T, args ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := cli.New(cli.WithVersion("test"))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("souk %s: %v\n%s", strings.Join(args, " "), err, out.String())
	}
}

// serves starts a router with a configuration, and sends it a request.
func serves(t *testing.T, settings []byte) {
	t.Helper()
	c, err := config.Parse(settings, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"data":{"product":{"name":"Lamp"}},"extensions":{"requestId":"r1"}}`)
	}))
	defer subgraph.Close()
	composed, err := compose.Compose(t.Context(), []compose.Subgraph{{Name: "products", URL: subgraph.URL, SDL: "type Query { product: Product } type Product { name: String }"}})
	if err != nil {
		t.Fatal(err)
	}
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.OverrideSubgraphURLs["products"]) == 0 {
		t.Error("the sample does not say where the subgraph is")
	}
	c.OverrideSubgraphURLs["products"] = []string{subgraph.URL}
	r, err := router.New(t.Context(), c, router.Options{Supergraph: composed.SDL, Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.Path, strings.NewReader(`{"query":"{ product { name } }"}`))
	request.Header.Set("Content-Type", "application/json")
	response := httptest.NewRecorder()
	r.Handler().ServeHTTP(response, request)
	want := `{"data":{"product":{"name":"Lamp"}}`
	if body := response.Body.String(); response.Code != http.StatusOK || !strings.HasPrefix(body, want) {
		t.Errorf("status %d: %s", response.Code, body)
	}
}

// Metrics of the router in the guides exist.
func TestGuidesNameMetricsThatExist(t *testing.T) {
	list, err := os.ReadFile("metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	metric := regexp.MustCompile("`((?:souk_|http_)[a-z_]+)`")
	for _, guide := range guides {
		text, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		found := metric.FindAllStringSubmatch(string(text), -1)
		if len(found) < 8 {
			t.Errorf("%s names only %d metrics", guide, len(found))
		}
		for _, match := range found {
			if !bytes.Contains(list, []byte("| `"+match[1]+"` |")) {
				t.Errorf("%s names the metric %s, which does not exist", guide, match[1])
			}
		}
	}
}
