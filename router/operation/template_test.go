package operation_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"souk/router/operation"
)

// literals are documents that differ in their literals only: the first makes the template, and the
// others use it.
var literals = [][]string{
	{`{ node(id: "1") { id } }`, `{ node(id: "2") { id } }`, `{ node(id: "<script>é") { id } }`},
	{`query Q { a: node(id: "1") { id } b: node(id: "1") { x: id } }`, `query Q { a: node(id: "7") { id } b: node(id: "7") { x: id } }`},
	{"# 5 \"x\" é\nquery Q($n: Int = 3) { search(text: \"a\", first: $n) { __typename } }", "# 5 \"x\" é\nquery Q($n: Int = 3) { search(text: \"bc\", first: $n) { __typename } }"},
	{`fragment F on Query { node(id: 1) { id } } query Q { ...F ... on Query { node(id: 1) { x: id } } }`, `fragment F on Query { node(id: 22) { id } } query Q { ...F ... on Query { node(id: 22) { x: id } } }`},
	{`{ search(text: "é", first: 2) { __typename @include(if: true) } }`, `{ search(text: "x", first: 33) { __typename @include(if: true) } }`},
	{`{ numbers(i: 1, f: 1, s: "1", id: 1) }`, `{ numbers(i: 25, f: 25, s: "b", id: 25) }`},
	{`{ numbers(i: -1, f: 1.5e3, any: {a: "x"}) nodes(ids: ["1", "2"]) { id } }`, `{ numbers(i: -7, f: 0.5, any: {a: "x"}) nodes(ids: ["a", "2"]) { id } }`},
	{`mutation M { add(n: 1) rename(id: "1", name: "a") { id } }`, `mutation M { add(n: 100) rename(id: "b", name: "c d") { id } }`},
}

// A template yields the operation of the document itself, with variables that have the values of its
// literals.
func TestTemplateMeansTheDocument(t *testing.T) {
	s := testSchema(t)
	for _, group := range literals {
		first, err := s.Parse(group[0], "")
		if err != nil {
			t.Fatalf("%s: %v", group[0], err)
		}
		_, list, ok := operation.Outline(nil, []byte(group[0]), nil)
		if !ok {
			t.Fatalf("%s has no outline", group[0])
		}
		template := first.Template(group[0], list)
		if template == nil {
			t.Errorf("there is no template of %s", group[0])
			continue
		}
		for _, text := range group {
			checkTemplate(t, s, template, group[0], text)
		}
	}
}

