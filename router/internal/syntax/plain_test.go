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
		"", " ", "{", "{}", "{a", "{a}}", "{a}{b}", "query", "fragment F on T {a}", "{...F}", "{.. on T{a}}", "{a @skip(if: true)}", "{a # comment\n}",
		"{a()}", "{a(b)}", "{a(b:)}", "{a(b:[1])}", "{a(b:{c:1})}", "{a(b:1.5)}", "{a(b:1e3)}", "{a(b:01)}", "{a(b:-)}", "{a(b:1x)}", `{a(b:"\n")}`, `{a(b:"é")}`,
		`{a(b:"""x""")}`, `{a(b:"x)}`, "{a(b:\"x\ny\")}", "{é}", "\ufeff{a}", "{a:}", "{a{}}", "query($a){b}", "query($a:Int=1){b}", "query(){b}", "query($a:[Int){b}",
		`"described" query {a}`, "{a}\x00", "{" + strings.Repeat("a{", 200) + "b" + strings.Repeat("}", 201), "query($a:" + strings.Repeat("[", 200) + "T" + strings.Repeat("]", 200) + "){b}",
	} {
		if doc, _ := syntax.Plain(text, 0); doc != nil {
			t.Errorf("%q is plain", text)
		}
	}
}

// The texts are made of tokens, so that many of them are documents.
func TestPlainDocumentsOfTokensAreParsedAsByTheLibrary(t *testing.T) {
	tokens := strings.Split("{ } ( ) : ! [ ] $ ... @ # on a b1 _ query mutation fragment true null 0 -7 1.5 \"s\" \"\" \"\"\"b\"\"\" \n \r \r\n , \t = é", " ")
	plain, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(rapid.SampledFrom(plainDocuments).Draw(t, "document"))
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			at := rapid.IntRange(0, len(text)).Draw(t, "at")
			until := min(len(text), at+rapid.IntRange(0, 3).Draw(t, "left out"))
			token := rapid.SampledFrom(tokens).Draw(t, "token")
			text = []byte(string(text[:at]) + token + string(text[until:]))
		}
		all++
		if equalsLibrary(t, string(text), rapid.IntRange(0, 60).Draw(t, "tokens")) {
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
