package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"souk/router/auth"
	"souk/router/operation"
	"souk/router/supergraph"
)

const head = `
schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION)
  @link(url: "https://specs.apollo.dev/authenticated/v0.1", for: SECURITY) @link(url: "https://specs.apollo.dev/requiresScopes/v0.1", for: SECURITY) @link(url: "https://specs.apollo.dev/policy/v0.1", for: SECURITY) { query: Query }
directive @join__field(graph: join__Graph requires: join__FieldSet provides: join__FieldSet type: String external: Boolean override: String usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__implements(graph: join__Graph! interface: String!) repeatable on OBJECT | INTERFACE
directive @join__type(graph: join__Graph! key: join__FieldSet extension: Boolean! = false resolvable: Boolean! = true isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @link(url: String as: String for: link__Purpose import: [link__Import]) repeatable on SCHEMA
directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @requiresScopes(scopes: [[requiresScopes__Scope!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @policy(policies: [[policy__Policy!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
scalar join__FieldSet
scalar link__Import
scalar requiresScopes__Scope
scalar policy__Policy
enum join__Graph { A @join__graph(name: "a", url: "http://a") }
enum link__Purpose { SECURITY EXECUTION }
`

const guarded = head + `
interface Node @join__type(graph: A) { id: ID! owner: String }
type Post implements Node @join__implements(graph: A, interface: "Node") @join__type(graph: A) { id: ID! owner: String @requiresScopes(scopes: [["read:owner", "read:post"], ["admin"]]) title: String! }
type Draft implements Node @join__implements(graph: A, interface: "Node") @join__type(graph: A) @authenticated { id: ID! owner: String }
type Page implements Node @join__implements(graph: A, interface: "Node") @join__type(graph: A) { id: ID! owner: String }
scalar Secret @join__type(graph: A) @policy(policies: [["vault"]])
type User @join__type(graph: A) { name: String! email: String @authenticated key: Secret friends: [User!]! }
type Query @join__type(graph: A) { me: User @authenticated user(id: ID): User node: Node draft: Draft post: Post }
`

func model(t testing.TB, sdl string) (*supergraph.Model, *operation.Schema) {
	t.Helper()
	m, err := supergraph.Parse(sdl)
	if err != nil {
		t.Fatal(err)
	}
	s, err := operation.NewSchema(m.APISchema)
	if err != nil {
		t.Fatal(err)
	}
	return m, s
}

func parse(t testing.TB, s *operation.Schema, text string) *operation.Operation {
	t.Helper()
	d, err := s.Parse(text, "")
	if err != nil {
		t.Fatal(err)
	}
	return d.Operation(nil)
}

