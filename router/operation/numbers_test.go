package operation_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"souk/router/operation"
)

const numbersSDL = `
type Query { echo(i: Int, f: Float, id: ID, s: String, any: Any, is: [Int], fs: [Float], ids: [[ID]], in: In): Int other: Int }
input In { i: Int f: Float id: ID s: String any: Any is: [Int] fs: [Float] ids: [[ID]] }
scalar Any`

// numberArguments are arguments with values of each scalar type, with LITERAL in the place of a literal.
var numberArguments = map[string][]string{
	"Int":    {"i: LITERAL", "is: LITERAL", "is: [LITERAL]", "in: {i: LITERAL}", "in: {is: [LITERAL]}"},
	"Float":  {"f: LITERAL", "fs: LITERAL", "fs: [LITERAL]", "in: {f: LITERAL}", "in: {fs: [LITERAL]}"},
	"ID":     {"id: LITERAL", "ids: LITERAL", "ids: [[LITERAL]]", "in: {id: LITERAL}", "in: {ids: [[LITERAL]]}"},
	"String": {"s: LITERAL", "in: {s: LITERAL}"},
	"Any":    {"any: LITERAL", "any: [LITERAL]", "any: {a: LITERAL}", "in: {any: LITERAL}", "in: {any: [{a: LITERAL}]}"},
}

// accepts reports whether a scalar type accepts a literal, as section 3.5 of the specification says.
func accepts(typ, literal string) bool {
	isText := literal[0] == '"'
	isInteger := !isText && !strings.ContainsAny(literal, ".eE")
	switch typ {
	case "Int":
		n, _ := new(big.Int).SetString(literal, 10)
		return isInteger && n.Cmp(big.NewInt(-1<<31)) >= 0 && n.Cmp(big.NewInt(1<<31-1)) <= 0
	case "Float":
		if isText {
			return false
		}
		f, _, err := big.ParseFloat(literal, 10, 53, big.ToNearestEven)
		if err != nil {
			return false
		}
		_, exact := f.Float64()
		return exact == big.Exact || f.MantExp(nil) < 0 // else it is too large
	case "ID":
		return isText || isInteger
	case "String":
		return isText
	}
	return true
}

// checkLiteral checks that a literal is valid or not in all the ways that a document takes, and that all of
// them have the same value.
func checkLiteral(t rapid.TB, s *operation.Schema, typ, literal string) {
	t.Helper()
	want := accepts(typ, literal)
	for _, argument := range numberArguments[typ] {
		text := "query Q { echo(" + strings.Replace(argument, "LITERAL", literal, 1) + ") }"
		_, err := s.Parse(text, "")
		if (err == nil) != want {
			t.Errorf("%s: got %v, want valid = %v", text, err, want)
		}
		if err != nil && strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: got several errors: %v", text, err)
		}
		_, withOther := s.Parse(text+" query Other { other }", "Q") // is not plain
		if describe(withOther) != describe(err) {
			t.Errorf("%s: got %v, but with another operation %v", text, err, withOther)
		}
		for _, sample := range []string{"1", "1.5", `"a"`, literal} {
			checkLiteralOfTemplate(t, s, typ, strings.Replace("query Q { echo("+argument+") }", "LITERAL", sample, 1), text, literal)
		}
	}
	checkDefault(t, s, typ, literal)
}

// checkLiteralOfTemplate checks that the template of a sample, if there is one, accepts a document only if
// that is valid.
func checkLiteralOfTemplate(t rapid.TB, s *operation.Schema, typ, sample, text, literal string) {
	t.Helper()
	first, err := s.Parse(sample, "")
	if err != nil {
		return
	}
	key, list, _ := operation.Outline(nil, []byte(sample), nil)
	other, given, _ := operation.Outline(nil, []byte(text), nil)
	template := first.Template(sample, list)
	if template == nil || string(key) != string(other) {
		return
	}
	vars, ok := template.Variables(nil, given)
	if ok != accepts(typ, literal) {
		t.Errorf("%s with the template of %s: got %v, want %v", text, sample, ok, accepts(typ, literal))
	}
	if ok && string(vars[0].Value) != valueOf(typ, literal) {
		t.Errorf("%s with the template of %s: got %s, want %s", text, sample, vars[0].Value, valueOf(typ, literal))
	}
}

// checkDefault checks a literal as the default value of a variable.
func checkDefault(t rapid.TB, s *operation.Schema, typ, literal string) {
	t.Helper()
	name, _, _ := strings.Cut(numberArguments[typ][0], ":")
	text := "query ($v: " + typ + " = " + literal + ") { echo(" + name + ": $v) }"
	d, err := s.Parse(text, "")
	if (err == nil) != accepts(typ, literal) {
		t.Errorf("%s: got %v, want valid = %v", text, err, accepts(typ, literal))
	}
	if err != nil {
		return
	}
	vars, err := d.Variables(nil)
	if err != nil || string(vars.Get("v")) != valueOf(typ, literal) {
		t.Errorf("%s: got %s and %v, want %s", text, vars.Get("v"), err, valueOf(typ, literal))
	}
}

