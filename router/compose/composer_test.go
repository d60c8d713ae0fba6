package compose_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"souk/router/compose"
)

// sameAsCompose composes with a composer and anew, and compares the results and errors.
func sameAsCompose(t rapid.TB, composer *compose.Composer, subgraphs []compose.Subgraph, what string) (composes bool) {
	t.Helper()
	ctx := context.Background()
	want, wantErr := compose.Compose(ctx, subgraphs)
	got, gotErr := composer.Compose(ctx, subgraphs)
	if !reflect.DeepEqual(wantErr, gotErr) {
		t.Fatalf("%s: Compose fails with\n%v\nbut the Composer with\n%v\n%s", what, wantErr, gotErr, printed(subgraphs))
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("%s: Compose returns\n%+v\nbut the Composer\n%+v\n%s", what, want, got, printed(subgraphs))
	}
	return wantErr == nil
}

func printed(subgraphs []compose.Subgraph) string {
	var b strings.Builder
	for _, s := range subgraphs {
		fmt.Fprintf(&b, "# %s\n%s\n", s.Name, strings.ReplaceAll(s.SDL, federation, ""))
	}
	return b.String()
}

// choices are the elements that a subgraph of TestComposerAfterEdits may have: for each,
// the alternatives. %s is the name of the subgraph.
var choices = []struct {
	name         string
	alternatives []string
}{
	{"Query", []string{
		``,
		`type Query { q%s: T0 }`,
		`type Query { q%s: T1 v: V @shareable }`,
		"# moves what follows\n\ntype Query { q%s: T0 r%s: [T1!]! }",
		`type Query { i: I @shareable q%s: T1 }`,
		`type Query { u: U @shareable e%s: E }`,
		`type Query { j: J @shareable i%s: I }`,
		`type Query { f%s(in: In, e: E = A): Int q%s: T0 }`,
		`type Query { p%s: T0 @provides(fields: "w") }`,
		`type Query { g(x: Int = 1): Int @shareable }`,
		`type Query { g(x: Int, y: Int): Int @shareable }`,
		`type Query { broken`,
	}},
	{"T0", []string{
		``,
		`type T0 @key(fields: "id") { id: ID! }`,
		`type T0 @key(fields: "id") { id: ID! a%s: Int }`,
		`"described" type T0 @key(fields: "id") { id: ID! "in %s" s: Int @shareable }`,
		`type T0 implements I @key(fields: "id") { id: ID! n: Int @shareable t%s: T1 }`,
		`type T0 @key(fields: "id") @key(fields: "v { k }") { id: ID! v: V @shareable }`,
		`type T0 @key(fields: "v { k }") { v: V @shareable b%s: T1 }`,
		`type T0 @key(fields: "id") { id: ID! w: Int }`,
		`type T0 @key(fields: "id") { id: ID! w: Int @shareable }`,
		`type T0 @key(fields: "id") { id: ID! w: Int @external c%s: Int @requires(fields: "w") }`,
		`type T0 @key(fields: "id") { id: ID! v: V @external d%s: Int @requires(fields: "v { k }") }`,
		`type T0 @key(fields: "id") { id: ID! w: Int @override(from: "a") }`,
		`type T0 @key(fields: "id") { id: ID! w: Int @override(from: "a", label: "percent(5)") }`,
		`type T0 @key(fields: "id", resolvable: false) { id: ID! }`,
		`type T0 @key(fields: "id") { id: ID! s: Int! @shareable @tag(name: "x") x%s: V @inaccessible }`,
		`type T0 @key(fields: "id") @authenticated { id: ID! s: Int @shareable @requiresScopes(scopes: [["%s"]]) }`,
		`type T0 { id: ID! @shareable l%s: Int }`,
		`type T0 implements J & I @key(fields: "id") { id: ID! n: Int @shareable }`,
		`type T0 @key(fields: "j { id }") { j: J @shareable k%s: Int }`,
		`type T0 @key(fields: "id") { id: ID! u%s: U j: I @shareable }`,
	}},
	{"T1", []string{
		``,
		`type T1 @key(fields: "id") { id: ID! a%s: Int }`,
		`type T1 @key(fields: "id") { id: ID! t0: T0 @shareable }`,
		`type T1 implements I @key(fields: "id") { id: ID! o%s: V e: E @shareable }`,
		`type T1 @key(fields: "t0 { id }") { t0: T0 @shareable z%s: Int }`,
		`type T1 @key(fields: "id") { id: ID! m: Int @external n%s: Int @requires(fields: "m") }`,
		`type T1 @key(fields: "id") { id: ID! m: Int @shareable }`,
		`type T1 implements I & J @key(fields: "id") { id: ID! j%s: J }`,
	}},
	{"I", []string{
		``,
		`interface I { id: ID! }`,
		`interface I @key(fields: "id") { id: ID! }`,
		`interface I { id: ID! n: Int }`,
		`type I @key(fields: "id") @interfaceObject { id: ID! io%s: Int }`,
		`type I @key(fields: "id") @interfaceObject { id: ID! io: Int @shareable }`,
	}},
	{"J", []string{``, `interface J implements I { id: ID! }`, `interface J implements I @key(fields: "id") { id: ID! }`}},
	{"U", []string{``, `union U = T0`, `union U = T0 | T1`, `"a union" union U = T1`}},
	{"V", []string{
		``,
		`type V @shareable { k: Int }`,
		`type V @shareable { k: Int l: String }`,
		`type V @shareable { k: Int! m: T1 }`,
		`type V { k: Int @shareable own%s: Int }`,
		`type V @shareable { k: Int @inaccessible }`,
	}},
	{"E", []string{``, `enum E { A }`, `enum E { A B }`, `enum E { A B @tag(name: "%s") C }`}},
	{"In", []string{``, `input In { x: Int }`, `input In { x: Int = 1 y: E = A }`, `input In { x: Int! }`}},
	{"Mutation", []string{``, `type Mutation { m%s(in: In): T1 }`, `type Mutation { m: T0 @shareable }`, `type Mutation { n%s: Int }`}},
	{"directive", []string{``, `directive @x on FIELD`, `directive @x(in: In) repeatable on FIELD | QUERY`}},
}

