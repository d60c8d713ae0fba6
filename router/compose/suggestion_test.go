package compose_test

import (
	"errors"
	"strings"
	"testing"

	"souk/router/compose"
)

// An error whose code has several causes suggests what helps against its own.
func TestSuggestionsFitTheCause(t *testing.T) {
	const unlinked = "#\n"
	for _, c := range []struct {
		name, code, want string
		a, b             string
	}{
		{"shareable subscription", "INVALID_FIELD_SHARING", "in one subgraph only, without @shareable",
			`type Query { a: Int } type Subscription { s: Int @shareable }`, `type Query { b: Int }`},
		{"subscription in two subgraphs", "INVALID_FIELD_SHARING", "in one subgraph only, without @shareable",
			`type Query { a: Int } type Subscription { s: Int }`, `type Subscription { s: Int }`},
		{"field in two subgraphs", "INVALID_FIELD_SHARING", "Mark the field as @shareable in all subgraphs",
			`type Query { a: Int }`, `type Query { a: Int }`},
		{"interface object without a key", "INTERFACE_OBJECT_USAGE_ERROR", "Add the @key of the interface",
			`type Query { a: I } interface I @key(fields: "id") { id: ID! } type A implements I @key(fields: "id") { id: ID! }`, `type I @interfaceObject { id: ID! @shareable }`},
		{"interface key in Federation 1", "INTERFACE_OBJECT_USAGE_ERROR", "Link Federation 2",
			unlinked + `type Query { a: I } interface I @key(fields: "id") { id: ID! } type A implements I @key(fields: "id") { id: ID! }`, `type I @interfaceObject @key(fields: "id") { id: ID! b: Int }`},
		{"key that cannot be resolved", "INTERFACE_KEY_NOT_ON_IMPLEMENTATION", `Remove "resolvable: false"`,
			`type Query { a: I } interface I @key(fields: "id") { id: ID! } type A implements I @key(fields: "id", resolvable: false) { id: ID! }`, `type Query { b: Int }`},
		{"missing key", "INTERFACE_KEY_NOT_ON_IMPLEMENTATION", "Give the implementations the key",
			`type Query { a: I } interface I @key(fields: "id") { id: ID! } type A implements I { id: ID! }`, `type Query { b: Int }`},
		{"fields with a syntax error", "KEY_INVALID_FIELDS", "a selection set without the outer braces",
			`type Query { a: A } type A @key(fields: "id {") { id: ID! }`, `type Query { b: Int }`},
		{"fields without a selection", "KEY_INVALID_FIELDS", "a selection set without the outer braces",
			`type Query { a: A } type A @key(fields: "b") { id: ID! b: B } type B { id: ID! }`, `type Query { b: Int }`},
		{"unknown directive", "INVALID_GRAPHQL", "import it with @link", `type Query @none { a: Int }`, `type Query { b: Int }`},
		{"@oneOf without its definition", "INVALID_GRAPHQL", "directive @oneOf on INPUT_OBJECT",
			`type Query { a(i: I): Int } input I @oneOf { b: Int }`, `type Query { b: Int }`},
		{"duplicate type", "INVALID_GRAPHQL", "Remove one definition", `type Query { a: Int } scalar A scalar A`, `type Query { b: Int }`},
		{"duplicate field", "INVALID_GRAPHQL", "Remove one of the fields", `type Query { a: Int a: Int }`, `type Query { b: Int }`},
		{"duplicate argument", "INVALID_GRAPHQL", "Remove one of the arguments", `type Query { a(x: Int, x: Int): Int }`, `type Query { b: Int }`},
		{"duplicate value", "INVALID_GRAPHQL", "Remove one of the values", `type Query { a: E } enum E { A A }`, `type Query { b: Int }`},
		{"unknown type", "INVALID_GRAPHQL", "Define the type", `type Query { a: None }`, `type Query { b: Int }`},
		{"wrong argument", "INVALID_GRAPHQL", "correct its name", `type Query { a: Int @deprecated(raeson: "x") }`, `type Query { b: Int }`},
		{"wrong value", "INVALID_GRAPHQL", "Give the argument a value of its type", `type Query { a: Int @deprecated(reason: 1) }`, `type Query { b: Int }`},
		{"wrong location", "INVALID_GRAPHQL", "Remove the directive there", `type Query @deprecated { a: Int }`, `type Query { b: Int }`},
		{"wrong default value", "INVALID_GRAPHQL", "Write a default value of the type", `type Query { a(x: Int = "1"): Int }`, `type Query { b: Int }`},
		{"missing field of an interface", "INVALID_GRAPHQL", "Add the field to the type", `type Query { a: I } interface I { a: Int } type A implements I { b: Int }`, `type Query { b: Int }`},
		{"unknown field", "KEY_INVALID_FIELDS", "Select fields that the type has",
			`type Query { a: A } type A @key(fields: "no") { id: ID! }`, `type Query { b: Int }`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := compose.Compose(t.Context(), composition{subgraphs: sdls{"a": c.a, "b": c.b}}.list())
			var problems compose.Errors
			if !errors.As(err, &problems) {
				t.Fatalf("got error %v, want %s", err, c.code)
			}
			for _, p := range problems {
				if p.Code == c.code && !strings.Contains(p.Suggestion, c.want) {
					t.Errorf("got the suggestion %q for %v, want %q", p.Suggestion, p, c.want)
				}
			}
			if codes := codesOf(err); len(codes) == 0 || codes[0] != c.code {
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
}