func TestFilterDeniesProtectedFields(t *testing.T) {
	m, schema := model(t, guarded)
	policy := auth.NewPolicy(m, nil)
	signedIn := &auth.Caller{Subject: "1"}
	scoped := func(scopes ...string) *auth.Caller { return &auth.Caller{Subject: "1", Scopes: scopes} }
	tests := []struct {
		name   string
		query  string
		caller *auth.Caller
		denied string
		key    string // the operation in one line; # follows denied fields
	}{
		{name: "no directives", query: `{ user { name friends { name } } }`},
		{name: "a field, anonymous", query: `{ user { name email } }`, denied: "User.email", key: `{user{name email#}}`},
		{name: "a field, signed in", query: `{ user { name email } }`, caller: signedIn},
		{name: "fields below a denied field are not checked", query: `{ me { email } }`, denied: "Query.me", key: `{me{email}#}`},
		{name: "nested, with an alias", query: `{ user { friends { friends { mail: email } } } }`, denied: "User.email", key: `{user{friends{friends{mail:email#}}}}`},
		{name: "a type", query: `{ draft { id } }`, denied: "Query.draft", key: `{draft{id}#}`},
		{name: "a type in a fragment", query: `{ node { ... on Draft { id } ... on Post { id } } }`, denied: "Draft.id", key: `{node{...on Draft{id#}...on Post{id}}}`},
		{name: "a type behind an interface", query: `{ node { id } }`, denied: "Draft.id", key: `{node{...on Draft{id#}...on Page{id}...on Post{id}}}`},
		{name: "a type behind an interface, signed in", query: `{ node { id } }`, caller: signedIn},
		{name: "__typename is not protected", query: `{ node { __typename } }`},
		{name: "one of two alternatives", query: `{ post { owner } }`, caller: scoped("admin")},
		{name: "all of one alternative", query: `{ post { owner } }`, caller: scoped("read:post", "read:owner")},
		{name: "a part of one alternative", query: `{ post { owner title } }`, caller: scoped("read:post"), denied: "Post.owner", key: `{post{owner# title}}`},
		{name: "scopes, anonymous", query: `{ post { owner } }`, denied: "Post.owner", key: `{post{owner#}}`},
		{name: "a scalar", query: `{ user { key } }`, caller: signedIn, denied: "User.key", key: `{user{key#}}`},
		{name: "a policy by role", query: `{ user { key } }`, caller: &auth.Caller{Roles: []string{"vault"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			op := parse(t, schema, tt.query)
			before := op.Key()
			got, denied := filter(t, policy, op, tt.caller)
			var names []string
			for _, d := range denied {
				names = append(names, d.Field)
				if d.Line != 1 || d.Column < 1 {
					t.Errorf("%s: got position %d:%d", d.Field, d.Line, d.Column)
				}
			}
			if s := strings.Join(names, " "); s != tt.denied {
				t.Errorf("got denied %q, want %q", s, tt.denied)
			}
			if tt.key == "" && got != op {
				t.Errorf("the operation is changed to %s", got.Key())
			}
			if s := text(got.Selections); tt.key != "" && s != tt.key {
				t.Errorf("got %s, want %s", s, tt.key)
			}
			if op.Key() != before {
				t.Error("the original operation is changed")
			}
			if again, _ := filter(t, policy, op, tt.caller); again != got {
				t.Error("equal rights give a different operation")
			}
		})
	}
}

// text prints selections in one line, with # after denied fields.
func text(list []operation.Selection) string {
	if len(list) == 0 {
		return ""
	}
	out := "{"
	for i, s := range list {
		switch s := s.(type) {
		case *operation.Field:
			if i > 0 {
				out += " "
			}
			if s.Alias != s.Name {
				out += s.Alias + ":"
			}
			out += s.Name + text(s.Selections)
			if s.Denied != nil {
				out += "#"
			}
		case *operation.InlineFragment:
			out += "...on " + s.TypeCondition + text(s.Selections)
		}
	}
	return out + "}"
}

// filter filters an operation and fails the test on an error.
func filter(t *testing.T, p *auth.Policy, op *operation.Operation, c *auth.Caller) (*operation.Operation, []auth.Denied) {
	t.Helper()
	filtered, denied, err := p.Filter(context.Background(), op, c)
	if err != nil {
		t.Fatal(err)
	}
	return filtered, denied
}

type evaluator func(c *auth.Caller, policies []string) (map[string]bool, error)

func (e evaluator) Evaluate(_ context.Context, c *auth.Caller, policies []string) (map[string]bool, error) {
	return e(c, policies)
}

func TestPolicyEvaluatorDecides(t *testing.T) {
	m, schema := model(t, guarded)
	var asked []string
	policy := auth.NewPolicy(m, evaluator(func(c *auth.Caller, policies []string) (map[string]bool, error) {
		asked = append(asked, policies...)
		return map[string]bool{"vault": c != nil && c.Subject == "boss"}, nil
	}))
	op := parse(t, schema, `{ user { key } }`)
	if _, denied := filter(t, policy, op, &auth.Caller{Subject: "boss"}); denied != nil {
		t.Errorf("got denied %v", denied)
	}
	if _, denied := filter(t, policy, op, nil); len(denied) != 1 {
		t.Errorf("got denied %v", denied)
	}
	if strings.Join(asked, " ") != "vault vault" {
		t.Errorf("evaluated policies %v", asked)
	}
}

func TestPolicyEvaluatorFailureDenies(t *testing.T) {
	m, schema := model(t, guarded)
	down := errors.New("down")
	policy := auth.NewPolicy(m, evaluator(func(*auth.Caller, []string) (map[string]bool, error) { return nil, down }))
	if _, _, err := policy.Filter(t.Context(), parse(t, schema, `{ user { key } }`), nil); !errors.Is(err, down) {
		t.Errorf("got error %v", err)
	}
	if _, _, err := policy.Filter(t.Context(), parse(t, schema, `{ user { name } }`), nil); err != nil {
		t.Errorf("operation without policies: got error %v", err)
	}
}

func TestUnguardedSupergraphCostsNothing(t *testing.T) {
	m, schema := model(t, head+`type Query @join__type(graph: A) { a: Int }`)
	policy := auth.NewPolicy(m, nil)
	op := parse(t, schema, `{ a }`)
	if n := testing.AllocsPerRun(100, func() {
		if got, _ := filter(t, policy, op, nil); got != op {
			t.Error("the operation is changed")
		}
	}); n > 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}