// least defines the types that a subgraph refers to but does not define.
var least = map[string]string{
	"T0": `type T0 @key(fields: "id") { id: ID! }`, "T1": `type T1 @key(fields: "id") { id: ID! }`, "I": `interface I { id: ID! }`, "J": `interface J implements I { id: ID! }`,
	"U": `union U = T0`, "V": `type V @shareable { k: Int }`, "E": `enum E { A }`, "In": `input In { x: Int }`,
}

var words = regexp.MustCompile(`\w+`)

// A draft is a subgraph: for each of choices, the index of the alternative.
type draft []int

func (d draft) sdl(name string) string {
	var parts []string
	defined, used := map[string]bool{}, map[string]bool{}
	for i, choice := range choices {
		part := strings.ReplaceAll(choice.alternatives[d[i]], "%s", name)
		if part == "" {
			continue
		}
		parts = append(parts, part)
		defined[choice.name] = true
		for _, word := range words.FindAllString(part, -1) {
			used[word] = true
		}
	}
	for changed := true; changed; {
		changed = false
		for _, word := range slices.Sorted(maps.Keys(least)) {
			if used[word] && !defined[word] {
				defined[word], changed = true, true
				parts = append(parts, least[word])
				for _, inner := range words.FindAllString(least[word], -1) {
					used[inner] = true
				}
			}
		}
	}
	return federation + strings.Join(parts, "\n")
}

