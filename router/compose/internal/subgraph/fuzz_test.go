package subgraph_test

import (
	"strings"
	"testing"

	"souk/router/compose/internal/subgraph"
)

// FuzzRead checks that any SDL is read or refused with a code and a message, and
// that what is read can be upgraded and validated.
func FuzzRead(f *testing.F) {
	const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@requires", "@external", "@context", "@fromContext"]) `
	for _, sdl := range []string{
		"", "type Query { a: Int }", link, "extend type T @key(fields: \"id\") { id: ID! @external }",
		link + `type T @key(fields: "id { a ... on T { b } }") { id: ID! w: Int @external c: Int @requires(fields: "w") }`,
		link + `type T @context(name: "c") { a(x: Int @fromContext(field: "$c { a }")): T }`,
		`extend schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://example.com/a/v1.0", as: "b", import: [{name: "@a", as: "@c"}])`,
		"\"\"\"a\n b\"\"\" enum E { A } input I { a: I = {a: {}} } union U = T type T { e(i: I = {}): E } scalar _FieldSet",
		"type T { a: " + strings.Repeat("[", 500) + "Int" + strings.Repeat("]", 500) + " }",
	} {
		f.Add(sdl)
	}
	f.Fuzz(func(t *testing.T, sdl string) {
		read, problems := subgraph.Read("a", "http://a", sdl)
		if len(problems) == 0 {
			_, problems = subgraph.Upgrade([]*subgraph.Subgraph{read})
		}
		for _, p := range problems {
			if p.Code == "" || p.Message == "" {
				t.Errorf("%q: got the error %+v without a code or a message", sdl, p)
			}
		}
	})
}
