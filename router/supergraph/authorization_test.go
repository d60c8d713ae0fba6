package supergraph_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"souk/router/supergraph"
)

// protectedSDL returns a supergraph with the directives onField on the field
// Query.secret, onType on the type Vault, and links on the schema.
func protectedSDL(onField, onType, links string) string {
	return fmt.Sprintf(`
schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) %s { query: Query }
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
scalar join__FieldSet
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
enum join__Graph { A @join__graph(name: "a", url: "http://a.invalid/graphql") }
type Query @join__type(graph: A) { secret: String %s vault: Vault }
type Vault @join__type(graph: A) %s { content: String }
`, links, onField, onType)
}

const securityLinks = `@link(url: "https://specs.apollo.dev/authenticated/v0.1", for: SECURITY) @link(url: "https://specs.apollo.dev/requiresScopes/v0.1", for: SECURITY) @link(url: "https://specs.apollo.dev/policy/v0.1", for: SECURITY)`

func TestAuthorizationArgumentsAreRead(t *testing.T) {
	for _, c := range []struct {
		argument string
		want     [][]string
	}{
		{argument: `[["a"]]`, want: [][]string{{"a"}}},
		{argument: `[["a", "b"], ["c"]]`, want: [][]string{{"a", "b"}, {"c"}}},
		{argument: `[["""a"""]]`, want: [][]string{{"a"}}},
	} {
		for _, directive := range []string{"@requiresScopes(scopes: %s)", "@policy(policies: %s)"} {
			applied := fmt.Sprintf(directive, c.argument)
			m, err := supergraph.Parse(protectedSDL(applied, applied, securityLinks))
			if err != nil {
				t.Errorf("%s: got error %v", applied, err)
				continue
			}
			for _, a := range []supergraph.Authorization{m.Type("Query").Field("secret").Authorization, m.Type("Vault").Authorization} {
				got := a.Scopes
				if strings.HasPrefix(applied, "@policy") {
					got = a.Policies
				}
				if !reflect.DeepEqual(got, c.want) {
					t.Errorf("%s: got %v, want %v", applied, got, c.want)
				}
			}
		}
	}
}

// TestUnreadableAuthorizationIsRejected checks that a supergraph is rejected if
// its authorization directives cannot be read, and that the error names the type
// or field that would otherwise be unprotected.
func TestUnreadableAuthorizationIsRejected(t *testing.T) {
	const form = `must be a list of lists of strings, such as [["a", "b"], ["c"]]`
	for _, c := range []struct{ field, typ, links, want string }{
		{field: `@requiresScopes(scopes: "a")`, want: `@requiresScopes on Query.secret: scopes ` + form},
		{field: `@requiresScopes(scopes: ["a"])`, want: `@requiresScopes on Query.secret: scopes ` + form},
		{field: `@requiresScopes(scopes: [["a"], "b"])`, want: form},
		{field: `@requiresScopes(scopes: [[["a"]]])`, want: form},
		{field: `@requiresScopes(scopes: [[a]])`, want: form},
		{field: `@requiresScopes(scopes: [[1]])`, want: form},
		{field: `@requiresScopes(scopes: [[null]])`, want: form},
		{field: `@requiresScopes(scopes: [null])`, want: form},
		{field: `@requiresScopes(scopes: null)`, want: form},
		{field: `@requiresScopes(scopes: {a: "b"})`, want: form},
		{field: `@requiresScopes(scopes: [])`, want: `scopes is empty`},
		{field: `@requiresScopes(scopes: [[]])`, want: `@requiresScopes on Query.secret: scopes has an empty list, which everybody would pass`},
		{field: `@requiresScopes(scopes: [["a"], []])`, want: `scopes has an empty list`},
		{field: `@requiresScopes(scopes: [[""]])`, want: `scopes has an empty name`},
		{field: `@policy(policies: [[]])`, want: `policies has an empty list`},
		{typ: `@policy(policies: [["a"], []])`, want: `@policy on the type Vault: policies has an empty list`},
		{field: `@requiresScopes`, want: `@requiresScopes on Query.secret: missing argument scopes`},
		{field: `@requiresScopes(policies: [["a"]])`, want: `missing argument scopes`},
		{field: `@policy(policies: "a")`, want: `@policy on Query.secret: policies ` + form},
		{field: `@policy(policies: ["a"])`, want: form},
		{field: `@policy(policies: [])`, want: `policies is empty`},
		{field: `@policy`, want: `missing argument policies`},
		{typ: `@policy(policies: ["a"])`, want: `@policy on the type Vault: policies ` + form},
		{field: `@policy(policies: [["a"]]) @policy(policies: [["b"]])`, want: `@policy appears twice on Query.secret`},
		{field: `@authenticated`, links: " ", want: `@authenticated is used on Query.secret, but the schema has no @link to https://specs.apollo.dev/authenticated`},
		{typ: `@policy(policies: [["a"]])`, links: " ", want: `@policy is used on the type Vault, but the schema has no @link`},
	} {
		links := c.links
		if links == "" {
			links = securityLinks
		}
		_, err := supergraph.Parse(protectedSDL(c.field, c.typ, links))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%s%s: got error %v, want %s", c.field, c.typ, err, c.want)
		}
	}
	// Another feature may define a directive with the same name.
	for _, links := range []string{
		`@link(url: "https://example.com/policy/v1.0")`,
		`@link(url: "https://example.com/rules/v1.0", import: ["@policy"])`,
	} {
		m, err := supergraph.Parse(protectedSDL(`@policy(name: "a")`, "", links))
		if err != nil || m.Type("Query").Field("secret").Policies != nil {
			t.Errorf("%s: got error %v", links, err)
		}
	}
}
