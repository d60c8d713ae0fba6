package compose_test

import (
	"errors"
	"slices"
	"testing"

	"souk/router/compose"
)

// unplaced are the cases whose errors are about no line of an SDL, with the reason.
var unplaced = map[string]string{
	"no_query_anywhere": "what is missing is in no subgraph",
	"subgraph_names":    "the name of a subgraph is in no SDL",
}

// Every error names at least one place, with its line and column.
func TestEveryErrorHasAPlace(t *testing.T) {
	for path, archive := range ruleArchives(t) {
		for _, r := range rules(t, archive) {
			_, err := compose.Compose(t.Context(), r.subgraphs)
			var problems compose.Errors
			errors.As(err, &problems)
			for _, p := range problems {
				placed := len(p.Locations) > 0
				for _, at := range p.Locations {
					placed = placed && at.Line > 0 && at.Column > 0
				}
				if !placed && unplaced[r.name] == "" {
					t.Errorf("%s: %s: the error has no place: %v", path, r.name, p)
				}
			}
		}
	}
}

// What is missing in some subgraphs is reported where it is, and then where it should be.
func TestWhatIsMissingHasThePlaceToAddIt(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want []string
	}{
		{"type Query { a(x: Int!): Int @shareable }", "type Query { a: Int @shareable }", []string{"a:2:16", "b:2:14"}},
		{"type Query { a(x: I): Int } input I { a: Int b: Int! }", "type Query { b(x: I): Int } input I { a: Int }", []string{"a:2:46", "b:2:35"}},
		{"type Query { a(x: E): E } enum E { A }", "enum E { A B } type Query { b: E }", []string{"b:2:12", "a:2:32"}},
	} {
		_, err := compose.Compose(t.Context(), composition{subgraphs: sdls{"a": c.a, "b": c.b}}.list())
		var problems compose.Errors
		if !errors.As(err, &problems) {
			t.Fatalf("%s: got error %v", c.a, err)
		}
		var got []string
		for _, at := range problems[0].Locations {
			got = append(got, at.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: got the places %v, want %v", err, got, c.want)
		}
	}
}
