package compose_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/compose"
)

var update = flag.Bool("update", false, "rewrite the expected results and the committed supergraph")

// A rule is a case of testdata/rules.
type rule struct {
	name      string
	subgraphs []compose.Subgraph
	result    string // expected
}

// rules returns the cases of an archive, whose files are NAME/SUBGRAPH.graphqls and
// NAME/result.
func rules(t *testing.T, archive *txtar.Archive) []*rule {
	t.Helper()
	byName := map[string]*rule{}
	var all []*rule
	for _, f := range archive.Files {
		name, file, found := strings.Cut(f.Name, "/")
		if !found {
			t.Fatalf("the file %q is in no case", f.Name)
		}
		if byName[name] == nil {
			byName[name] = &rule{name: name}
			all = append(all, byName[name])
		}
		if subgraph, is := strings.CutSuffix(file, ".graphqls"); is {
			byName[name].subgraphs = append(byName[name].subgraphs, compose.Subgraph{Name: subgraph, URL: "http://" + subgraph + "/graphql", SDL: string(f.Data)})
		} else {
			byName[name].result = string(f.Data)
		}
	}
	return all
}

func ruleArchives(t *testing.T) map[string]*txtar.Archive {
	t.Helper()
	paths, err := filepath.Glob("testdata/rules/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	all := map[string]*txtar.Archive{}
	for _, path := range paths {
		if all[path], err = txtar.ParseFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// describe writes errors, or the hints of a composition that succeeds.
func describe(t *testing.T, composed *compose.Result, err error) string {
	t.Helper()
	var b strings.Builder
	var problems compose.Errors
	switch {
	case errors.As(err, &problems):
		for _, p := range problems {
			fmt.Fprintln(&b, p)
		}
	case err != nil:
		t.Error(err)
	default:
		fmt.Fprintln(&b, "composes")
		for _, h := range composed.Hints {
			fmt.Fprintln(&b, h.Level, h)
		}
	}
	return b.String()
}

// TestRules composes each case and compares errors and hints with the expected ones.
func TestRules(t *testing.T) {
	for path, archive := range ruleArchives(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			got := map[string]string{}
			for _, r := range rules(t, archive) {
				composed, err := compose.Compose(t.Context(), r.subgraphs)
				got[r.name] = describe(t, composed, err)
				if got[r.name] != r.result && !*update {
					t.Errorf("%s: got\n%s\nwant\n%s", r.name, got[r.name], r.result)
				}
			}
			if !*update {
				return
			}
			for i, f := range archive.Files {
				if name, is := strings.CutSuffix(f.Name, "/result"); is {
					archive.Files[i].Data = []byte(got[name])
				}
			}
			if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// contextLost is a reason why results differ.
const contextLost = "Apollo's drops all but the first of the contexts that subgraphs name alike on a type, and fails"

// stricter are the cases in which the results differ from Apollo's composition, with
// the reasons.
var stricter = map[string]string{
	"federation_2.15":           "Apollo's also reports the directives of the unknown version as unknown",
	"import_string_not_list":    "a single import is a list of one, by the rules of GraphQL",
	"duplicate_argument":        "GraphQL does not allow it",
	"duplicate_enum_value":      "GraphQL does not allow it",
	"extension_of_another_kind": "GraphQL does not allow it",
	"two_schema_definitions":    "GraphQL does not allow it",
	"key_with_unknown_fragment": "the type is not defined",
	"scopes_coercion":           "single values are written as lists of lists",

	"context_named_alike":                     contextLost,
	"context_named_alike_and_used_by_both":    contextLost,
	"context_named_alike_on_interface":        contextLost,
	"context_named_alike_on_interface_object": contextLost,
	"context_named_alike_on_union":            contextLost,
	"context_named_alike_authorization":       contextLost,
}

// TestRulesMatchApollo compares the codes of errors, the hints and the supergraphs
// with those of Apollo's composition.
func TestRulesMatchApollo(t *testing.T) {
	if testing.Short() {
		t.Skip("installs an npm package")
	}
	var all []*rule
	archives := ruleArchives(t)
	for _, path := range slices.Sorted(maps.Keys(archives)) {
		all = append(all, rules(t, archives[path])...)
	}
	var lists [][]compose.Subgraph
	for _, r := range all {
		lists = append(lists, r.subgraphs)
	}
	for i, theirs := range apollo(t, lists) {
		t.Run(all[i].name, func(t *testing.T) {
			if reason := stricter[all[i].name]; reason != "" {
				t.Skip(reason)
			}
			matchApollo(t, all[i].subgraphs, theirs)
		})
	}
}

// matchApollo compares a composition with Apollo's: the same codes, or the same hints
// and the same supergraph.
func matchApollo(t *testing.T, subgraphs []compose.Subgraph, theirs apolloResult) {
	t.Helper()
	ours, err := compose.Compose(t.Context(), subgraphs)
	var codes []string
	for _, e := range theirs.Errors {
		codes = append(codes, e.Code)
	}
	if got := codesOf(err); !sameCodes(got, codes) {
		t.Fatalf("got codes %v (%v), want Apollo's %v %v", got, err, codes, theirs.Errors)
	}
	if err != nil {
		return
	}
	if got, want := strings.TrimSpace(ours.SDL), strings.TrimSpace(theirs.Supergraph); got != want {
		t.Errorf("got the supergraph\n%s\nwant Apollo's\n%s", got, want)
	}
	var got, want []string
	for _, h := range ours.Hints {
		got = append(got, h.Code+" "+h.Coordinate)
	}
	for _, h := range theirs.Hints {
		want = append(want, h.Code+" "+h.Coordinate)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got hints %v, want Apollo's %v", got, want)
	}
}
