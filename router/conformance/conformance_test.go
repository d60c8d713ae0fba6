package conformance

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what is got into testdata")

// federation begins the SDL of subgraphs that do not begin with a comment.
const federation = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@requires", "@provides", "@external", "@shareable", "@inaccessible", "@override", "@interfaceObject", "@authenticated", "@requiresScopes", "@policy", "@context", "@fromContext"])
`

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
