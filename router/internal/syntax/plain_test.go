package syntax_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"pgregory.net/rapid"

	"souk/router/internal/syntax"
)

var plainDocuments = []string{
	"{a}",
	"query{a,b:c}",
	"mutation M ( $a : ID! , $b: [ [Int!] ]! ) {\r\n  set ( id : $a, b: $b ) {\n\t... on T { x: y }\r... { z __typename } } }\n",
	`subscription on { a(s: "", t: "x {}#,", e: RED, n: null, b: true, i: -0, j: 120) { on } }`,
	"# é \t\"\n\ufeffquery A#\n# ü\r\n@d(a:1)@e{ a # x\n @skip(if:true) }",
	"query A @d @e(x: [ ], y: {}) { a @skip(if: true) @include(if: $v) { b } ... @defer(label: \"é\") { c } ... on T @d { d } ...F @d(x: 1.5e-3) }\n fragment F on T @d(a: -0.0) { on }",
	"fragment query on on{query}fragment fragment on mutation{fragment}{a}query B{b}mutation{c}",
	`query A($a: Int = 1 @d(x: $b), "first # é" $b: [In!] = [{a: "x", b: [1, [2E+5]], c: {d: null}}], $c: E = RED) { a(x: {y: $a, z: [$b, "\"\\\/\b\f\n\r\t\""]}) }`,
	"\"An é.\" query A { a } \"\"\"\n  A\r\n    fragment\u00a0\t\n\"\"\" fragment F on T { b(x: \"\"\"é\r  \\\"\"\" x\n   y \\ \"q\" \"\"\", y: \"\"\"\"\"\", z: \"\"\" \n\"\"\") c } #",
	"{a(b:\"\xff\", c: \"\"\"\xff\x80\n  \xc3\"\"\")}",
}

// withoutComments removes the comments from a tree.
func withoutComments(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			withoutComments(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			withoutComments(v.Index(i))
		}
	case reflect.Struct:
		if comment := v.FieldByName("Comment"); comment.IsValid() {
			comment.SetZero()
		}
		for i := range v.NumField() {
			withoutComments(v.Field(i))
		}
	}
}

// equalsLibrary reports whether a document is plain. If so, it compares its tree with that of the library.
func equalsLibrary(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, text string, tokens int) bool {
	t.Helper()
	got, nodes := syntax.Plain(text, tokens)
	if got == nil {
		return false
	}
	defer nodes.Release()
	want, err := syntax.Query(&ast.Source{Input: text}, tokens)
	if err != nil {
		t.Fatalf("%q is plain, but the library says: %v", text, err)
	}
	withoutComments(reflect.ValueOf(want))
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q is\n%s\nand not\n%s", text, ast.Dump(got), ast.Dump(want))
	}
	return true
}

func TestPlainDocumentsAreParsedAsByTheLibrary(t *testing.T) {
	for _, text := range plainDocuments {
		if !equalsLibrary(t, text, 0) {
			t.Errorf("%q is not plain", text)
		}
		tokens := 1
		for ; !equalsLibrary(t, text, tokens); tokens++ {
			if tokens > 100 {
				t.Fatalf("%q has too many tokens", text)
			}
		}
		if _, err := syntax.Query(&ast.Source{Input: text}, tokens-1); err == nil {
			t.Errorf("%q has fewer than %d tokens", text, tokens)
		}
	}
}

func TestOtherDocumentsAreNotPlain(t *testing.T) {
	for _, text := range []string{
		"", " ", "# a", "{", "{}", "{a", "{a}}", "{a}b", "query", "{a # b\x00\n}", "{a}\x00", "{é}", "{a:}", "{a{}}", "{...}", "{.. on T{a}}", "{... on}", "{...on{a}}", "{... on T}", "{...F{a}}",
		"{a()}", "{a(b)}", "{a(b:)}", "{a(b:[)}", "{a(b:{c})}", "{a(b:{c:})}", "{a(b:{1:1})}", "{a(b:01)}", "{a(b:-)}", "{a(b:1x)}", "{a(b:1.)}", "{a(b:1e)}", "{a(b:1.5.6)}", "{a(b:1e+)}",
		`{a(b:"x)}`, "{a(b:\"x\ny\")}", "{a(b:\"\x02\")}", `{a(b:"\x")}`, `{a(b:"\")}`, `{a(b:"\u00e9")}`, "{a(b:\"\\n\xff\")}", `{a(b:"""x)}`, `{a(b:"""x\""")}`, `{a(b:"""x"""")}`, "{a(b:\"\"\"\x02\"\"\")}",
		"{a @}", "{a @b()}", "{a @b @}", "query @{a}", "query($a){b}", "query(a:Int){b}", "query($a:Int=){b}", "query($a:Int=$b){b}", "query($a:[Int]=[$b]){b}", "query(){b}", "query($a:[Int){b}", `query("x"){b}`,
		"fragment on on T {a}", "fragment F T {a}", "fragment F on {a}", "fragment F on T", "fragment F($a:Int) on T{a}", "fragment F on T @{a}", `"described" {a}`, `"x" "y" query {a}`, `"x`, "type A{a:Int}",
		"{" + strings.Repeat("a{", 200) + "b" + strings.Repeat("}", 201), "query($a:" + strings.Repeat("[", 200) + "T" + strings.Repeat("]", 200) + "){b}",
		"{a(b:" + strings.Repeat("[", 200) + strings.Repeat("]", 200) + ")}", "{a(b:" + strings.Repeat("{c:", 200) + "1" + strings.Repeat("}", 200) + ")}",
	} {
		if doc, _ := syntax.Plain(text, 0); doc != nil {
			t.Errorf("%q is plain", text)
		}
	}
}

// The texts are made of tokens, so that many of them are documents.
func TestPlainDocumentsOfTokensAreParsedAsByTheLibrary(t *testing.T) {
	tokens := strings.Split("{ } ( ) : ! [ ] $ ... @ @d # #é\n on a b1 _ query mutation fragment true null 0 -7 1.5 2e1 \"s\" \"é\" \"\\n\" \"\" \"\"\"b\"\"\" \"\"\"b\n\u00a0é\"\"\" \n \r \r\n , \t = é \ufeff []", " ")
	plain, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom(plainDocuments).Draw(t, "document")
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			at := rapid.IntRange(0, len(text)).Draw(t, "at")
			until := min(len(text), at+rapid.IntRange(0, 3).Draw(t, "left out"))
			text = text[:at] + rapid.SampledFrom(tokens).Draw(t, "token") + text[until:]
		}
		all++
		if equalsLibrary(t, text, rapid.IntRange(0, 60).Draw(t, "tokens")) {
			plain++
		}
	})
	if plain < all/10 {
		t.Errorf("only %d of %d documents were plain", plain, all)
	}
}

func FuzzPlain(f *testing.F) {
	for _, text := range plainDocuments {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { equalsLibrary(t, text, 0) })
}
