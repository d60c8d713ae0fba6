package yamlfile_test

import (
	"fmt"
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
