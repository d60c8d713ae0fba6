package extract_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"souk/router/documents"
	"souk/router/documents/extract"
)

// A document is printed as graphql-js prints it, so that its digest is that which clients send.
// testdata/kitchen-sink.printed.graphql is the output of graphql-js for the other file.
func TestDocumentsArePrintedAsByGraphQLJS(t *testing.T) {
	text, err := os.ReadFile("testdata/kitchen-sink.graphql")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/kitchen-sink.printed.graphql")
	if err != nil {
		t.Fatal(err)
	}
	list, err := extract.Documents([]documents.File{{Path: "kitchen-sink.graphql", Text: text}}, extract.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, expected := strings.Split(list[0].Body, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(expected)) {
		if i >= len(got) || i >= len(expected) || got[i] != expected[i] {
			t.Fatalf("line %d differs:\n%s", i+1, list[0].Body)
		}
	}
}

func file(path, text string) documents.File { return documents.File{Path: path, Text: []byte(text)} }

const script = "import { gql } from '@apollo/client'; // it's `not` a template\n" +
	"const re = /`/; const half = 4 / 2; const text = \"gql`nothing`\"; /* gql`nothing` */\n" +
	"const other = css`color: ${x => `red ${y}`};`;\n" +
	"export const PRODUCT = gql`\n  fragment Product on Product { id ...Price }\n`;\n" +
	"const QUERY = gql<Data>`\n  query Products {\n    products { ...Product }\n  }\n  ${PRODUCT}\n`;\n" +
	"export function View() { return <p>Don't use `this`</p>; }\n" +
	"const typed = graphql(/* GraphQL */ `mutation Buy($id: ID!) { buy(id: $id) { id } }`);\n"

func TestScriptsAndFilesAreRead(t *testing.T) {
	list, err := extract.Documents([]documents.File{
		file("view.tsx", script), file("price.graphql", "fragment Price on Product { price }\n"),
		file("schema.graphql", "type Query { products: [Product] }\n"),
	}, extract.Options{Typename: true, Client: "web"})
	if err != nil {
		t.Fatal(err)
	}
	want := []documents.Document{
		{Name: "Buy", Type: "mutation", Client: "web", File: "view.tsx:14", Body: "mutation Buy($id: ID!) {\n  buy(id: $id) {\n    id\n    __typename\n  }\n}"},
		{Name: "Products", Type: "query", Client: "web", File: "view.tsx:8", Body: "query Products {\n  products {\n    ...Product\n    __typename\n  }\n}\n\nfragment Product on Product {\n  id\n  ...Price\n  __typename\n}\n\nfragment Price on Product {\n  price\n  __typename\n}"},
	}
	if len(list) != len(want) {
		t.Fatalf("got %+v", list)
	}
	for i, w := range want {
		w.ID = documents.ID(w.Body)
		if list[i] != w {
			t.Errorf("got  %+v\nwant %+v", list[i], w)
		}
	}
}

// All problems are reported with their places.
func TestProblemsHaveTheirPlaces(t *testing.T) {
	_, err := extract.Documents([]documents.File{
		file("a.ts", "gql`query A { a }`\nconst x = gql`\n  query Bad {\n    a { }\n  }\n  ${F}\n`\n"),
		file("b.graphql", "query A { b }\n{ unnamed }\nquery C {\n  ...Missing\n}\nfragment F on T { a }\n"),
		file("c.graphql", "fragment F on T { b }\n"),
		file("d.js", "\ngql`query D {"),
	}, extract.Options{})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{
		"a.ts:4: ", "only whole definitions can be interpolated",
		"b.graphql:1: the operation A is defined twice; the other one is at a.ts:1",
		"b.graphql:2: an operation has no name",
		"b.graphql:4: the fragment Missing is not defined in any of the files",
		"c.graphql:1: the fragment F differs from the one at b.graphql:6",
		"d.js: line 2: a template is not closed",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
}

// Documents are found wherever scripts may have them. Each case has operations of which the names
// begin with Q; others must not be found.
func TestDocumentsInScriptsAreFound(t *testing.T) {
	for name, c := range map[string]struct{ path, text, want string }{
		"component of Vue":        {"a.vue", "<template><p>it`s</p></template>\n<script setup lang=\"ts\" generic=\"T extends 'a>b'\">\nconst q = gql`query Q1 { a }`\n</script>\n<script>\nconst p = gql`query Q2 { a }`\n</script>", "Q1:3 Q2:6"},
		"component of Svelte":     {"a.svelte", "<script>\n  const q = gql`query Q1 { a }`\n</script>\n<p>gql`query No { a }`</p>", "Q1:2"},
		"string":                  {"a.ts", "const y = gql(\"query Q1 { a(b: \\\"x\\u0041\\\") }\"); const z = graphql('query Q2 { a }', {})", "Q1:1 Q2:1"},
		"comment in parentheses":  {"a.ts", "graphql(/* c */ `query Q1 { a }`); gql( // d\n `query Q2 { a }`); useQuery(gql<A, B>(/* GraphQL */ `query Q3 { a }`))", "Q1:1 Q2:2 Q3:2"},
		"required module":         {"a.js", "const q = require('graphql-tag')`query Q1 { a }`; const p = require(\"graphql-tag\").gql`query Q2 { a }`; require('graphql-tag').default`query Q3 { a }`", "Q1:1 Q2:1 Q3:1"},
		"interpolations":          {"a.ts", "const x = `a ${f(`b ${gql`query Q1 { a }`} }`)}`;\nconst F = gql`query Q2 { ...Q } ${gql`fragment Q on T { a }`}`", "Q1:1 Q2:2"},
		"texts of JSX":            {"a.tsx", "const u = <a href=\"x\">see https://example.com</a>; const A = gql`query Q1 { a }`;\nexport const R = () => <p>a /* b {c}</p>;\nconst B = gql`query Q2 { a }`;\nfunction S() { return <p>it`s a {x < 3 && <b>back's</b>} tick</p>; }\nconst C = gql`query Q3 { a }`", "Q1:1 Q2:3 Q3:5"},
		"code in JSX":             {"a.jsx", "export const X = () => <><Query query={gql`query Q1 { a }`} x='`' {...p} />{`a ${gql`query Q2 { a }`}`}</>", "Q1:1 Q2:1"},
		"generics and comparison": {"a.tsx", "const f = <T extends U>(x: T) => gql`query Q1 { a }`; if (a <b || c> d) { gql`query Q2 { a }` }", "Q1:1 Q2:1"},
		"assertions of types":     {"a.ts", "const f = <Foo>gql`query Q1 { a }`; const g = <T>(x: T) => x; gql`query Q2 { a }`", "Q1:1 Q2:1"},
		"regular expressions":     {"a.js", "const v = a++ / 2; const t = (b) / 3; if (x) /`/.test(y);\nconst w = /[\"'`/]/g; gql`query Q1 { a }`", "Q1:2"},
		"nothing":                 {"a.ts", "// gql`query No { a }`\n/* gql(`query No { a }`) */ const s = 'gql`query No { a }`'; xgql`query No { a }`; css`a`", ""},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := extract.Documents([]documents.File{file(c.path, c.text)}, extract.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range list {
				got = append(got, d.Name+strings.TrimPrefix(d.File, c.path))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

// What may be a document is not left out in silence.
func TestWhatMayBeADocumentIsReported(t *testing.T) {
	var warnings []string
	_, err := extract.Documents([]documents.File{
		file("a.ts", "import { gql as q, graphql } from 'x'\nconst A = q`query A { a }`\nconst B = 'query B { b }'\n"+
			"gql('query C' + ' { c }'); gql(\n  `query D { d }` + F)\ngql(text)\n/* GraphQL */ 'query E {' + '}'\n"),
		file("b.ts", "export function graphql(source: string) { return documents[source] }\nfunction gql(text) {}\nconst s = 'query the database'; graphql(schema, s); graphql({ schema })\nclass X { gql(a?: string) {} }"),
	}, extract.Options{Warn: func(w string) { warnings = append(warnings, w) }})
	if err != nil {
		t.Fatal(err)
	}
	const tag, several = "a text is a document, but has no tag; write gql or /* GraphQL */ before it", "a document is put together of several texts; write one template"
	want := []string{"a.ts:2: " + tag, "a.ts:3: " + tag, "a.ts:4: " + several, "a.ts:5: " + several, "a.ts:6: the argument of gql(…) is no template and no string", "a.ts:7: " + several}
	if !slices.Equal(warnings, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(warnings, "\n"), strings.Join(want, "\n"))
	}
}

// Interpolations are whole fragments beside definitions. A document with another one is left out
// with a warning, because its text is not known.
func TestInterpolationsWithinDefinitionsAreReported(t *testing.T) {
	for text, whole := range map[string]bool{
		"query Q { a } ${F}":                         true,
		"${F}\nquery Q { a }":                        true,
		"${F}query Q { a }${F}, ${F}":                true,
		"query Q { a }\n# ${F}\n${F} # b":            true,
		"query Q { a(b: \"{\") }${F}":                true,
		"${F} \"\"\"of a\"\"\" query Q { a }":        true,
		"fragment F on T { a }${F} query Q { ...F }": true,
		"query Q${x} { a }":                          false,
		"query ${x}Q { a }":                          false,
		"${x} Q { a }":                               false,
		"query Q ${x} { a }":                         false,
		"query Q { a ${x} }":                         false,
		"query Q { a${x} }":                          false,
		"query Q { a { ${x} } }":                     false,
		"query Q { a(b: \"${x}\") }":                 false,
		"query Q { a(b: \"\"\"# ${x}\"\"\") }":       false,
		"query Q($a: I = {b: 1} ${x}) { a }":         false,
		"query Q @skip(if: true) ${x} { a }":         false,
		"query Q { a } ${x} fragmentF on T { a }":    false,
	} {
		for _, tag := range []string{"gql`%s`", "graphql(`%s`)", "/* GraphQL */ `%s`"} {
			var warnings []string
			script := "const F = gql`fragment F on T { a }`\nconst q = " + fmt.Sprintf(tag, text)
			list, err := extract.Documents([]documents.File{file("a.ts", script)}, extract.Options{Warn: func(w string) { warnings = append(warnings, w) }})
			switch {
			case err != nil:
				t.Errorf("%s: got %v", script, err)
			case whole && (len(warnings) > 0 || len(list) != 1 || list[0].Name != "Q"):
				t.Errorf("%s: got %v with the warnings %q", script, list, warnings)
			case !whole && (len(list) > 0 || len(warnings) != 1 || !strings.HasPrefix(warnings[0], "a.ts:2: a document has an interpolation within a definition")):
				t.Errorf("%s: got %v with the warnings %q", script, list, warnings)
			}
		}
	}
	_, err := extract.Documents([]documents.File{file("a.ts", "gql`type T { ${fields} b: Int }`")}, extract.Options{Warn: func(w string) { t.Errorf("a schema: %s", w) }})
	if err != nil {
		t.Error(err)
	}
}

func FuzzScripts(f *testing.F) {
	f.Add(script)
	f.Add("gql`${")
	f.Add("return <a b='`'>{gql(/* c */ \"query A { a }\")}</a>")
	f.Fuzz(func(_ *testing.T, text string) {
		for _, path := range []string{"a.ts", "a.tsx", "a.vue"} {
			_, _ = extract.Documents([]documents.File{file(path, text)}, extract.Options{})
		}
	})
}
