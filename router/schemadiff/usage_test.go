package schemadiff_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"souk/router/schemadiff"
)

func relaxed(t *testing.T, usage string) (lines []string) {
	t.Helper()
	u := schemadiff.Usage{}
	if err := u.Parse([]byte(usage)); err != nil {
		t.Fatal(err)
	}
	old := load(t, before)
	for _, c := range u.Relax(old, schemadiff.Compare(old, load(t, after))) {
		if c.Level == schemadiff.Breaking {
			lines = append(lines, c.Coordinate)
		}
		if c.Unused && c.Level != schemadiff.Safe {
			t.Errorf("%s is unused, and %v", c.Coordinate, c.Level)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

func TestOnlyChangesOfUsedElementsBreak(t *testing.T) {
	for name, c := range map[string]struct{ usage, want string }{
		"nothing is used": {`[]`, ""},
		"a field":         {`["Query.old"]`, "Query.old"},
		"the console's response, with an argument": {`{"window": 3600, "fields": {"Query.products": {"requests": 7, "clients": ["web"]}}}`,
			"Query.products(first:)"},
		"an argument's input object":         {`["Product.stock"]`, "Place.w Place.x Product.stock(in:)"},
		"members of a union":                 {`["Query.any"]`, "Any = User User implements Node"},
		"the possible types of an interface": {`["Query.node"]`, "Any = User Query.node User implements Node"},
		"a field by its interface":           {`["Node.id"]`, "Any = User User implements Node"}, // by ... on Any
		"a field of a type":                  {`["Product.name"]`, "Product.name"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(relaxed(t, c.usage), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A fragment that has only __typename uses no field of its type.
func TestFragmentsWithoutFieldsUseTheirTypes(t *testing.T) {
	const fields = " type Query { f: P g: S other: R } type R { id: ID } type S { id: ID }"
	for name, c := range map[string]struct{ fragment, before, after, want string }{
		"a member leaves a union":       {"U", "union U = P | R type P { id: ID }", "union U = R type P { id: ID }", "U = P"},
		"a type leaves an interface":    {"I", "interface I { id: ID } type P implements I { id: ID }", "interface I { id: ID } type P { id: ID }", "P implements I"},
		"a union is removed":            {"U", "union U = P | R type P { id: ID }", "type P { id: ID }", "U"},
		"an interface is removed":       {"I", "interface I { id: ID } type P implements I { id: ID }", "type P { id: ID }", "I P implements I"},
		"a union becomes a scalar":      {"U", "union U = P | R type P { id: ID }", "scalar U type P { id: ID }", "U"},
		"an interface becomes an input": {"I", "interface I { id: ID } type P implements I { id: ID }", "input I { id: ID } type P { id: ID }", "I P implements I"},
	} {
		t.Run(name, func(t *testing.T) {
			old, next := load(t, c.before+fields), load(t, c.after+fields)
			if broken(t, old, next, "{ f { ... on "+c.fragment+" { __typename } } }") == "" {
				t.Fatal("the operation is not broken")
			}
			for field, want := range map[string]string{"Query.f": c.want, "Query.g": ""} {
				var got []string
				for _, change := range (schemadiff.Usage{field: {}}).Relax(old, schemadiff.Compare(old, next)) {
					if change.Level == schemadiff.Breaking {
						got = append(got, change.Coordinate)
					}
				}
				if strings.Join(got, " ") != want {
					t.Errorf("with %s, got the breaking changes %q, want %q", field, got, want)
				}
			}
		})
	}
}

func TestUsageOfAnotherFormIsRefused(t *testing.T) {
	for _, text := range []string{`{}`, `{"data": {"fields": {}}}`, `[1]`, `"Product.name"`, `["Product"]`, `["Query.product(id:)"]`, `[`, `{"fields": []}`, `{"fields": {"A.b": {}, "A.b": {}}}`} {
		if err := (schemadiff.Usage{}).Parse([]byte(text)); err == nil || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%s: got error %v", text, err)
		}
	}
}

func TestUsageMayBeginWithAByteOrderMark(t *testing.T) {
	u := schemadiff.Usage{}
	if err := u.Parse([]byte("\ufeff" + `{"fields": {"A.b": {"requests": 3}}}`)); err != nil || fmt.Sprint(u["A.b"]) != "{3 [] false false}" {
		t.Errorf("got %v, error %v", u, err)
	}
}

func TestUnusedChangesAreMarked(t *testing.T) {
	c := schemadiff.Change{Kind: schemadiff.Removed, Coordinate: "Query.old", Unused: true}
	if got := c.String(); got != "- Query.old (safe: not used)" {
		t.Errorf("got %q", got)
	}
}

// A usage of another graph, or of an older one, shows in what it covers of a schema.
func TestCoverageOfAUsage(t *testing.T) {
	for usage, want := range map[string]schemadiff.Coverage{
		`["Query.old", "Node.id"]`: {Fields: 2, Unknown: []string{}},
		`{"fields": {"Query.old": {"requests": 7}, "Node.id": {"requests": 9}, "Query.gone": {"requests": 1}, "Other.x": {}}}`: {Fields: 2, Requests: 7, Unknown: []string{"Other.x", "Query.gone"}},
		`["Place.x"]`: {Unknown: []string{"Place.x"}}, // of an input object
		`[]`:          {Unknown: []string{}},
	} {
		u := schemadiff.Usage{}
		if err := u.Parse([]byte(usage)); err != nil {
			t.Fatal(err)
		}
		if got := u.Coverage(load(t, before)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", usage, got, want)
		}
	}
}

// Usage does not tell which directives operations use, so the types of their arguments count
// as used.
func TestTypesOfDirectivesOfOperationsAreUsed(t *testing.T) {
	const text = "directive @foo(mode: Mode, in: In) on FIELD\ndirective @bar(s: Hidden) on OBJECT\ntype Query { x: Int }\n"
	old := load(t, text+"enum Mode { A B } input In { a: Int b: Int } enum Hidden { A B }")
	changes := schemadiff.Compare(old, load(t, text+"enum Mode { A } input In { a: Int } enum Hidden { A }"))
	var got []string
	for _, c := range (schemadiff.Usage{"Query.x": {}}).Relax(old, changes) {
		if c.Level == schemadiff.Breaking {
			got = append(got, c.Coordinate)
		}
	}
	if want := "In.b Mode.B"; strings.Join(got, " ") != want {
		t.Errorf("got the breaking changes %v, want %s", got, want)
	}
}

func TestBreakingChangesNameTheirClients(t *testing.T) {
	u := schemadiff.Usage{}
	for _, text := range []string{
		`{"fields": {"Query.old": {"requests": 7, "clients": ["web"]}, "Query.products": {"requests": 9, "clients": [{"name": "app", "version": "2.1", "requests": 8}, {"name": "web", "requests": 1}]}},
			"arguments": {"Query.products(first:)": {"requests": 1, "clients": [{"name": "web", "requests": 1}]}}}`,
		`{"fields": {"Query.old": {"clients": [{"name": "kiosk", "version": "", "requests": 2}]}}}`,
	} {
		if err := u.Parse([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	old := load(t, before)
	got := map[string]string{}
	for _, c := range u.Relax(old, schemadiff.Compare(old, load(t, after))) {
		if c.Level == schemadiff.Breaking {
			got[c.Coordinate] = c.String()[strings.LastIndex(c.String(), "("):]
		}
	}
	want := map[string]string{"Query.old": "(breaking: used by kiosk, web)", "Query.products(first:)": "(breaking: used by web)"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if c := u.Coverage(old); c.Fields != 2 || len(c.Unknown) != 0 || c.Requests != 16 {
		t.Errorf("coverage %+v", c)
	}
}
