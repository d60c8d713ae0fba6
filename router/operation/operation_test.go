package operation_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/operation"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func testSchema(t testing.TB) *operation.Schema {
	t.Helper()
	sdl, err := os.ReadFile("testdata/schema.graphql")
	if err != nil {
		t.Fatal(err)
	}
	s, err := operation.NewSchema(string(sdl))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOperationsMatchGoldenFiles compares the operations of documents with
// golden files. Each operation's text must be valid, and parsing it must yield
// the same text.
func TestOperationsMatchGoldenFiles(t *testing.T) {
	s := testSchema(t)
	files, err := filepath.Glob("testdata/specialise/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no files")
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			document := string(archive.Files[0].Data)
			values := [][]byte{nil}
			for _, f := range archive.Files {
				if f.Name == "variables" {
					values = append(values, f.Data)
				}
			}
			if len(values) > 1 {
				values = values[1:]
			}
			got := txtar.Archive{Comment: archive.Comment, Files: archive.Files[:1:1]}
			for _, v := range values {
				op, vars := operationOf(t, s, document, v)
				if v != nil {
					got.Files = append(got.Files, txtar.File{Name: "variables", Data: v})
				}
				text := op.String() + "\n"
				got.Files = append(got.Files, txtar.File{Name: "operation", Data: []byte(text)})
				checkFixpoint(t, s, text, vars)
			}
			if *update {
				if err := os.WriteFile(name, txtar.Format(&got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil || string(txtar.Format(&got)) != string(want) {
				t.Errorf("got\n%s", txtar.Format(&got))
			}
		})
	}
}

func operationOf(t *testing.T, s *operation.Schema, document string, variables []byte) (*operation.Operation, operation.Variables) {
	t.Helper()
	d, err := s.Parse(document, "")
	if err != nil {
		t.Fatal(err)
	}
	vars, err := d.Variables(variables)
	if err != nil {
		t.Fatal(err)
	}
	op := d.Operation(vars)
	if d.Operation(slices.Clone(vars)) != op {
		t.Error("equal conditions returned different operations")
	}
	return op, vars
}

func checkFixpoint(t *testing.T, s *operation.Schema, text string, vars operation.Variables) {
	t.Helper()
	d, err := s.Parse(text, "")
	if err != nil {
		t.Errorf("the text of the operation is not valid: %v\n%s", err, text)
		return
	}
	if again := d.Operation(vars).String() + "\n"; again != text {
		t.Errorf("the printed operation is parsed as\n%s", again)
	}
}

