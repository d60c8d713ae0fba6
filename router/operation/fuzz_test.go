package operation_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"
)

// FuzzParse: no text brings the parser down, and what it accepts gives an
// operation that is valid and its own operation.
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
	s := testSchema(f)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := s.Parse(text, "")
		if err != nil {
			if err.Error() == "" {
				t.Error("an error says nothing")
			}
			return
		}
		vars, err := d.Variables(nil)
		if err != nil {
			return
		}
		op := d.Operation(vars)
		again, err := s.Parse(op.String(), "")
		if err != nil {
			return // nothing is left of a selection set: not valid as text
		}
		if got := again.Operation(vars).Key(); got != op.Key() {
			t.Errorf("%s\nthen\n%s", op.Key(), got)
		}
	})
}

// FuzzVariables: what is accepted is JSON, and whatever is not JSON is refused.
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
			t.Errorf("%q was accepted", given)
		}
		for _, v := range vars {
			if !json.Valid(v.Value) {
				t.Errorf("%s is %q", v.Name, v.Value)
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
