package playground_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"souk/internal/chromiumtest"
	"souk/router/gateway/playground"
)

var screenshot = flag.String("screenshot", "", "keep the browser's picture of the playground in this file")

func TestFilesAreServedCompressedAndCacheable(t *testing.T) {
	server := httptest.NewServer(playground.New(playground.Options{Endpoint: "/graphql", Path: "/playground", Examples: []playground.Example{{Query: "{ a } # </script>"}}}))
	defer server.Close()
	get := func(path, encoding string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", encoding)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		return response
	}
	page := new(bytes.Buffer)
	if _, err := page.ReadFrom(get("/playground/", "identity").Body); err != nil { //nolint:bodyclose // get closes it
		t.Fatal(err)
	}
	configuration := regexp.MustCompile(`(?s)id="configuration">(.*?)</script>`).FindSubmatch(page.Bytes())
	var got struct{ Examples []playground.Example }
	if len(configuration) < 2 || json.Unmarshal(configuration[1], &got) != nil || got.Examples[0].Query != "{ a } # </script>" {
		t.Fatalf("the page has no configuration: %s", page)
	}
	for _, file := range []string{"playground.js", "playground.css", "editor.worker.js", "json.worker.js", "graphql.worker.js"} {
		for _, encoding := range []string{"br", "identity"} {
			response := get("/playground/"+file, encoding) //nolint:bodyclose // get closes it
			want := map[bool]string{true: "br"}[encoding == "br"]
			if response.StatusCode != 200 || response.Header.Get("Content-Encoding") != want {
				t.Errorf("%s (%s): got status %d, Content-Encoding %q", file, encoding, response.StatusCode, response.Header.Get("Content-Encoding"))
			}
		}
	}
	if status := get("/playground/../playground.go", "br").StatusCode; status != 404 { //nolint:bodyclose // get closes it
		t.Errorf("file outside the directory: got status %d, want 404", status)
	}
}

func TestExamplesAreReadInOrder(t *testing.T) {
	got, err := playground.Examples(fstest.MapFS{
		"2.graphql": {Data: []byte("{ b }")}, "1.graphql": {Data: []byte("{ a }")}, "1.json": {Data: []byte("{}")}, "x.md": {},
	})
	if err != nil || len(got) != 2 || got[0] != (playground.Example{Query: "{ a }", Variables: "{}"}) || got[1].Query != "{ b }" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A browser that can reach nothing but the server opens the page. The editor
// must appear and load the schema, without an error.
func TestPlaygroundWorksOffline(t *testing.T) {
	chromium := chromiumtest.Path(t)
	asked := make(chan string, 100)
	var loaded sync.Map
	mux := http.NewServeMux()
	page := playground.New(playground.Options{Endpoint: "/graphql", Path: "/playground", Examples: []playground.Example{
		{Query: "query Products {\n  products {\n    name\n  }\n}\n", Variables: `{"glow": "strong"}`}, {Query: "query Orders {\n  products {\n    name\n  }\n}\n"}}})
	mux.HandleFunc("/playground/", func(w http.ResponseWriter, r *http.Request) {
		loaded.Store(r.URL.Path, true)
		page.ServeHTTP(w, r)
	})
	mux.HandleFunc("/graphql", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Query string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		if !strings.Contains(body.Query, "__schema") {
			_, _ = w.Write([]byte(`{"data":{"products":[{"name":"A lamp that glows"}]}}`))
			return
		}
		asked <- body.Query
		_, _ = w.Write(schemaAnswer)
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	picture := *screenshot
	if picture == "" {
		picture = filepath.Join(t.TempDir(), "playground.png")
	}
	// The browser's clock runs while the page's workers are not scheduled, so a
	// busy machine may need more time.
	budget := 20 * time.Second
	run := func(arguments ...string) (string, string) {
		t.Helper()
		var out, log bytes.Buffer
		c := exec.CommandContext(t.Context(), chromium, append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
			"--user-data-dir=" + chromiumtest.Profile(t), "--window-size=1400,900", "--enable-logging=stderr", "--v=0",
			"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", fmt.Sprint("--virtual-time-budget=", budget.Milliseconds())}, append(arguments, server.URL+"/playground/?run")...)...)
		c.Stdout, c.Stderr = &out, &log
		c.WaitDelay = time.Minute
		if err := c.Run(); err != nil {
			t.Fatalf("%v\n%s", err, &log)
		}
		return strings.NewReplacer("\u00a0", " ", "&nbsp;", " ").Replace(out.String()), log.String()
	}
	const answer = "A lamp that glows"
	dom, log := run("--dump-dom")
	for ; !strings.Contains(dom, answer) && budget < 5*time.Minute; dom, log = run("--dump-dom") {
		budget *= 2
	}
	for _, want := range []string{"monaco-editor", "view-line", "Products", "Orders", answer, "glow"} {
		if !strings.Contains(dom, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for line := range strings.SplitSeq(log, "\n") {
		if strings.Contains(line, "CONSOLE") && (strings.Contains(line, "Error") || strings.Contains(line, "Refused") || strings.Contains(line, "worker")) {
			t.Errorf("browser log: %s", line)
		}
	}
	for _, worker := range []string{"editor", "graphql"} {
		if _, ok := loaded.Load("/playground/" + worker + ".worker.js"); !ok {
			t.Errorf("the page did not start its %s worker", worker)
		}
	}
	select {
	case query := <-asked:
		if !strings.Contains(query, "__schema") {
			t.Errorf("the page sent %s", query)
		}
	default:
		t.Error("the page did not load the schema")
	}
	run("--screenshot=" + picture)
	if info, err := os.Stat(picture); err != nil || info.Size() < 20_000 {
		t.Errorf("no screenshot was taken: %v", err)
	}
}

var schemaAnswer = []byte(`{"data":{"__schema":{"queryType":{"name":"Query","kind":"OBJECT"},"mutationType":null,"subscriptionType":null,"types":[
{"kind":"OBJECT","name":"Query","fields":[{"name":"products","args":[],"type":{"kind":"LIST","ofType":{"kind":"OBJECT","name":"Product"}},"isDeprecated":false}],"interfaces":[]},
{"kind":"OBJECT","name":"Product","fields":[{"name":"name","args":[],"type":{"kind":"SCALAR","name":"String"},"isDeprecated":false}],"interfaces":[]},
{"kind":"SCALAR","name":"String"},{"kind":"SCALAR","name":"Boolean"}],"directives":[]}}}`)
