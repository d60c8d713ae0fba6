package schemadiff_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"souk/router/schemadiff"
)

func load(t *testing.T, sdl string) *ast.Schema {
	t.Helper()
	schema, err := gqlparser.LoadSchema(&ast.Source{Input: sdl})
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

const before = `
type Query { product(id: ID!, size: Size = SMALL): Product products(first: Int): [Product] any: Any node: Node old: Int }
interface Node { id: ID! }
type Product implements Node { id: ID! name: String! price: Int cost: Int stock(in: Place): Int at: [Node] fit: Size }
type User implements Node { id: ID! }
union Any = Product | User
enum Size { SMALL LARGE }
input Place { x: Int y: Int! z: Int = 1 }
scalar Time
`

const after = `
type Query { product(id: ID, size: Size! = LARGE, must: Int!): Product! products(first: Int!, last: Int): [Product] any: Any node: Product new: Int }
interface Node { id: ID! }
type Product implements Node { id: ID! name: String price: Float cost: Int @deprecated stock: Int at: [Product!]! fit: Size }
type User { id: ID! }
union Any = Product | Gift
type Gift { id: ID! }
enum Size { SMALL HUGE LARGE }
input Place { x: Int! = 1 y: Int z: Int w: Int! v: Int }
type Time { now: Int }
`

func TestChangesAreJudgedByWhatTheyMeanForClients(t *testing.T) {
	var got []string
	for _, c := range schemadiff.Compare(load(t, before), load(t, after)) {
		got = append(got, c.String())
	}
	want := []string{
		"- Any = User (breaking)",
		"+ Any = Gift (dangerous)",
		"+ Gift",
		"+ Place.v",
		"+ Place.w which is required (breaking)",
		"~ Place.x default from none to 1 (dangerous)",
		"~ Place.x from Int to Int! (breaking)",
		"~ Place.y from Int! to Int",
		"~ Place.z default from 1 to none (dangerous)",
		"~ Product.at from [Node] to [Product!]! (breaking)",
		"~ Product.cost is deprecated",
		"~ Product.name from String! to String (breaking)",
		"~ Product.price from Int to Float (breaking)",
		"- Product.stock(in:) (breaking)",
		"+ Query.new",
		"~ Query.node from Node to Product (breaking)",
		"- Query.old (breaking)",
		"~ Query.product from Product to Product!",
		"~ Query.product(id:) from ID! to ID",
		"+ Query.product(must:) which is required (breaking)",
		"~ Query.product(size:) default from SMALL to LARGE (dangerous)",
		"~ Query.product(size:) from Size to Size! (breaking)",
		"~ Query.products(first:) from Int to Int! (breaking)",
		"+ Query.products(last:)",
		"+ Size.HUGE (dangerous)",
		"~ Time from SCALAR to OBJECT (breaking)",
		"- User implements Node (breaking)",
	}
	remaining := map[string]bool{}
	for _, line := range got {
		remaining[line] = true
	}
	for _, line := range want {
		if !remaining[line] {
			t.Errorf("no change %q", line)
		}
		delete(remaining, line)
	}
	for line := range remaining {
		t.Errorf("unexpected change %q", line)
	}
	if len(schemadiff.Compare(load(t, before), load(t, before))) > 0 {
		t.Error("a schema differs from itself")
	}
	if !strings.Contains(strings.Join(got, "\n"), "+ Gift\n+ Place.v") {
		t.Errorf("not sorted by coordinate: %q", got)
	}
}

// An operation that selects parts of an abstract type by fragments is the measure: it must
// stay valid.
func TestANarrowerTypeIsSafeOnlyIfFragmentsStayValid(t *testing.T) {
	const types = `
interface N { id: ID next: N }
interface S implements N { id: ID next: N }
interface Own { f: Part }
interface Part { id: ID }
type Y implements N { id: ID next: N }
type Z implements N & S { id: ID next: Z }
type Only implements Own { f: P1 }
type P1 implements Part { id: ID }
type P2 implements Part { id: ID }
interface One { id: ID next: One }
interface Sub implements One { id: ID next: Sub }
type Single implements One & Sub { id: ID next: Single }
interface Long { f(x: Int, o: Odd): Int }
interface Short { f: Int }
interface Same { f(x: Int, o: Odd, may: Int): Int }
input Odd { a: Int }
type Has implements Long & Short & Same { f(x: Int, o: Odd, may: Int): Int }
union U = Y | Z
union V = Z
union W = Y | Z
`
	for _, c := range []struct {
		old, next, operation string
		safe                 bool
	}{
		{"N", "Z", `{ a { ... on Y { id } } }`, false},
		{"[N]", "[Z!]!", `{ a { ... on Y { id } } }`, false},
		{"N", "S", `{ a { ... on Y { id } } }`, false},
		{"U", "Z", `{ a { ... on Y { id } } }`, false},
		{"U", "V", `{ a { ... on Y { id } } }`, false},
		{"Own", "Only", `{ a { f { ... on P2 { id } } } }`, false},
		{"N", "U", `{ a { id } }`, false},
		{"Long", "Short", `{ a { f(x: 1) } }`, false},
		{"Long", "Same", `{ a { f(x: 1, o: {a: 1}) } }`, true},
		{"One", "Single", `{ a { id next { next { id } } ... on One { id } ... on Sub { id } ... on Single { id } } }`, true},
		{"[One]", "[Sub!]!", `{ a { id next { next { id } } ... on One { id } ... on Single { id } } }`, true},
		{"One", "Sub", `{ a { id ... on Single { next { id } } } }`, true},
		{"V", "Z", `{ a { __typename ... on Z { id } ... on V { __typename } } }`, true},
		{"U", "W", `{ a { __typename ... on Z { id } ... on Y { id } ... on U { __typename } } }`, true},
		{"U", "N", `{ a { __typename ... on Z { id } ... on Y { id } ... on U { __typename } } }`, true},
	} {
		old, next := load(t, types+"type Query { a: "+c.old+" }"), load(t, types+"type Query { a: "+c.next+" }")
		if _, err := gqlparser.LoadQueryWithRules(old, c.operation, rules.NewDefaultRules()); err != nil {
			t.Fatalf("%s: %v", c.old, err)
		}
		_, invalid := gqlparser.LoadQueryWithRules(next, c.operation, rules.NewDefaultRules())
		if valid := invalid == nil; valid != c.safe {
			t.Fatalf("%s to %s: %s is valid: %t", c.old, c.next, c.operation, valid)
		}
		changes := schemadiff.Compare(old, next)
		if len(changes) != 1 || (changes[0].Level == schemadiff.Safe) != c.safe {
			t.Errorf("from %s to %s: %v; safe: %t", c.old, c.next, changes, c.safe)
		}
	}
}

// A root operation type of another name, or none, ends the operations of the old one.
// A field of a wider type may have objects that clients do not know, as one of a union with a new
// member. No operation becomes invalid.
func TestAWiderTypeIsAsDangerousAsANewMember(t *testing.T) {
	const wide = `
interface N { id: ID }
type P implements N { id: ID }
type R implements N { id: ID }
type S implements N { id: ID }
union U = P
union Wide = P | S
`
	for _, types := range [][2]string{{"U", "N"}, {"U", "Wide"}, {"[U!]", "[Wide!]!"}, {"Wide", "N!"}} {
		from, to := types[0], types[1]
		old, next := load(t, wide+"type Query { a: "+from+" }"), load(t, wide+"type Query { a: "+to+" }")
		if got := fmt.Sprint(schemadiff.Compare(old, next)); !strings.HasSuffix(got, "(dangerous)]") {
			t.Errorf("from %s to %s: got %s", from, to, got)
		}
		for _, operation := range (operations{old}).all() {
			if why := broken(t, old, next, operation); why != "" {
				t.Errorf("from %s to %s, %s is broken: %s", from, to, operation, why)
			}
		}
	}
}

func TestRootTypesAreCompared(t *testing.T) {
	const types = "type Query { a: Int }\ntype Other { a: Int }\ntype Mutation { m: Int }\ntype Events { e: Int }\n"
	for _, c := range []struct{ old, next, want string }{
		{"schema { query: Query mutation: Mutation }", "schema { query: Query }", "- schema.mutation (breaking)"},
		{"schema { query: Query }", "schema { query: Query mutation: Mutation }", "+ schema.mutation with Mutation"},
		{"schema { query: Query }", "schema { query: Other }", "~ schema.query from Query to Other (breaking)"},
		{"schema { query: Query subscription: Events }", "schema { query: Query subscription: Other }", "~ schema.subscription from Events to Other (breaking)"},
		{"schema { query: Query }", "schema { query: Query }", ""},
	} {
		changes := schemadiff.Compare(load(t, types+c.old), load(t, types+c.next))
		if got := strings.Trim(fmt.Sprint(changes), "[]"); got != c.want {
			t.Errorf("%s to %s: got %q, want %q", c.old, c.next, got, c.want)
		}
		unused := schemadiff.Usage{"Query.other": {}}.Relax(load(t, types+c.old), changes)
		for _, change := range unused {
			if change.Level == schemadiff.Breaking {
				t.Errorf("%s to %s: %s breaks although nothing of it is used", c.old, c.next, change)
			}
		}
	}
}

// What clients send, and what they get, is judged apart: a default makes a required input
// optional, and the values of an enum matter where it is used.
func TestInputsAreJudgedByWhatClientsMaySend(t *testing.T) {
	for _, c := range []struct{ old, next, want string }{
		{"(x: Int!)", "(x: Int! = 5)", "~ Query.f(x:) default from none to 5"},
		{"(x: Int!)", "(x: Int = 5)", "~ Query.f(x:) default from none to 5 ~ Query.f(x:) from Int! to Int"},
		{"(x: Int! = 5)", "(x: Int!)", "~ Query.f(x:) default from 5 to none (breaking)"},
		{"(x: Int! = 5)", "(x: Int! = 6)", "~ Query.f(x:) default from 5 to 6 (dangerous)"},
		{"(x: Int! = 5)", "(x: Int = 5)", "~ Query.f(x:) from Int! to Int"},
		{"(x: Int! = 5)", "(x: Int)", "~ Query.f(x:) default from 5 to none (dangerous) ~ Query.f(x:) from Int! to Int"},
		{"(x: Int)", "(x: Int = 5)", "~ Query.f(x:) default from none to 5 (dangerous)"},
		{"(x: Int)", "(x: Int! = 5)", "~ Query.f(x:) default from none to 5 (dangerous) ~ Query.f(x:) from Int to Int! (breaking)"},
		{"(x: [Int!])", "(x: [Int])", "~ Query.f(x:) from [Int!] to [Int]"},
		{"(x: [Int])", "(x: [Int!])", "~ Query.f(x:) from [Int] to [Int!] (breaking)"},
		{"(x: Int)", "(x: [Int])", "~ Query.f(x:) from Int to [Int] (breaking)"}, // of variables
		{"(x: P = {a: 1, b: 2})", "(x: P = {b: 2, a: 1})", ""},
		{"(x: P = {a: 1, b: 2})", "(x: P = {b: 1, a: 2})", "~ Query.f(x:) default from {a:1,b:2} to {a:2,b:1} (dangerous)"},
		{"(x: Int)", `(x: Int @deprecated)`, "~ Query.f(x:) is deprecated"},
		{"(x: I)", "(x: I) INPUT x: Int! = 5", "~ I.x default from none to 5"},
		{"(x: I)", "(x: I) INPUT x: Int! @deprecated", "~ I.x is deprecated"},
		{"(x: E)", "(x: E) ENUM A B C", "+ E.C"},
		{"(x: E)", "(x: E) ENUM A", "- E.B (breaking)"},
		{"(x: E)", "(x: E) ENUM A B @deprecated", "~ E.B is deprecated"},
		{": E #", ": E # ENUM A B C", "+ E.C (dangerous)"},
		{": E #", ": E # ENUM A", "- E.B"},
		{": Int #", ": Int # DIRECTIVE (x: Int! = 5) on FIELD", "~ @d(x:) default from none to 5"},
		{": Int #", ": Int # DIRECTIVE (x: Int) on FIELD", "~ @d(x:) from Int! to Int"},
		{": Int #", ": Int # DIRECTIVE (x: Int!) on QUERY", "~ @d is allowed on QUERY ~ @d is not allowed on FIELD any more (breaking)"},
		{": Int #", ": Int # DIRECTIVE (x: Int!) repeatable on FIELD", "~ @d is repeatable"},
	} {
		sdl := func(text string) string {
			parts := map[string]string{"INPUT": "x: Int!", "ENUM": "A B", "DIRECTIVE": "(x: Int!) on FIELD"}
			for name := range parts {
				if before, value, ok := strings.Cut(text, " "+name+" "); ok {
					text, parts[name] = before, value
				}
			}
			field := "f" + text + ": Int"
			if kept, ok := strings.CutSuffix(text, " #"); ok {
				field = "f" + kept
			}
			return fmt.Sprintf("type Query { %s } input P { a: Int b: Int } input I { %s } enum E { %s } directive @d%s", field, parts["INPUT"], parts["ENUM"], parts["DIRECTIVE"])
		}
		changes := schemadiff.Compare(load(t, sdl(c.old)), load(t, sdl(c.next)))
		if got := fmt.Sprint(changes); got != "["+c.want+"]" {
			t.Errorf("%s to %s: got %q, want %q", c.old, c.next, got, c.want)
		}
	}
}