func TestParseRejectsInvalidDocuments(t *testing.T) {
	s := testSchema(t)
	deep := strings.Repeat("best { ", 150) + "id" + strings.Repeat(" }", 150)
	var doubling strings.Builder
	doubling.WriteString("{ me { ...F0 } }")
	for i := range 30 {
		fmt.Fprintf(&doubling, " fragment F%d on User { a: best { ...F%d } b: best { ...F%d } }", i, i+1, i+1)
	}
	doubling.WriteString(" fragment F30 on User { id }")
	for document, want := range map[string]string{
		"{ me { id }":        "GRAPHQL_PARSE_FAILED 1:12 Expected Name, found <EOF>",
		"{ me { id } } }":    "GRAPHQL_PARSE_FAILED 1:15 Unexpected }",
		"type X { a: Int }":  "GRAPHQL_PARSE_FAILED 1:1 Unexpected Name \"type\"",
		"\n { me { naem } }": "GRAPHQL_VALIDATION_FAILED 2:9 Cannot query field \"naem\" on type \"User\". Did you mean \"name\"?",
		"query A { me { id } } query B { me { id } }": "OPERATION_RESOLUTION_FAILURE The document has several operations: operationName must be one of A, B.",
		"fragment F on User { id }":                   "GRAPHQL_VALIDATION_FAILED 1:1 Fragment \"F\" is never used.",

		// The spec's rules, section 5, in its order.
		"query A { me { id } } query A { me { id } }":                                   "GRAPHQL_VALIDATION_FAILED 1:23 There can be only one operation named \"A\".",
		"{ me { id } } query A { me { id } }":                                           "GRAPHQL_VALIDATION_FAILED 1:1 This anonymous operation must be the only defined operation.",
		"subscription { changed(id: 1) { id } other }":                                  "GRAPHQL_VALIDATION_FAILED 1:38 Anonymous Subscription must select only one top level field.",
		"subscription S { a: other b: other }":                                          "GRAPHQL_VALIDATION_FAILED 1:27 Subscription \"S\" must select only one top level field.",
		"subscription { __typename }":                                                   "GRAPHQL_VALIDATION_FAILED 1:16 Anonymous Subscription must not select an introspection top level field.",
		"subscription($x: Boolean!) { other @skip(if: $x) }":                            "GRAPHQL_VALIDATION_FAILED 1:37 Anonymous Subscription must not use @skip in the top level selection.",
		"{ me { x: id x: name } }":                                                      "GRAPHQL_VALIDATION_FAILED 1:8 1:14 Fields \"x\" conflict because \"id\" and \"name\" are different fields. Use different aliases on the fields to fetch both if this was intentional.",
		"{ search(text: \"\") { ... on User { x: id } ... on Product { x: weight } } }": "GRAPHQL_VALIDATION_FAILED 1:36 1:61 Fields \"x\" conflict because they return conflicting types \"ID!\" and \"Float\". Use different aliases on the fields to fetch both if this was intentional.",
		"{ me { friends(first: 1) { id } friends(first: 2) { id } } }":                  "GRAPHQL_VALIDATION_FAILED 1:8 1:33 Fields \"friends\" conflict because they have differing arguments. Use different aliases on the fields to fetch both if this was intentional.",
		"{ me }":                        "GRAPHQL_VALIDATION_FAILED 1:3 Field \"me\" of type \"User\" must have a selection of subfields. Did you mean \"me { ... }\"?",
		"{ me { id { x } } }":           "GRAPHQL_VALIDATION_FAILED 1:13 Cannot query field \"x\" on type \"ID\".\nGRAPHQL_VALIDATION_FAILED 1:8 Field \"id\" must not have a selection since type \"ID\" has no subfields.",
		"{ node(idd: 1) { id } }":       "GRAPHQL_VALIDATION_FAILED 1:3 Field \"node\" argument \"id\" of type \"ID!\" is required, but it was not provided.\nGRAPHQL_VALIDATION_FAILED 1:3 Unknown argument \"idd\" on field \"Query.node\". Did you mean \"id\"?",
		"{ node(id: 1, id: 2) { id } }": "GRAPHQL_VALIDATION_FAILED 1:15 There can be only one argument named \"id\".",
		"{ node(id: null) { id } }":     "GRAPHQL_VALIDATION_FAILED 1:12 Expected value of type \"ID!\", found null.",
		"{ me { ...F } } fragment F on User { id } fragment F on User { id }": "GRAPHQL_VALIDATION_FAILED 1:43 There can be only one fragment named \"F\".",
		"{ me { ... on Usr { id } } }":                                        "GRAPHQL_VALIDATION_FAILED 1:12 Unknown type \"Usr\". Did you mean \"User\"?",
		"{ me { ... on Language { id } } }":                                   "GRAPHQL_VALIDATION_FAILED 1:12 Fragment cannot condition on non composite type \"Language\".\nGRAPHQL_VALIDATION_FAILED 1:26 Cannot query field \"id\" on type \"Language\".",
		"{ me { ...G } }":                                                     "GRAPHQL_VALIDATION_FAILED 1:11 Unknown fragment \"G\".",
		"{ me { ...F } } fragment F on User { best { ...F } }":                "GRAPHQL_VALIDATION_FAILED 1:48 Cannot spread fragment \"F\" within itself.",
		"{ me { ... on Product { id } } }":                                    "GRAPHQL_VALIDATION_FAILED 1:12 Fragment cannot be spread here as objects of type \"User\" can never be of type \"Product\".",
		"{ numbers(i: \"1\") }":                                               "GRAPHQL_VALIDATION_FAILED 1:15 Int cannot represent non-integer value: \"1\"",
		"{ numbers(i: 9999999999) }":                                          "GRAPHQL_VALIDATION_FAILED 1:14 Int cannot represent non 32-bit signed integer value: 9999999999",
		"{ numbers(i: {}) }":                                                  "GRAPHQL_VALIDATION_FAILED 1:14 Expected value of type \"Int\", found {}.",
		"{ products(filter: {nam: \"\", min: null}) { id } }":                 "GRAPHQL_VALIDATION_FAILED 1:21 Field \"nam\" is not defined by type \"Filter\". Did you mean \"name\" or \"not\"?\nGRAPHQL_VALIDATION_FAILED 1:35 Expected value of type \"Int!\", found null.",
		"{ products(filter: {min: 1, min: 2}) { id } }":                       "GRAPHQL_VALIDATION_FAILED 1:29 There can be only one input field named \"min\".",
		"{ products(one: {id: 1, name: \"\"}) { id } }":                       "GRAPHQL_VALIDATION_FAILED 1:17 OneOf Input Object \"Choice\" must specify exactly one key.",
		"{ me @nope { id } }":                                                 "GRAPHQL_VALIDATION_FAILED 1:7 Unknown directive \"@nope\".",
		"query @skip(if: true) { me { id } }":                                 "GRAPHQL_VALIDATION_FAILED 1:8 Directive \"@skip\" may not be used on QUERY.",
		"{ me @skip(if: true) @skip(if: true) { id } }":                       "GRAPHQL_VALIDATION_FAILED 1:23 The directive \"@skip\" can only be used once at this location.",
		"query($a: Int, $a: Int) { numbers(i: $a) }":                          "GRAPHQL_VALIDATION_FAILED 1:16 There can be only one variable named \"$a\".\nGRAPHQL_VALIDATION_FAILED 1:16 Variable \"$a\" is never used.",
		"query($a: User) { numbers(any: $a) }":                                "GRAPHQL_VALIDATION_FAILED 1:32 Variable \"$a\" of type \"User\" used in position expecting type \"Any\".\nGRAPHQL_VALIDATION_FAILED 1:7 Variable \"$a\" cannot be non-input type \"User\".",
		"{ numbers(i: $a) }":                                                  "GRAPHQL_VALIDATION_FAILED 1:14 Variable \"$a\" is not defined.",
		"query($a: Int) { me { id } }":                                        "GRAPHQL_VALIDATION_FAILED 1:7 Variable \"$a\" is never used.",
		"query($a: ID) { node(id: $a) { id } }":                               "GRAPHQL_VALIDATION_FAILED 1:26 Variable \"$a\" of type \"ID\" used in position expecting type \"ID!\".",
		"query($a: ID) { products(one: {id: $a}) { id } }":                    "GRAPHQL_VALIDATION_FAILED 1:7 1:36 Variable \"$a\" is of type \"ID\" but must be non-nullable to be used for OneOf Input Object \"Choice\".",

		// Incremental delivery.
		"{ me { ... @defer(if: null) { id } } }":                                     "GRAPHQL_VALIDATION_FAILED 1:23 Expected value of type \"Boolean!\", found null.",
		"{ me { ... @defer(label: \"a\") { id } ... @defer(label: \"a\") { id } } }": "GRAPHQL_VALIDATION_FAILED 1:13 1:43 @defer label \"a\" must be unique.",
		"query($l: String) { me { ... @defer(label: $l) { id } } }":                  "GRAPHQL_VALIDATION_FAILED 1:31 Argument \"label\" of @defer must be a static string.",
		"mutation { ... @defer { add(n: 1) } }":                                      "GRAPHQL_VALIDATION_FAILED 1:17 @defer cannot be used on the root fields of a mutation.",
		"subscription { changed(id: 1) { ... @defer { id } } }":                      "GRAPHQL_VALIDATION_FAILED 1:38 @defer cannot be used on a subscription.",

		// Limits.
		"{ " + strings.Repeat("me { id } ", 4000) + "}":      "MAX_TOKENS_LIMIT The document has more than 15000 tokens.",
		"{ me { " + deep + " } }":                            "MAX_DEPTH_LIMIT 1:1 The operation has 152 levels of fields; the limit is 100.",
		"{ me { " + strings.Repeat("a: id ", 1001) + "} }":   "MAX_ALIASES_LIMIT 1:1 The operation has 1001 aliases; the limit is 1000.",
		"{ " + strings.Repeat("__typename ", 201) + "}":      "MAX_ROOT_FIELDS_LIMIT 1:1 The operation has 201 root fields; the limit is 200.",
		"{ me { id" + strings.Repeat(" @note", 501) + " } }": "MAX_DIRECTIVES_LIMIT 1:1 The operation has 501 directives; the limit is 500.",
		doubling.String(): "MAX_ALIASES_LIMIT 1:1 The operation has 2147483646 aliases; the limit is 1000.\nMAX_FIELDS_LIMIT 1:1 The operation has too many fields; the limit is 10000.",
	} {
		_, err := s.Parse(document, "")
		if got := describe(err); got != want {
			t.Errorf("%.200s\ngot  %s\nwant %s", document, got, want)
		}
	}
	if _, err := s.Parse("query A { me { id } }", "B"); describe(err) != `OPERATION_RESOLUTION_FAILURE The document has no operation named "B". It has A.` {
		t.Errorf("got %s", describe(err))
	}
}

