package conformance

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/compose"
	"souk/router/supergraph"
)

// A supergraph needs nothing of a subgraph that the SDL from which it was composed lacks, and
// misses each field of it that another SDL lacks.
func TestSubgraphsServeWhatTheirSupergraphNeeds(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	checked := 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var list []compose.Subgraph
		own := false
		for _, f := range archive.Files {
			own = own || f.Name == "supergraph.graphql" // not composed of these SDLs
			if name, ok := strings.CutSuffix(f.Name, ".graphqls"); ok {
				text := string(f.Data)
				if !strings.HasPrefix(text, "#") {
					text = federation + text
				}
				list = append(list, compose.Subgraph{Name: name, URL: "http://" + name, SDL: text})
			}
		}
		if own {
			continue
		}
		composed, err := compose.Compose(t.Context(), list)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		model, err := supergraph.Parse(composed.SDL)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, s := range list {
			needs := model.Needs(model.Subgraph(s.Name))
			missing, err := needs.Missing(s.SDL)
			if err != nil || len(missing) > 0 {
				t.Errorf("%s: subgraph %s: missing %q, error %v", file, s.Name, missing, err)
			}
			if all, err := needs.Missing("scalar Nothing"); err != nil || len(all) < len(needs)-1 { // it has a Query
				t.Errorf("%s: subgraph %s: %d of %d needs are missing in an empty SDL, error %v", file, s.Name, len(all), len(needs), err)
			}
			checked += len(needs)
		}
	}
	if checked < 500 {
		t.Errorf("only %d needs checked", checked)
	}
}