// valueOf returns the JSON of a valid literal.
func valueOf(typ, literal string) string {
	switch {
	case typ == "ID" && literal[0] != '"':
		return `"` + literal + `"`
	case typ == "Int" && literal == "-0":
		return "0"
	}
	return literal
}

// The validity and the value of a literal do not depend on earlier documents, nor on what else is in its own.
func TestNumbersOfAnySize(t *testing.T) {
	s, err := operation.NewSchema(numbersSDL)
	if err != nil {
		t.Fatal(err)
	}
	quiet, err := operation.NewSchema(numbersSDL)
	if err != nil {
		t.Fatal(err)
	}
	quiet.HideSuggestions()
	for _, literal := range []string{
		"0", "-0", "1", "-1", "2147483647", "2147483648", "-2147483648", "-2147483649", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
		"9999999999999999999", "123456789012345678901234567890", strings.Repeat("9", 308), strings.Repeat("9", 309), "-1" + strings.Repeat("0", 400),
		"0.0", "-0.0", "1.0", "1e2", "1E+2", "1.5", "1e308", "1e309", "1.7976931348623157e308", "1.7976931348623159e308", "1e999", "-1e999", "1e-999", "5e-324",
		`""`, `"1"`, `"1e999"`, `"99999999999999999999"`,
	} {
		for typ := range numberArguments {
			checkLiteral(t, s, typ, literal)
			checkLiteral(t, quiet, typ, literal)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		literal := rapid.StringMatching(`-?(0|[1-9][0-9]{0,8}|[1-9][0-9]{8,10}|[1-9][0-9]{17,20}|[1-9][0-9]{300,310})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "literal")
		if rapid.Bool().Draw(t, "integer") {
			literal = rapid.StringMatching(`-?[1-9][0-9]{0,24}`).Draw(t, "literal")
		}
		checkLiteral(t, s, rapid.SampledFrom([]string{"Int", "Float", "ID", "String", "Any"}).Draw(t, "type"), literal)
	})
}

// Errors name the literal, once, and keep their places among others.
func TestNumbersOutOfRange(t *testing.T) {
	s, err := operation.NewSchema(numbersSDL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, want string }{
		{"{ echo(i: 99999999999999999999) }", "GRAPHQL_VALIDATION_FAILED 1:11 Int cannot represent non 32-bit signed integer value: 99999999999999999999"},
		{"{ echo(is: [1, 99999999999999999999]) }", "GRAPHQL_VALIDATION_FAILED 1:16 Int cannot represent non 32-bit signed integer value: 99999999999999999999"},
		{"{ echo(fs: [1, 1e999]) }", "GRAPHQL_VALIDATION_FAILED 1:16 Float cannot represent non numeric value: 1e999"},
		{"{ echo(i: 1e999) }", "GRAPHQL_VALIDATION_FAILED 1:11 Int cannot represent non-integer value: 1e999"},
		{"{ echo(id: 1e999) }", "GRAPHQL_VALIDATION_FAILED 1:12 ID cannot represent a non-string and non-integer value: 1e999"},
		{"{ echo(s: 99999999999999999999) }", "GRAPHQL_VALIDATION_FAILED 1:11 String cannot represent a non string value: 99999999999999999999"},
		{"{ echo(in: {id: 99999999999999999999, none: 1}) }", "GRAPHQL_VALIDATION_FAILED 1:39 Field \"none\" is not defined by type \"In\"."},
	} {
		_, err := s.Parse(c.text, "")
		if got := describe(err); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.text, got, c.want)
		}
	}
}

// A number in JSON is valid for a type if it is in its range, as a whole number for Int and ID.
func TestNumbersInVariables(t *testing.T) {
	s, err := operation.NewSchema(numbersSDL)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Parse("query ($i: Int, $f: Float, $id: ID, $in: In) { echo(i: $i, f: $f, id: $id, in: $in) }", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, given, want string }{
		{"i", "-2147483648", "-2147483648"}, {"i", "-2147483649", ""}, {"i", "9999999999999999999", ""}, {"i", "1e999", ""}, {"i", "-0", "0"}, {"i", "21474836470e-1", "2147483647"},
		{"f", "9999999999999999999", "9999999999999999999"}, {"f", "-0", "-0"}, {"f", "1e308", "1e308"}, {"f", "1e309", ""}, {"f", "1" + strings.Repeat("0", 309), ""}, {"f", "1e-999", "1e-999"},
		{"id", "9999999999999999999", `"9999999999999999999"`}, {"id", "-0", `"0"`}, {"id", "1.0", `"1"`}, {"id", "1.5", ""}, {"id", "1e999", ""}, {"id", `"-0"`, `"-0"`},
		{"in", `{"f": 99999999999999999999, "id": 99999999999999999999, "any": 1e999}`, `{"f": 99999999999999999999, "id": "99999999999999999999", "any": 1e999}`},
		{"in", `{"is": [99999999999999999999]}`, ""}, {"in", `{"fs": [1e999]}`, ""}, {"in", `{"ids": [[1.5]]}`, ""},
	} {
		vars, err := d.Variables(json.RawMessage(`{"` + c.name + `": ` + c.given + `}`))
		if got := string(vars.Get(c.name)); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %s: got %s and %v, want %s", c.name, c.given, got, err, c.want)
		}
	}
}