func checkTemplate(t *testing.T, s *operation.Schema, template *operation.Template, sample, text string) {
	t.Helper()
	wantKey, _, _ := operation.Outline(nil, []byte(sample), nil)
	key, list, ok := operation.Outline(nil, []byte(text), nil)
	if !ok || string(key) != string(wantKey) {
		t.Errorf("%s has another outline than %s", text, sample)
		return
	}
	vars, ok := template.Variables(nil, list)
	if !ok {
		t.Errorf("%s does not fit the template of %s", text, sample)
		return
	}
	exact, err := s.Parse(text, "")
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	got := template.Operation(vars).String()
	for _, v := range vars {
		if !strings.HasPrefix(v.Name, "literal") {
			continue
		}
		for _, typ := range []string{"ID", "Int", "String", "Float"} {
			for _, after := range []string{", ", ""} {
				got = strings.ReplaceAll(got, "$"+v.Name+": "+typ+"!"+after, "")
			}
		}
		got = strings.ReplaceAll(got, "$"+v.Name, string(v.Value))
	}
	got = strings.ReplaceAll(got, "()", "")
	exactVars, err := exact.Variables(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := exact.Operation(exactVars).String()
	// Integers of IDs are strings, and the first variables are those of the literals.
	if quoted := strings.NewReplacer(`"`, "", ", )", ")").Replace; quoted(got) != quoted(want) {
		t.Errorf("%s:\n%s\ninstead of\n%s", text, got, want)
	}
}

// Documents whose literals differ in kind, in equality or where no variable may be are not the same.
func TestLiteralsThatDecideAreKept(t *testing.T) {
	s := testSchema(t)
	sample := `query Q($n: Int = 3) { search(text: "t", first: $n) { __typename } node(id: "1") { id } }`
	first, err := s.Parse(sample, "")
	if err != nil {
		t.Fatal(err)
	}
	key, list, _ := operation.Outline(nil, []byte(sample), nil)
	template := first.Template(sample, list)
	for _, text := range []string{
		`query Q($n: Int = 4) { search(text: "t", first: $n) { __typename } node(id: "1") { id } }`, // a default value
	} {
		other, list, ok := operation.Outline(nil, []byte(text), nil)
		if !ok || string(other) != string(key) {
			t.Fatalf("%s has another outline", text)
		}
		if _, ok := template.Variables(nil, list); ok {
			t.Errorf("%s uses the template", text)
		}
	}
	for _, text := range []string{
		`query Q($n: Int = 3) { search(text: "t", first: $n) { __typename } node(id: 1) { id } }`,
		`query Q($n: Int = 3) { search(text: "t", first: $n) { __typename } node(id: 3) { id } }`,
		`query Q($n: Int = 3) { search(text: "t", first: $n) { __typename } node(id: "a\u0062") { id } }`,
		`query Q($n: Int = 3) { search(text: "t", first: $m) { __typename } node(id: "1") { id } }`,
	} {
		if other, _, _ := operation.Outline(nil, []byte(text), nil); string(other) == string(key) {
			t.Errorf("%s has the same outline", text)
		}
	}
}

// Equal literals become one variable, so that fields with the same response key can still be merged,
// and documents where they are not equal have another outline.
func TestEqualLiteralsStayEqual(t *testing.T) {
	equal, _, _ := operation.Outline(nil, []byte(`{ product(id: "1") { name } product(id: "1") { id } }`), nil)
	other, _, _ := operation.Outline(nil, []byte(`{ product(id: "1") { name } product(id: "2") { id } }`), nil)
	if string(equal) == string(other) {
		t.Error("both have the same outline")
	}
}

// A client cannot set the variables of a template: its literals win.
func TestClientsCannotSetLiterals(t *testing.T) {
	s := testSchema(t)
	text := `query Q($n: Int!) { search(text: "t", first: $n) { __typename } node(id: "1") { id } }`
	d, err := s.Parse(text, "")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := operation.Outline(nil, []byte(text), nil)
	template := d.Template(text, list)
	vars, ok := template.Variables(json.RawMessage(`{"literal0":"stolen","n":5}`), list)
	if !ok || string(vars.Get("literal0")) != `"t"` || string(vars.Get("literal1")) != `"1"` || string(vars.Get("n")) != "5" {
		t.Errorf("got %s", vars)
	}
	if _, ok := template.Variables(json.RawMessage(`{"n":"five"}`), list); ok {
		t.Error("a template accepts a value that is not valid")
	}
}

// What is hard to tell has no outline.
func TestSomeDocumentsHaveNoOutline(t *testing.T) {
	for _, text := range []string{
		"{ a }", `{ a(x: """block""") }`, "{ a(x: \"\x01\") }", `{ a(x: $literal0, y: 5) }`, `{ a(x: 5x) }`, `{ a(x: 05) }`, `{ a(x: 1.) }`,
		`{ a(x: "open) }`, "{ a(x: \"two\nlines\") }", "{ a(x: -) }", "{ a(x: 1e) }", "{ a" + strings.Repeat(" b(x: 1)", 65) + " }",
	} {
		if _, list, ok := operation.Outline(nil, []byte(text), nil); ok {
			t.Errorf("%q has %d literals", text, len(list))
		}
	}
	_, list, ok := operation.Outline(nil, []byte(`{ a1(x: -5, y: 1.5e+3, z: ["s", true, E1], t: "#1") # 7 "
	 b2 }`), nil)
	var got []string
	for _, l := range list {
		got = append(got, string(l.Text))
	}
	if want := `[-5 1.5e+3 "s" "#1"]`; !ok || fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// FuzzTemplate compares templates with the documents that they are for.
func FuzzTemplate(f *testing.F) {
	for _, group := range literals {
		for _, text := range group {
			f.Add(text)
		}
	}
	s := testSchema(f)
	f.Fuzz(func(t *testing.T, text string) {
		_, list, ok := operation.Outline(nil, []byte(text), nil)
		if !ok {
			return
		}
		d, err := s.Parse(text, "")
		if err != nil {
			return
		}
		template := d.Template(text, list)
		if template == nil {
			return
		}
		vars, ok := template.Variables(nil, list)
		exact, err := d.Variables(nil)
		if err != nil {
			if ok {
				t.Errorf("the template has the variables %s, and the document fails: %v", vars, err)
			}
			return
		}
		if !ok {
			t.Fatal("the document does not fit its own template")
		}
		// Both have the same fields: only values of arguments differ.
		if a, b := template.Redacted(), d.Redacted(); strings.Count(a, " ") < strings.Count(b, "{") {
			t.Errorf("got %s for %s", a, b)
		}
		if a, b := shape(template.Operation(vars).Selections), shape(d.Operation(exact).Selections); a != b {
			t.Errorf("got %s, want %s", a, b)
		}
	})
}

// shape returns the fields of selections, without arguments.
func shape(list []operation.Selection) string {
	var out strings.Builder
	for _, sel := range list {
		switch sel := sel.(type) {
		case *operation.Field:
			out.WriteString(sel.Alias + ":" + sel.Name)
			for _, a := range sel.Arguments {
				out.WriteString("," + a.Name)
			}
			out.WriteString("{" + shape(sel.Selections) + "}")
		case *operation.InlineFragment:
			out.WriteString("..." + sel.TypeCondition + "{" + shape(sel.Selections) + "}")
		}
	}
	return out.String()
}