// TestLimitsApplyToTheSelectedOperation checks that other operations of the
// document do not count, except for the bound on the work of validation.
func TestLimitsApplyToTheSelectedOperation(t *testing.T) {
	s := testSchema(t)
	s.Limits = operation.Limits{Tokens: 100_000, Depth: 3, Aliases: 2, RootFields: 2, Directives: 2, Fields: 5}
	document := `query Small { me { ...Used } }
query Large { a: me { id } b: me { id } c: me { best { best { id } } } ...Extra @include(if: true) ... @include(if: true) { ...Extra @skip(if: false) } }
fragment Used on User { id }
fragment Extra on Query { d: me { id name } e: me { id } }`
	if _, err := s.Parse(document, "Small"); err != nil {
		t.Errorf("small operation: got %v", describe(err))
	}
	want := `MAX_ALIASES_LIMIT 2:1 The operation has 7 aliases; the limit is 2.
MAX_DEPTH_LIMIT 2:1 The operation has 4 levels of fields; the limit is 3.
MAX_DIRECTIVES_LIMIT 2:1 The operation has 3 directives; the limit is 2.
MAX_FIELDS_LIMIT 2:1 The operation has 18 fields; the limit is 5.
MAX_ROOT_FIELDS_LIMIT 2:1 The operation has 7 root fields; the limit is 2.`
	if _, err := s.Parse(document, "Large"); describe(err) != want {
		t.Errorf("got %s", describe(err))
	}
	var many strings.Builder
	for i := range 400 {
		fmt.Fprintf(&many, "query Q%d { ...F0 } fragment F%d on Query { me { id } ...F%d }\n", i, i, i+1)
	}
	many.WriteString("fragment F400 on Query { me { id } }")
	if _, err := s.Parse(many.String(), "Q0"); !strings.Contains(describe(err), "more than 100000 selections in total") {
		t.Errorf("got %s", describe(err))
	}
}

