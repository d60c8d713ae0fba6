// Package syntaxtest compares with graphql-js in tests.
package syntaxtest

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"souk/internal/packagetest"
)

// An Answer is what graphql-js makes of literals and documents.
type Answer struct{ Values, Documents []string }

// GraphQLJS returns the values of string literals, and documents as graphql-js prints them. dir is
// the directory of package souk/router/internal/syntax.
func GraphQLJS(t *testing.T, dir string, values, documents []string) Answer {
	t.Helper()
	t.Chdir(dir)
	packages := packagetest.NPM(t)
	input, err := json.Marshal(map[string][]string{"values": values, "documents": documents})
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "graphql.mjs"), packages)
	command.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var a Answer
	if err := json.Unmarshal(output, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// Block returns a random block string.
func Block(r *rand.Rand) string {
	pieces := []string{"a", "b", "é", "😀", " ", " ", "  ", "\t", "\n", "\n", "\n ", "\n   ", "\r\n", "\r", `"x`, `""y`, `\"""`, `\\`, `\n`, "#", ",", "{", "word word word word "}
	var out strings.Builder
	for range r.IntN(14) {
		out.WriteString(pieces[r.IntN(len(pieces))])
	}
	text := out.String()
	if strings.HasSuffix(text, `\`) {
		text += " "
	}
	return `"""` + text + `"""`
}