// TestComposerAfterEdits edits subgraphs at random and composes after each edit.
func TestComposerAfterEdits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var composer compose.Composer
		drafts := map[string]draft{}
		drawDraft := func() draft {
			d := make(draft, len(choices))
			for i, c := range choices {
				if rapid.Bool().Draw(t, "define "+c.name) {
					d[i] = rapid.IntRange(0, len(c.alternatives)-1).Draw(t, c.name)
				}
			}
			return d
		}
		for _, name := range []string{"a", "b", "c"} {
			drafts[name] = drawDraft()
		}
		undo := maps.Clone(drafts)
		check := func(what string) {
			var list []compose.Subgraph
			for _, name := range slices.Sorted(maps.Keys(drafts)) {
				list = append(list, compose.Subgraph{Name: name, URL: "http://" + name, SDL: drafts[name].sdl(name)})
			}
			if sameAsCompose(t, &composer, list, what) {
				undo = maps.Clone(drafts)
			}
		}
		check("at first")
		names := []string{"a", "b", "c", "d"}
		t.Repeat(map[string]func(*rapid.T){
			"edit": func(t *rapid.T) {
				name := rapid.SampledFrom(slices.Sorted(maps.Keys(drafts))).Draw(t, "subgraph")
				i := rapid.IntRange(0, len(choices)-1).Draw(t, "element")
				d := slices.Clone(drafts[name])
				d[i] = rapid.IntRange(0, len(choices[i].alternatives)-1).Draw(t, choices[i].name)
				drafts[name] = d
				check("after an edit of " + name)
			},
			"go back": func(*rapid.T) {
				drafts = maps.Clone(undo)
				check("back at what composed")
			},
			"add or remove": func(t *rapid.T) {
				name := rapid.SampledFrom(names).Draw(t, "subgraph")
				switch _, known := drafts[name]; {
				case !known:
					drafts[name] = drawDraft()
				case len(drafts) > 1 && rapid.Bool().Draw(t, "remove"):
					delete(drafts, name)
				}
				check("after adding or removing " + name)
			},
		})
	})
}

// TestComposerInSequence composes the cases of other tests with one composer, each twice,
// and then with one subgraph of the next case in place of its own.
func TestComposerInSequence(t *testing.T) {
	var composer compose.Composer
	var before []compose.Subgraph
	var lists [][]compose.Subgraph
	for _, c := range compositions {
		lists = append(lists, c.list())
	}
	archives := ruleArchives(t)
	for _, path := range slices.Sorted(maps.Keys(archives)) {
		for _, r := range rules(t, archives[path]) {
			lists = append(lists, r.subgraphs)
		}
	}
	for _, list := range lists {
		for i := range min(len(before), len(list)) {
			mixed := slices.Clone(before)
			mixed[i].SDL = list[i].SDL
			sameAsCompose(t, &composer, mixed, "mixed")
		}
		sameAsCompose(t, &composer, list, "as it is")
		moved := slices.Clone(list)
		for i := range moved {
			moved[i].SDL = "\n" + moved[i].SDL
			sameAsCompose(t, &composer, moved, "moved down by a line")
		}
		before = list
	}
}

// TestComposerDoesOnlyWhatHasChanged compares what is allocated after an edit with what a
// composition from scratch allocates.
func TestComposerDoesOnlyWhatHasChanged(t *testing.T) {
	subgraphs := generated(30, 1500)
	var composer compose.Composer
	allocations := func(run func(context.Context, []compose.Subgraph) (*compose.Result, error)) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := run(t.Context(), subgraphs); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	scratch := allocations(compose.Compose)
	allocations(composer.Compose)
	before := subgraphs[7].SDL
	for _, edit := range []struct{ what, old, replacement string }{
		{"a field is added", "name: String!", "name: String! added: E7"},
		{"everything moves down", "", "\n"},
		{"a query is added", "type Query {", "type Query { added: E7"},
		{"an input field is described", "first: Int = 10", `"How many." first: Int = 10`},
		{"an enum is described", "enum Order", `"Of a list." enum Order`},
	} {
		subgraphs[7].SDL = strings.Replace(before, edit.old, edit.replacement, 1)
		got := allocations(composer.Compose)
		if got > scratch/10 {
			t.Errorf("when %s, composing again makes %d allocations, of %d from scratch", edit.what, got, scratch)
		}
	}
}

