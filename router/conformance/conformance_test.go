package conformance

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/tools/txtar"

	"souk/router/gateway/config"
)

var update = flag.Bool("update", false, "write what is got into testdata")

// federation begins the SDL of subgraphs that do not begin with a comment.
const federation = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@requires", "@provides", "@external", "@shareable", "@inaccessible", "@override", "@interfaceObject", "@authenticated", "@requiresScopes", "@policy", "@context", "@fromContext"])
`

// TestMain finds out whether routers leave anything running when they close.
func TestMain(m *testing.M) {
	// Clients' idle connections end when their server is gone.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

func TestConformance(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
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
				if !ok || name == "supergraph" {
					continue
				}
				answer := c.send(t, name, f.Data)
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

// A testCase is the router and the subgraphs of one file.
type testCase struct {
	files map[string][]byte
	url   string
	log   requestLog
	// sign makes tokens that the router trusts.
	sign func(claims []byte) string
}

// requests are those made since the last time, a line each: in their order for
// a mutation, sorted for others, which ask several subgraphs at a time.
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

// TestUnknownFeatures: a router does not start with a supergraph that asks for
// what it does not know to keep it safe or to execute it.
func TestUnknownFeatures(t *testing.T) {
	for _, purpose := range []string{"SECURITY", "EXECUTION"} {
		const feature = "https://example.com/guard/v0.1"
		sdl := `schema @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) @link(url: "` + feature + `", for: ` + purpose + `) { query: Query }
enum join__Graph { A @join__graph(name: "a", url: "http://a.invalid") }
type Query @join__type(graph: A) { a: Int }`
		if _, err := open(t, config.Default(), sdl); err == nil || !strings.Contains(err.Error(), feature) {
			t.Errorf("for %s: %v", purpose, err)
		}
	}
}
