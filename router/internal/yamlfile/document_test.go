package yamlfile_test

import (
	"fmt"
	"strings"
	"testing"

	"souk/router/internal/yamlfile"
)

type values struct {
	A string            `yaml:"a"`
	B string            `yaml:"b"`
	M map[string]string `yaml:"m"`
}

func decode(text string) (values, string) {
	var v values
	_, problems := yamlfile.Decode([]byte(text), &v, yamlfile.Options{Lookup: func(name string) (string, bool) { return "set", name == "SET" }})
	return v, problems.Error()
}

func TestAFileHasOneDocument(t *testing.T) {
	const second = "a second YAML document begins here; a file has one: put all keys into it, and remove the line ---"
	for text, want := range map[string]string{
		"a: 1\n---\nb: 2\n":                "2:1: " + second,
		"---\na: 1\n# x\n---\nb: 2\n":      "4:1: " + second,
		"---\n---\na: 1\n":                 "2:1: " + second,
		"a: 1\n...\nb: 2\n":                "3:1: " + second,
		"a: 1\n---\na: 2\n---\nb: 3\n":     "2:1: " + second,
		"a: 1\n":                           "",
		"---\na: 1\n":                      "",
		"# x\n---\n# y\na: 1\n":            "",
		"%YAML 1.2\n---\na: 1\n":           "",
		"---\na: 1\n...\n":                 "",
		"\ufeffa: 1\n":                     "",
		"\ufeff---\na: 1\n":                "",
		"\ufeff# x\na: 1\n":                "",
		"b: |\n  x\n  ---\n  y\na: 1\n":    "",
		"b: \"x\\n---\\ny\"\na: 1 # ---\n": "",
	} {
		t.Run(fmt.Sprintf("%q", text), func(t *testing.T) {
			v, got := decode(text)
			if got != want || want == "" && v.A != "1" {
				t.Errorf("got %q and %+v, want %q", got, v, want)
			}
		})
	}
}

func TestReferencesAreExpandedOnlyInValues(t *testing.T) {
	v, got := decode("m:\n  x: ${env.SET}\n  \"${env.SET}\": y\n")
	const want = "3:3: m has a key with ${env.SET}, which is expanded only in values; write the key itself"
	if got != want || v.M["x"] != "set" || v.M["set"] != "" {
		t.Errorf("got %q and %v, want %q", got, v.M, want)
	}
}

// Every reference without a value is reported, at its position.
func TestEveryReferenceIsReportedAtItsPosition(t *testing.T) {
	const why = "a uses the environment variable %[1]s, which is not set; set it, or write ${env.%[1]s:-default} to provide a default"
	type at struct {
		place, name string
	}
	for text, want := range map[string][]at{
		"a: http://${env.X}:${env.Y}\n":                              {{"1:11", "X"}, {"1:20", "Y"}},
		"a: '${env.X}:${env.Y}'\n":                                   {{"1:4", "X"}, {"1:14", "Y"}},
		"a: ${env.X}${env.SET}${env.X}\n":                            {{"1:4", "X"}, {"1:22", "X"}},
		"a: \"\u00e9 ${env.X} ${env.Z:-z} ${env.Y}\"\n":              {{"1:7", "X"}, {"1:28", "Y"}},
		"a: 'it''s ${env.X}'\n":                                      {{"1:11", "X"}},
		"b: 1\na: |\n\n  x ${env.X}\n    y ${env.Y}\nm: {z: y}\n":    {{"4:5", "X"}, {"5:7", "Y"}},
		"a: >- # ${env.Q}\n  x\n  ${env.X}\n  ${env.Y}\nb: x\n":      {{"3:3", "X"}, {"4:3", "Y"}},
		"a: x\n  ${env.X}\n  ${env.Y}\nb: z\n":                       {{"2:3", "X"}, {"3:3", "Y"}},
		"a: &x ${env.X}\nb: 1\n":                                     {{"1:7", "X"}},
		"m: {b: 1}\na: \"\\x24{env.X}\"\nb: \"${env.SET} $env.X\"\n": {{"2:4", "X"}},
		"\ufeffa: ${env.X}\r\nb: 2\r\n":                              {{"1:4", "X"}},
		"\n\na:\n  ${env.X}/${env.Y}\n":                              {{"4:3", "X"}, {"4:12", "Y"}},
	} {
		t.Run(fmt.Sprintf("%q", text), func(t *testing.T) {
			var lines []string
			for _, w := range want {
				lines = append(lines, w.place+": "+fmt.Sprintf(why, w.name))
			}
			if _, got := decode(text); got != strings.Join(lines, "\n") {
				t.Errorf("got\n%s\nwant\n%s", got, strings.Join(lines, "\n"))
			}
		})
	}
}