// TestComposerFindsDistantProblems changes types of which others make use that do not
// change themselves.
func TestComposerFindsDistantProblems(t *testing.T) {
	for _, c := range []struct {
		name          string
		before        map[string]string
		edited, after string
		problem       string // code of the error, or of a hint
	}{
		{"a field in a key below a field", map[string]string{
			"a": `type Query { t: T } type T { o: O @shareable } type O @shareable { id: ID! @inaccessible n: Int }`,
			"b": `type T @key(fields: "o { id }") { o: O @shareable x: Int } type O @shareable { id: ID! @inaccessible n: Int }`,
		}, "a", `type Query { t: T } type T { o: O @shareable } type O @shareable { n: Int }`, "SATISFIABILITY_ERROR"},
		{"a field in @requires below a field", map[string]string{
			"a": `type Query { t: T } type T @key(fields: "id") { id: ID! o: O } type O @shareable { secret: Int @inaccessible n: Int }`,
			"b": `type T @key(fields: "id") { id: ID! o: O @external x: Int @requires(fields: "o { secret }") } type O { secret: Int @external n: Int @shareable }`,
			"c": `type Query { p: P } type P { n: Int } type O @shareable { secret: Int @inaccessible n: Int }`,
		}, "a", `type Query { t: T } type T @key(fields: "id") { id: ID! o: O } type O @shareable { n: Int }`, "SATISFIABILITY_ERROR"},
		{"a key of an interface object", map[string]string{
			"a": `type Query { t: T } interface I @key(fields: "id") { id: ID! } type T implements I @key(fields: "id") { id: ID! }`,
			"b": `type I @key(fields: "id") @interfaceObject { id: ID! extra: Int }`,
		}, "b", `type I @key(fields: "id", resolvable: false) @interfaceObject { id: ID! extra: Int }`, "SATISFIABILITY_ERROR"},
		{"an implementation that makes types compatible", map[string]string{
			"a": `type Query { t: T @shareable } type T @shareable { f: I } interface I { n: Int } type A implements I @shareable { n: Int }`,
			"b": `type Query { t: T @shareable } type T @shareable { f: B } type B @shareable { n: Int }`,
			"c": `interface I { n: Int } type B implements I @shareable { n: Int }`,
		}, "c", `interface I { n: Int } type B @shareable { n: Int }`, "FIELD_TYPE_MISMATCH"},
		{"a member of a union that a shared field has", map[string]string{
			"a": `type Query { u: U @shareable } union U = A type A @shareable { n: Int }`,
			"b": `type Query { u: U @shareable } union U = A type A @shareable { n: Int }`,
		}, "b", `type Query { u: U @shareable } union U = A | B type A @shareable { n: Int } type B { m: Int }`, "INCONSISTENT_RUNTIME_TYPES_FOR_SHAREABLE_RETURN"},
		{"an implementation of an interface that a shared field has", map[string]string{
			"a": `type Query { i: I @shareable } interface I { n: Int } type A implements I @shareable { n: Int }`,
			"b": `type Query { i: I @shareable } interface I { n: Int } type A implements I @shareable { n: Int } type B { n: Int }`,
		}, "b", `type Query { i: I @shareable } interface I { n: Int } type A implements I @shareable { n: Int } type B implements I { n: Int }`, "INCONSISTENT_RUNTIME_TYPES_FOR_SHAREABLE_RETURN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var composer compose.Composer
			before := composition{subgraphs: c.before}.list()
			if !sameAsCompose(t, &composer, before, "before") {
				t.Fatal("the subgraphs do not compose before")
			}
			changed := maps.Clone(c.before)
			changed[c.edited] = c.after
			after := composition{subgraphs: changed}.list()
			sameAsCompose(t, &composer, after, "after")
			result, err := compose.Compose(t.Context(), after)
			codes := codesOf(err)
			if result != nil {
				for _, h := range result.Hints {
					codes = append(codes, h.Code)
				}
			}
			if !slices.Contains(codes, c.problem) {
				t.Errorf("codes %v, want %s: %v", codes, c.problem, err)
			}
		})
	}
}
