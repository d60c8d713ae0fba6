package documents_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"souk/router/documents"
)

func newSet(t *testing.T, manifest string) *documents.Set {
	t.Helper()
	list, err := documents.ParseManifest("documents.json", []byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	s, err := documents.NewSet(list, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const manifest = `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [
	{"id": "one", "body": "query One { a ...F } fragment F on Query { b }", "name": "One", "type": "query"},
	{"id": "two", "body": "query Two { c }", "name": "Two", "type": "query", "clientName": "web"},
	{"id": "two", "body": "query Two { d }", "name": "Two", "type": "query", "clientName": "app"}
]}`

func TestDocumentsBelongToClients(t *testing.T) {
	s := newSet(t, manifest)
	for _, c := range []struct{ client, id, want string }{
		{"", "one", "query One { a ...F } fragment F on Query { b }"},
		{"web", "one", "query One { a ...F } fragment F on Query { b }"},
		{"web", "two", "query Two { c }"},
		{"app", "two", "query Two { d }"},
		{"other", "two", ""},
		{"web", "three", ""},
	} {
		if got, _ := s.Body(c.client, c.id); string(got) != c.want {
			t.Errorf("%s of %q: got %q, want %q", c.id, c.client, got, c.want)
		}
	}
	for _, c := range []struct {
		client, text string
		want         bool
	}{
		{"", "query One { a ...F } fragment F on Query { b }", true},
		{"", "# a comment\nfragment F on Query { b }\n\nquery One {\n  a,\n  ...F\n}\n", true},
		{"", "query One { a ...F } fragment F on Query { c }", false},
		{"", "query One { ...F a } fragment F on Query { b }", false}, // another order of the response
		{"web", "query  Two{c}", true},
		{"app", "query  Two{c}", false},
		{"app", "query Two { d }", true},
		{"", "query Two { c }", false},
		{"", "query {", false},
		{"", "{ " + strings.Repeat("a ", 2000) + "}", false}, // more tokens than allowed
	} {
		for range 2 { // the second time from the cache
			if got := s.Has(c.client, []byte(c.text)); got != c.want {
				t.Errorf("%q of %q: got %t", c.text, c.client, got)
			}
		}
	}
}

func TestFormatsAreRead(t *testing.T) {
	for name, text := range map[string]string{
		"relay":        `{"sha256:abc": "{ a }"}`,
		"apollo":       `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "abc", "body": "{ a }"}]}`,
		"a plain list": `{"operations": [{"id": "abc", "body": "{ a }"}]}`,
	} {
		if got, _ := newSet(t, text).Body("", "abc"); string(got) != "{ a }" {
			t.Errorf("%s: got %q", name, got)
		}
	}
	for text, want := range map[string]string{
		`[]`:                                "it must be a manifest with operations, as Apollo's, or a JSON object that maps IDs to documents, as Relay's",
		`{"a": ""}`:                         `documents.json: the document with the ID "a" is empty`,
		`{"": "{ a }"}`:                     "documents.json: document 1 has no ID",
		`{"format": "x", "operations": []}`: `its format is "x"; it must be "apollo-persisted-query-manifest"`,
		`{"version": 2, "operations": []}`:  "its version is 2; this router reads version 1",
	} {
		if _, err := documents.ParseManifest("documents.json", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", text, err)
		}
	}
	twice := []documents.Document{{ID: "a", Body: "{ a }", File: "x.json"}, {ID: "a", Body: "{ b }", File: "y.json"}}
	if _, err := documents.NewSet(twice, 0); err == nil || err.Error() != `y.json: the ID "a" has two documents; give each document an ID of its own` {
		t.Errorf("got %v", err)
	}
}

// What Format writes is read again as it was.
func TestFormatsAreWritten(t *testing.T) {
	list := []documents.Document{{ID: documents.ID("query A { a }"), Body: "query A { a }", Name: "A", Type: "query"}}
	for _, format := range documents.Formats {
		text, err := documents.Format(list, format)
		if err != nil {
			t.Fatal(err)
		}
		got, err := documents.ParseManifest("x", text)
		if err != nil || len(got) != 1 || got[0].ID != list[0].ID || got[0].Body != list[0].Body {
			t.Errorf("%s: got %+v and %v", format, got, err)
		}
	}
}

func TestDirectoriesAreRead(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a/one.graphql": "query One { a }\n", "two.gql": "query Two { b }\n", "web.json": `{"x": "query Web { c }"}`,
		"README.md": "no document", ".hidden.graphql": "nothing", "node_modules/x.graphql": "nothing", "..data/y.graphql": "nothing",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := documents.ReadFiles(dir, documents.ManifestExtensions...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := documents.Parse(files)
	if err != nil || len(list) != 3 {
		t.Fatalf("got %+v and %v", list, err)
	}
	s, err := documents.NewSet(list, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Body("", documents.ID("query One { a }\n")); !ok || !s.Has("", []byte("query Web { c }")) {
		t.Errorf("documents are missing: %+v", list)
	}
}

// Relay's format has IDs as names of members, of which JSON allows several.
func TestRelayListsHaveEachIDOnce(t *testing.T) {
	for _, text := range []string{`{"a": "query A { a }", "a": "query B { b }"}`, `{"a": "query A { a }", "sha256:a": "query B { b }"}`} {
		if _, err := documents.ParseManifest("x.json", []byte(text)); err == nil || err.Error() != `x.json: the ID "a" has two documents; give each document an ID of its own` {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// The normal form has the value of a block string.
func TestNormalFormHasTheValueOfABlockString(t *testing.T) {
	var forms []string
	for _, text := range []string{"{ a(b: \"\"\"x\n  y\"\"\") }", "{ a(b: \"\"\"\n  x\n  y\n\"\"\") }", `{ a(b: "x\ny") }`} {
		form, err := documents.Normal(text, 0)
		if err != nil {
			t.Fatal(err)
		}
		forms = append(forms, form)
	}
	if forms[0] != forms[1] || forms[1] != forms[2] {
		t.Errorf("got %q", forms)
	}
}