func describe(err error) string {
	var errs operation.Errors
	if !errors.As(err, &errs) {
		return fmt.Sprint(err)
	}
	var lines []string
	for _, e := range errs {
		line := e.Code
		for _, l := range e.Locations {
			line += fmt.Sprintf(" %d:%d", l.Line, l.Column)
		}
		lines = append(lines, line+" "+e.Message)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestVariablesAreCoerced(t *testing.T) {
	s := testSchema(t)
	for _, c := range []struct{ definitions, given, want string }{
		{definitions: "", given: "", want: ""},
		{definitions: "", given: "{}", want: ""},
		{definitions: "", given: " null ", want: ""},
		{definitions: "", given: `{"other": [1, {"a": "b"}]}`, want: ""},
		{definitions: "", given: "[]", want: `! variables: expected an object, but found an array.`},
		{definitions: "", given: `{"a": tru}`, want: `! variables: unexpected character 't' at byte 6.`},
		{definitions: "", given: `{} {}`, want: `! variables: unexpected character '{' at byte 3.`},
		{definitions: "$i: Int", given: `{"i": 1, "i": 2}`, want: `! variables: "i" is given twice.`},
		{definitions: "$i: Int", given: `{"\u0069": 1}`, want: "i=1"},

		{definitions: "$i: Int", given: `{"i": -2147483648}`, want: "i=-2147483648"},
		{definitions: "$i: Int", given: `{"i": 2147483648}`, want: `! Variable "$i" got invalid value 2147483648; Int cannot represent non 32-bit signed integer value: 2147483648`},
		{definitions: "$i: Int", given: `{"i": 99999999999999999999}`, want: `! Variable "$i" got invalid value 99999999999999999999; Int cannot represent non 32-bit signed integer value: 99999999999999999999`},
		{definitions: "$i: Int", given: `{"i": 1.5}`, want: `! Variable "$i" got invalid value 1.5; Int cannot represent non-integer value: 1.5`},
		{definitions: "$i: Int", given: `{"i": "1"}`, want: `! Variable "$i" got invalid value "1"; Int cannot represent non-integer value: "1"`},
		{definitions: "$f: Float", given: `{"f": 1}`, want: "f=1"},
		{definitions: "$f: Float", given: `{"f": 1e999}`, want: `! Variable "$f" got invalid value 1e999; Float cannot represent non numeric value: 1e999`},
		{definitions: "$s: String", given: `{"s": "é\n\ud83d\ude00"}`, want: `s="é\n\ud83d\ude00"`},
		{definitions: "$s: String", given: `{"s": 1}`, want: `! Variable "$s" got invalid value 1; String cannot represent a non string value: 1`},
		{definitions: "$b: Boolean", given: `{"b": "true"}`, want: `! Variable "$b" got invalid value "true"; Boolean cannot represent a non boolean value: "true"`},
		{definitions: "$s: String", given: `{"s": "\ud83d"}`, want: `! variables: escape of an unpaired surrogate at byte 7.`},
		{definitions: "$i: Int", given: `{"i": 1.0}`, want: `i=1`},
		{definitions: "$i: Int", given: `{"i": 1e2}`, want: `i=100`},
		{definitions: "$i: Int", given: `{"i": -0.0}`, want: `i=0`},
		{definitions: "$i: Int", given: `{"i": 1e10}`, want: `! Variable "$i" got invalid value 1e10; Int cannot represent non 32-bit signed integer value: 1e10`},
		{definitions: "$i: Int", given: `{"i": 1.5}`, want: `! Variable "$i" got invalid value 1.5; Int cannot represent non-integer value: 1.5`},
		{definitions: "$n: Float", given: `{"n": 1.0}`, want: `n=1.0`},
		{definitions: "$id: ID", given: `{"id": 5}`, want: `id="5"`},
		{definitions: "$id: ID", given: `{"id": 5.0}`, want: `id="5"`},
		{definitions: "$id: ID", given: `{"id": 9007199254740993}`, want: `id="9007199254740993"`},
		{definitions: "$id: ID", given: `{"id": 123456789012345678901234567890}`, want: `id="123456789012345678901234567890"`},
		{definitions: "$id: ID", given: `{"id": 5.5}`, want: `! Variable "$id" got invalid value 5.5; ID cannot represent value: 5.5`},
		{definitions: "$id: ID", given: `{"id": true}`, want: `! Variable "$id" got invalid value true; ID cannot represent value: true`},
		{definitions: "$id: ID = 9007199254740993", given: `{}`, want: `id="9007199254740993"`},
		{definitions: "$id: [[ID]]", given: `{"id": [[ 1 ,"2"], 3.0,null]}`, want: `id=[[ "1" ,"2"], "3",null]`},
		{definitions: "$id: [ID!]", given: `{"id": 7}`, want: `id="7"`},
		{definitions: "$id: [ID!] = [1, \"b\"]", given: `{}`, want: `id=["1","b"]`},
		{definitions: "$f: Filter", given: `{"f": {"min": 2.0, "not": {"min":1e1}, "name":"x"}}`, want: `f={"min": 2, "not": {"min":10}, "name":"x"}`},
		{definitions: "$any: Any", given: `{"any": [1, {"a": null}]}`, want: `any=[1, {"a": null}]`},

		{definitions: "$i: Int", given: `{"i": null}`, want: `i=null`},
		{definitions: "$i: Int = 3", given: `{}`, want: `i=3`},
		{definitions: "$i: Int = 3", given: `{"i": null}`, want: `i=null`},
		{definitions: "$i: Int! = 3", given: `{"i": null}`, want: `! Variable "$i" of non-null type "Int!" must not be null.`},
		{definitions: "$i: Int!", given: `{}`, want: `! Variable "$i" of required type "Int!" was not provided.`},
		{definitions: `$l: [Language!]! = [DE, EN], $s: String = "a\"b"`, given: ``, want: `l=["DE","EN"] s="a\"b"`},
		{definitions: `$f: Filter = {min: 2, tags: [["x"]], languages: DE, not: {name: null}}`, given: ``, want: `f={"min":2,"tags":[["x"]],"languages":"DE","not":{"name":null}}`},

		{definitions: "$l: [Language!]", given: `{"l": "DE"}`, want: `l="DE"`},
		{definitions: "$l: [Language!]", given: `{"l": ["DE", null, "FR", 1]}`, want: `! Variable "$l" got invalid value "FR" at "l[2]"; Value "FR" does not exist in "Language" enum.` + "\n" +
			`! Variable "$l" got invalid value 1 at "l[3]"; Enum "Language" cannot represent non-string value: 1.` + "\n" +
			`! Variable "$l" got invalid value null at "l[1]"; Expected non-nullable type "Language!" not to be null.`},
		{definitions: "$t: [[Int]]", given: `{"t": [[1], 2, null, [null]]}`, want: `t=[[1], 2, null, [null]]`},

		{definitions: "$f: Filter", given: `{"f": {"name": "x", "not": {"languages": []}}}`, want: `f={"name": "x", "not": {"languages": []}}`},
		{definitions: "$f: Filter", given: `{"f": 1}`, want: `! Variable "$f" got invalid value 1; Expected type "Filter" to be an object.`},
		{definitions: "$f: Filter", given: `{"f": {"nam": 1, "not": {"min": null}, "tags": [{"a": 1}]}}`, want: `! Variable "$f" got invalid value 1; Field "nam" is not defined by type "Filter". Did you mean "name" or "not"?` + "\n" +
			`! Variable "$f" got invalid value null at "f.not.min"; Expected non-nullable type "Int!" not to be null.` + "\n" +
			`! Variable "$f" got invalid value {"a": 1} at "f.tags[0]"; String cannot represent a non string value: {"a": 1}`},
		{definitions: "$f: Filter", given: `{"f": {"min": 1, "min": 2}}`, want: `! Variable "$f" got invalid value 2 at "f.min"; Field "min" is given twice.`},
		{definitions: "$c: Choice", given: `{"c": {"id": 1}}`, want: `c={"id": "1"}`},
		{definitions: "$c: Choice", given: `{"c": {}}`, want: `! Variable "$c" got invalid value {}; Exactly one key must be specified for OneOf type "Choice", and it must not be null.`},
		{definitions: "$c: Choice", given: `{"c": {"id": null}}`, want: `! Variable "$c" got invalid value {"id": null}; Exactly one key must be specified for OneOf type "Choice", and it must not be null.`},
		{definitions: "$c: Choice", given: `{"c": {"id": 1, "name": "a"}}`, want: `! Variable "$c" got invalid value {"id": 1, "name": "a"}; Exactly one key must be specified for OneOf type "Choice", and it must not be null.`},
	} {
		document := "query { me { id } }"
		if c.definitions != "" {
			uses := ""
			for _, part := range strings.Split(c.definitions, "$")[1:] {
				name, _, _ := strings.Cut(part, ":")
				uses += name + ": $" + name + " "
			}
			document = "query (" + c.definitions + ") { numbers(any: {" + uses + "}) }"
		}
		d, err := s.Parse(document, "")
		if err != nil {
			t.Fatalf("%s: %v", document, err)
		}
		vars, err := d.Variables(json.RawMessage(c.given))
		var got []string
		for _, v := range vars {
			got = append(got, v.Name+"="+string(v.Value))
		}
		line := strings.Join(got, " ")
		if err != nil {
			lines := strings.Split(err.Error(), "\n")
			slices.Sort(lines)
			line = "! " + strings.Join(lines, "\n! ")
		}
		if line != c.want {
			t.Errorf("%s with %s:\ngot  %s\nwant %s", c.definitions, c.given, line, c.want)
		}
	}
}

// TestNullConditionIsRejected checks that the variable of a @skip must not be
// null, even if it has a default value and therefore a nullable type.
func TestNullConditionIsRejected(t *testing.T) {
	d, err := testSchema(t).Parse("query ($a: Boolean = true) { me { id @skip(if: $a) name } }", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Variables([]byte(`{"a": null}`)); describe(err) != `BAD_USER_INPUT 1:8 Variable "$a" of non-null type "Boolean!" must not be null.` {
		t.Errorf("got %s", describe(err))
	}
}

func TestUndeferredHasNoDefer(t *testing.T) {
	d, err := testSchema(t).Parse("{ me { ... @defer { name } id } }", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Undeferred(nil).Key(); got != "query{me{name id}}" || !d.Defers() {
		t.Errorf("got %s", got)
	}
}

// TestWarmDocumentAllocatesLittle measures a request whose document is cached.
func TestWarmDocumentAllocatesLittle(t *testing.T) {
	d, err := testSchema(t).Parse("query ($id: ID!, $a: Boolean!) { node(id: $id) { id @skip(if: $a) __typename } }", "")
	if err != nil {
		t.Fatal(err)
	}
	given := json.RawMessage(`{"id":"1","a":false}`)
	allocations := testing.AllocsPerRun(100, func() {
		vars, err := d.Variables(given)
		if err != nil || d.Operation(vars) == nil {
			t.Fatal(err)
		}
	})
	if allocations > 4 {
		t.Errorf("got %v allocations, want at most 4", allocations)
	}
}

// Values of block strings are those of the specification when they are sent on.
func TestBlockStringsAreSentWithTheirValues(t *testing.T) {
	schema, err := operation.NewSchema("type Query { echo(s: String = \"\"\"default\n   value\"\"\"): String }")
	if err != nil {
		t.Fatal(err)
	}
	if got := schema.Definitions().Query.Fields.ForName("echo").Arguments[0].DefaultValue.Raw; got != "default\nvalue" {
		t.Errorf("the default is %q", got)
	}
	for text, want := range map[string]string{
		"{ echo(s: \"\"\"block\n lines\"\"\") }":                         `{echo(s: "block\nlines")}`,
		"{ echo(s: \"\"\"block\n   a\n  b\"\"\") }":                      `{echo(s: "block\n a\nb")}`,
		"query ($s: String = \"\"\"block\n lines\"\"\") { echo(s: $s) }": `($s: String = "block\nlines"){echo(s: $s)}`,
	} {
		doc, err := schema.Parse(text, "")
		if err != nil {
			t.Fatal(err)
		}
		vars, err := doc.Variables(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := doc.Operation(vars).Key(); got != "query"+want {
			t.Errorf("%s: got %s", text, got)
		}
		if got := string(vars.Get("s")); got != "" && got != `"block\nlines"` {
			t.Errorf("the variable is %s", got)
		}
	}
}

// Names that are as similar as each other are suggested in the same order each time.
func TestSuggestionsHaveAnOrder(t *testing.T) {
	s, err := operation.NewSchema("type Query { a: Int } type Book3 { a: Int } type Book1 { a: Int } type Book2 { a: Int } type Book4 { a: Int }")
	if err != nil {
		t.Fatal(err)
	}
	const want = `Unknown type "Book". Did you mean "Book1", "Book2", "Book3", or "Book4"?`
	for range 20 {
		for _, text := range []string{"{ ...F } fragment F on Book { a }", "{ ... on Book { a } }", "query($b: Book) { a }"} {
			if _, err := s.Parse(text, ""); err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("%s: got %v, want %s", text, err, want)
			}
		}
	}
}