// A syntax error says what to do.
func TestSyntaxErrorsSayWhatToDo(t *testing.T) {
	const key = "this is no key with a value, or has another indentation than the keys beside it; write KEY: VALUE"
	const second = "there is a second key in a value; put it on a line of its own, indented like the keys beside it, or put a value with \": \" into quotes"
	for text, want := range map[string]string{
		"a: 1\na: 2\n":                  `2:1: the key "a" is already at 1:1; put all that it has there`,
		"a: \"x\n":                      `1:4: a value that begins with " has no closing "; add it`,
		"a: 'x\n":                       `1:4: a value that begins with ' has no closing '; add it`,
		"a: [x\n":                       `1:4: a list that begins with [ has no closing ]; add it`,
		"m: {a: x\n":                    `1:4: a block that begins with { has no closing }; add it`,
		"a: b: c\n":                     "1:4: " + second,
		"m:\na: 1\n  b: 2\n":            "2:4: " + second,
		"m:\n  a: 1\n b: 2\n":           "3:2: " + key,
		"a: x\nb\n":                     "2:1: " + key,
		"a: @x\n":                       "1:4: a value that begins with @ needs quotes",
		"a: `x`\n":                      "1:4: a value that begins with ` needs quotes",
		"a: %x\n":                       "1:4: a value that begins with % needs quotes",
		"a: *\n":                        `1:4: a value that begins with * needs quotes, such as "*"`,
		`a: "\q"`:                       `1:6: \q is no escape of double quotes; write \\q, or use single quotes`,
		"m: {a: ${env.SET}}\n":          `1:9: a value with ${env.SET} needs quotes here, such as "${env.SET}"`,
		"a: ${env.SET\n":                "1:4: a has ${env.SET, which is no reference; write ${env.NAME} or ${env.NAME:-default}, where NAME has letters, digits and _",
		"a: ${env.SET}/${env.my-x}/y\n": "1:4: a has ${env.my-x}, which is no reference; write ${env.NAME} or ${env.NAME:-default}, where NAME has letters, digits and _",
	} {
		if _, got := decode(text); got != want {
			t.Errorf("%q: got\n%s\nwant\n%s", text, got, want)
		}
	}
}

// Anchors below keys that are not known are anchors, too, and << merges blocks and lists of them.
func TestAnchorsAndMergeKeys(t *testing.T) {
	for text, want := range map[string]string{
		"a: &x 1\nb: *x\n":                   "",
		"none: {b: &x 1}\na: *x\n":           `1:1: unknown key "none"; known are a, b, m`,
		"m: {none: &x {a: 1}}\n<<: *x\n":     "1:14: m.none is a block of keys; it must be a string",
		"none: &x {a: 1}\n<<: *x\n":          `1:1: unknown key "none"; known are a, b, m`,
		"m: &x {a: 1}\n<<: [*x, {a: 2}]\n":   "",
		"<<: [{a: 1}, {a: 2, <<: {b: 3}}]\n": "",
		"<<: &x {a: 1}\nm: *x\n":             "",
		"a: *x\nb: &x 1\n":                   `1:4: a refers to the anchor "x", which is not defined before it`,
		"a: 1\n<<: [1]\n":                    "2:6: the configuration has a merge key << whose value is not a block of keys, or a list of blocks",
		"m: &x {<<: *x}\n":                   "1:12: m is nested too deeply",
	} {
		t.Run(fmt.Sprintf("%q", text), func(t *testing.T) {
			v, got := decode(text)
			if got != want || want == "" && v.A != "1" {
				t.Errorf("got %q and %+v, want %q", got, v, want)
			}
		})
	}
}
