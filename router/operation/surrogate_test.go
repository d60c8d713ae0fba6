package operation_test

import (
	"strings"
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

// The error for an invalid token describes it and has its position.
func TestInvalidTokensAreDescribed(t *testing.T) {
	s := testSchema(t)
	for text, want := range map[string]string{
		`{ numbers(any: "\u{D83D}") }`:              `GRAPHQL_PARSE_FAILED 1:18 Syntax Error: Invalid character escape sequence: \u{D83D}.`,
		`{ numbers(any: ["\u{110000}"]) }`:          `GRAPHQL_PARSE_FAILED 1:19 Syntax Error: Invalid character escape sequence: \u{110000}.`,
		`{ numbers(any: {a: "\u12G4"}) }`:           `GRAPHQL_PARSE_FAILED 1:22 Syntax Error: Invalid character escape sequence: \u12G4.`,
		"{\n  numbers(any: \"é\\x\") }":             `GRAPHQL_PARSE_FAILED 2:19 Syntax Error: Invalid character escape sequence: \x.`,
		"{ numbers(any: \"a\nb\") }":                `GRAPHQL_PARSE_FAILED 1:18 Syntax Error: Unterminated string.`,
		`{ numbers(any: """a`:                       `GRAPHQL_PARSE_FAILED 1:20 Syntax Error: Unterminated string.`,
		`{ numbers(any: 01) }`:                      `GRAPHQL_PARSE_FAILED 1:17 Syntax Error: Invalid number, unexpected digit after 0: "1".`,
		`{ ..numbers }`:                             `GRAPHQL_PARSE_FAILED 1:3 Syntax Error: Cannot parse the unexpected character ".".`,
		`query ($s: String = "\q") { numbers }`:     `GRAPHQL_PARSE_FAILED 1:23 Syntax Error: Invalid character escape sequence: \q.`,
		`{ numbers @include(if: ?) }`:               `GRAPHQL_PARSE_FAILED 1:24 Syntax Error: Cannot parse the unexpected character "?".`,
		`{ numbers(any: "<Invalid>" }`:              `GRAPHQL_PARSE_FAILED 1:28 Expected Name, found }`,
		`{ numbers(any: "` + strings.Repeat(`\`, 1): `GRAPHQL_PARSE_FAILED 1:18 Syntax Error: Invalid character escape sequence.`,
	} {
		if _, err := s.Parse(text, ""); err == nil || describe(err) != want {
			t.Errorf("%s:\ngot  %v\nwant %s", text, describe(err), want)
		}
	}
	if _, err := s.Parse(`{ numbers(any: "\u{`+strings.Repeat("1", 9000)+`}") }`, ""); err == nil || len(err.Error()) > 200 {
		t.Errorf("got error %.300v", err)
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
			t.Errorf("%s: got error %v", text, err)
			continue
		}
		if got, want := d.Operation(nil).Key(), `query{numbers(any: "😀\\uD800")}`; got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
