package filekind_test

import (
	"testing"

	"souk/internal/filekind"
)

func TestKindsAreRecognised(t *testing.T) {
	for text, want := range map[string]filekind.Kind{
		" \n":                                   filekind.Empty,
		"\ufeff":                                filekind.Empty,
		`{"data": {"__schema": {"types": []}}}`: filekind.Introspection,
		`[1]`:                                   filekind.JSON,
		`{"a": 1}`:                              filekind.JSON,
		`{ product }`:                           filekind.Operation,
		"mutation M { x }":                      filekind.Operation,
		"# a\nquery($id: ID!) {\n a(id: $id)\n}\n":    filekind.Operation,
		"subgraphs:\n  a: {}\n":                       filekind.Composition,
		"version: \"1\"\nlisten: 127.0.0.1:4000\n":    filekind.Router,
		"type Query @join__type(graph: A) { a: Int }": filekind.Supergraph,
		"type A @key(fields: \"id\") { id: ID! }":     filekind.Subgraph,
		"type Query { query: Int }":                   filekind.Schema,
		"schema { query: Q }":                         filekind.Schema,
		"extend type Query { mutation: Int }":         filekind.Schema,
		"something: else":                             filekind.Unknown,
	} {
		if got := filekind.Of(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
