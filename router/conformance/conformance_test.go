package conformance

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/compose"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/subgraph"
	"souk/router/supergraph"
)

var update = flag.Bool("update", false, "write what is got into testdata")

// federation begins the SDL of subgraphs that do not begin with a comment.
const federation = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@requires", "@provides", "@external", "@shareable", "@inaccessible", "@override", "@interfaceObject", "@context", "@fromContext"])
`

func TestConformance(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := start(t, archive)
			out := &txtar.Archive{Comment: archive.Comment}
			for _, f := range archive.Files {
				if strings.HasSuffix(f.Name, ".requests") || strings.HasSuffix(f.Name, ".answer") {
					continue
				}
				out.Files = append(out.Files, f)
				name, ok := strings.CutSuffix(f.Name, ".graphql")
				if !ok {
					continue
				}
				answer := c.send(t, f.Data, c.files[name+".variables.json"])
				for _, got := range []txtar.File{{Name: name + ".requests", Data: c.requests(f.Data)}, {Name: name + ".answer", Data: answer}} {
					out.Files = append(out.Files, got)
					if want := c.files[got.Name]; !*update && !bytes.Equal(got.Data, want) {
						t.Errorf("%s: got\n%swant\n%s", got.Name, got.Data, want)
					}
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(out), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// A testCase is the gateway and the subgraphs of one file.
type testCase struct {
	files map[string][]byte
	url   string
	log   requestLog
}

func start(t *testing.T, archive *txtar.Archive) *testCase {
	c := &testCase{files: map[string][]byte{}}
	for _, f := range archive.Files {
		c.files[f.Name] = f.Data
	}
	var list []compose.Subgraph
	options := subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{}}
	for _, f := range archive.Files {
		name, ok := strings.CutSuffix(f.Name, ".graphqls")
		if !ok {
			continue
		}
		sdl := string(f.Data)
		if !strings.HasPrefix(sdl, "#") {
			sdl = federation + sdl
		}
		handler, err := newServer(name, sdl, c.files[name+".json"], &c.log)
		if err != nil {
			t.Fatalf("subgraph %s: %v", name, err)
		}
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		list = append(list, compose.Subgraph{Name: name, URL: server.URL, SDL: sdl})
		options.Subgraphs[name] = subgraph.Subgraph{URL: server.URL}
	}
	sdl, err := compose.Compose(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	configuration := config.Default()
	configuration.IncludeErrors.All = true
	gw, err := gateway.New(t.Context(), configuration, gateway.Options{
		Supergraph: sdl,
		Transport: func(*supergraph.Model) (execute.Transport, func(), error) {
			transport, err := subgraph.New(options)
			if err != nil {
				return nil, nil, err
			}
			return transport, transport.Close, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gw.Handler())
	t.Cleanup(func() { gw.Close(); server.Close() })
	c.url = server.URL + configuration.Path
	return c
}

// send makes a client's request and gives the answer, indented if it is long.
func (c *testCase) send(t *testing.T, query, variables []byte) []byte {
	t.Helper()
	if variables == nil {
		variables = []byte("null")
	}
	body, err := json.Marshal(map[string]any{"query": string(query), "variables": json.RawMessage(variables)})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var text, out bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	if err := json.Indent(&out, text.Bytes(), "", "  "); err != nil {
		t.Fatalf("the answer is not JSON: %v: %s", err, text.Bytes())
	}
	if text.Len() <= 160 {
		out = text
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// requests are those made since the last time, a line each: in their order for
// a mutation, sorted for queries, which ask several subgraphs at a time.
func (c *testCase) requests(operation []byte) []byte {
	lines := c.log.take()
	if !bytes.Contains(operation, []byte("mutation")) {
		slices.Sort(lines)
	}
	var out []byte
	for _, line := range lines {
		out = append(append(out, line...), '\n')
	}
	return out
}
