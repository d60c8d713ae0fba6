package conformance

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedCasesAndCodesExist checks that docs/federation.md links to existing
// files and lists all error codes of the router.
func TestDocumentedCasesAndCodesExist(t *testing.T) {
	const root = "../.."
	page, err := os.ReadFile(filepath.Join(root, "docs/federation.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`).FindAllSubmatch(page, -1) {
		if _, err := os.Stat(filepath.Join(root, "docs", string(link[1]))); err != nil {
			t.Error(err)
		}
	}
	code := regexp.MustCompile(`\b[cC]ode\w*:? *=? *"([A-Z]+(?:_[A-Z]+)+|OVERLOADED)"`)
	found := 0
	for _, dir := range []string{"execute", "gateway", "auth", "limit", "operation"} {
		files, err := filepath.Glob(filepath.Join(root, "router", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, m := range code.FindAllSubmatch(text, -1) {
				found++
				if !bytes.Contains(page, append(append([]byte("`"), m[1]...), '`')) {
					t.Errorf("docs/federation.md does not list the code %s of %s", m[1], file)
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("found only %d error codes in the source", found)
	}
}
