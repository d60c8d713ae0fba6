package operation_test

import (
	"testing"
)

func TestUnpairedSurrogatesAreSyntaxErrors(t *testing.T) {
	s := testSchema(t)
	for text, want := range map[string]string{
		`{ numbers(any: "\uD800") }`:             `GRAPHQL_PARSE_FAILED 1:17 Syntax Error: Invalid Unicode escape sequence: "\uD800".`,
		`{ numbers(any: "\udc00") }`:             `GRAPHQL_PARSE_FAILED 1:17 Syntax Error: Invalid Unicode escape sequence: "\udc00".`,
		`{ numbers(any: "é\uDE00\uD83D") }`:      `GRAPHQL_PARSE_FAILED 1:18 Syntax Error: Invalid Unicode escape sequence: "\uDE00".`,
		`{ numbers(any: "\uD83D\uDE00\uD83D") }`: `GRAPHQL_PARSE_FAILED 1:29 Syntax Error: Invalid Unicode escape sequence: "\uD83D".`,
		`{ numbers(any: "\uD83D\\uDE00") }`:      `GRAPHQL_PARSE_FAILED 1:17 Syntax Error: Invalid Unicode escape sequence: "\uD83D".`,
		"# \"\\uD800\r\n{ numbers(any: \"\"\"\\uD800 \\\"\"\" \"\"\")\r  a: numbers(any: \"\\uD800\") }": `GRAPHQL_PARSE_FAILED 3:20 Syntax Error: Invalid Unicode escape sequence: "\uD800".`,
		`query ($s: String = "\uDFFF") { numbers(any: $s) }`:                                             `GRAPHQL_PARSE_FAILED 1:22 Syntax Error: Invalid Unicode escape sequence: "\uDFFF".`,
	} {
		if _, err := s.Parse(text, ""); err == nil || describe(err) != want {
			t.Errorf("%s: got %v, want %s", text, describe(err), want)
		}
	}
	for _, text := range []string{`{ numbers(any: "\u{D800}") }`, `{ numbers(any: "\uD83D\u{DE00}") }`, `{ numbers(any: "\u{110000}") }`} {
		if _, err := s.Parse(text, ""); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func TestSurrogatePairsAreOneCharacter(t *testing.T) {
	s := testSchema(t)
	for _, text := range []string{
		`{ numbers(any: "\uD83D\uDE00\\uD800") }`, `{ numbers(any: "\u{1F600}\\uD800") }`, `{ numbers(any: "😀\\uD800") }`,
		"{ numbers(any: \"\"\"😀\\uD800\"\"\") }", "{ numbers(any: \"😀\\\\uD800\") # \"\\uD800\n}",
	} {
		d, err := s.Parse(text, "")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, want := d.Operation(nil).Key(), `query{numbers(any: "😀\\uD800")}`; got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
