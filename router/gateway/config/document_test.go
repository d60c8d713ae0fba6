package config_test

import (
	"bytes"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"souk/router/gateway/config"
)

func TestDocumentDescribesTheDefaults(t *testing.T) {
	document := config.Document()
	got, err := config.Parse(document, os.LookupEnv)
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	if want := config.Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	const file = "../../../docs/router.yaml"
	if *update {
		if err := os.WriteFile(file, document, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if committed, err := os.ReadFile(file); err != nil || !bytes.Equal(committed, document) {
		t.Errorf("docs/router.yaml is not current (%v); run the test with -update", err)
	}
}

// commented matches a key that docs/router.yaml shows as a comment.
var commented = regexp.MustCompile(`^( *)# ([a-z0-9_]+: )`)

// A key that is shown as a comment is one that may be set to what the comment shows: to remove
// the # changes nothing.
func TestCommentedKeysAreValid(t *testing.T) {
	lines := strings.SplitAfter(string(config.Document()), "\n")
	all, count := slices.Clone(lines), 0
	for i, line := range lines {
		if !commented.MatchString(line) {
			continue
		}
		count++
		all[i] = commented.ReplaceAllString(line, "$1$2")
		one := slices.Clone(lines)
		one[i] = all[i]
		if _, err := config.Parse([]byte(strings.Join(one, "")), os.LookupEnv); err != nil {
			t.Errorf("line %d, %s: %v", i+1, strings.TrimSpace(all[i]), err)
		}
	}
	if _, err := config.Parse([]byte(strings.Join(all, "")), os.LookupEnv); err != nil || count < 40 {
		t.Errorf("all %d keys: %v", count, err)
	}
}
