package extract_test

import (
	"os"
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
		file("a.ts", "gql`query A { a }`\nconst x = gql`\n  query Bad {\n    a { ${FIELDS} }\n  }\n`\n"),
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

func FuzzScripts(f *testing.F) {
	f.Add(script)
	f.Add("gql`${")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = extract.Documents([]documents.File{file("a.ts", text)}, extract.Options{})
	})
}
