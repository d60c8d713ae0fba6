package operation_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/operation"
)

// FuzzParse checks that no text makes Parse panic, and that parsing the text of
// an operation yields the same operation.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/specialise/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(archive.Files[0].Data))
	}
	f.Add("{ me { best { id @skip(if: true) } } }")
	f.Add("subscription { ...F @include(if: true) } fragment F on Subscription { other }")
	f.Add("{ search(text: \"\"\"0\n\x80\"\"\") { ... on User { name } } }")
	for _, d := range coldDocuments {
		f.Add(d.text)
	}
	s := testSchema(f)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := s.Parse(text, "")
		if err != nil {
			if err.Error() == "" {
				t.Error("got an error without a message")
			}
			return
		}
		vars, err := d.Variables(nil)
		if err != nil {
			return
		}
		op := d.Operation(vars)
		// With a second operation, all rules of the validator are applied.
		if name := d.Name(); name != "" && name != "Other" && d.Kind() != operation.Subscription {
			with, err := s.Parse(text+" query Other { me { id } }", name)
			if err == nil {
				err = equal(with.Operation(vars).Key(), op.Key())
			}
			if err != nil && !strings.Contains(err.Error(), "The document has more than") {
				t.Errorf("valid only alone: %v", err)
			}
		}
		again, err := s.Parse(op.String(), "")
		if err != nil {
			return // a selection set became empty, which is not valid as text
		}
		if got := again.Operation(vars).Key(); got != op.Key() {
			t.Errorf("the operation\n%s\nis parsed as\n%s", op.Key(), got)
		}
	})
}

func equal(got, want string) error {
	if got != want {
		return fmt.Errorf("got %s, want %s", got, want)
	}
	return nil
}

// FuzzVariables checks that Variables rejects texts that are not JSON and
// returns values that are.
func FuzzVariables(f *testing.F) {
	for _, seed := range []string{
		`{"f":{"name":"x","languages":["DE"],"min":1,"not":null,"tags":[["a"]]},"c":{"id":1},"i":1,"n":1.5e3,"any":[{"a":"\u00e9"}]}`,
		`{"i":-0}`, `null`, `{"any":"\ud800"}`, "{\"any\":\"\xff\"}", `{"any":01}`, `{"f":{"a":{},"a":[]}}`,
	} {
		f.Add([]byte(seed))
	}
	d, err := testSchema(f).Parse(`query ($f: Filter, $c: Choice, $i: Int, $n: Float, $any: Any, $l: [Language!]) {
		products(filter: $f, one: $c) { id } numbers(i: $i, f: $n, any: [$any, $l]) }`, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, given []byte) {
		vars, err := d.Variables(given)
		if err == nil && len(given) > 0 && !json.Valid(given) && len(trim(given)) > 0 {
			t.Errorf("invalid variables %q are accepted", given)
		}
		for _, v := range vars {
			if !json.Valid(v.Value) {
				t.Errorf("the value of %s is not JSON: %q", v.Name, v.Value)
			}
		}
	})
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}
