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

var update = flag.Bool("update", false, "rewrite the golden files")

// federation is the header of subgraphs whose SDL does not start with a comment.
const federation = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@requires", "@provides", "@external", "@shareable", "@inaccessible", "@override", "@interfaceObject", "@authenticated", "@requiresScopes", "@policy", "@context", "@fromContext"])
`

// TestMain checks that routers leave no goroutines behind when they close.
func TestMain(m *testing.M) {
	// Idle connections of HTTP clients end when their server is closed.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// TestResponsesMatchGoldenFiles runs the operations of each case and compares the
// requests to subgraphs and the response with the golden file.
func TestResponsesMatchGoldenFiles(t *testing.T) {
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

// A testCase is a router with the subgraphs of one golden file.
type testCase struct {
	files map[string][]byte
	url   string
	log   requestLog
	// sign makes a token that the router trusts.
	sign func(claims []byte) string
}

// requests returns the requests to subgraphs since the last call, one per line. For
// a mutation, they are in order. Otherwise they are sorted, because the router sends
// them concurrently.
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

// TestUnknownRequiredFeatureIsRejected checks that the router does not start with a
// supergraph that requires an unknown feature for security or execution.
func TestUnknownRequiredFeatureIsRejected(t *testing.T) {
	for _, purpose := range []string{"SECURITY", "EXECUTION"} {
		const feature = "https://example.com/guard/v0.1"
		sdl := `schema @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) @link(url: "` + feature + `", for: ` + purpose + `) { query: Query }
enum join__Graph { A @join__graph(name: "a", url: "http://a.invalid") }
type Query @join__type(graph: A) { a: Int }`
		if _, err := open(t, config.Default(), sdl); err == nil || !strings.Contains(err.Error(), feature) {
			t.Errorf("feature for %s: got error %v", purpose, err)
		}
	}
}
