package docs_test

import (
	"bytes"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A package's documentation names no file that does not exist. If it names several of the
// package's files, it is a guide to the package and names all of them.
func TestPackageDocsNameTheirFiles(t *testing.T) {
	packages := sources(t)
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		files := packages[dir]
		doc := packageDoc(t, dir, files)
		named := map[string]bool{}
		for _, name := range regexp.MustCompile(`[\w./-]*\w\.go\b`).FindAllString(doc, -1) {
			if slices.Contains(files, name) {
				named[name] = true
			} else if !exists(dir, name) && !exists("", name) {
				t.Errorf("the documentation of %s names %s, which does not exist", dir, name)
			}
		}
		if len(named) < 2 {
			continue
		}
		for _, name := range files {
			if !named[name] && name != "doc.go" {
				t.Errorf("the documentation of %s does not name %s", dir, name)
			}
		}
	}
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(top, dir, name))
	return err == nil
}

// sources returns the tracked Go files of each directory, without tests and generated
// files.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	list, err := exec.Command("git", "-C", top, "ls-files", "-z", "*.go").Output()
	if err != nil {
		t.Skipf("git cannot list the files: %v", err)
	}
	found := map[string][]string{}
	for name := range strings.SplitSeq(strings.Trim(string(list), "\x00"), "\x00") {
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(top, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(text, []byte("// Code generated")) {
			dir := filepath.Dir(name)
			found[dir] = append(found[dir], filepath.Base(name))
		}
	}
	if len(found) < 50 {
		t.Fatalf("found only %d packages", len(found))
	}
	return found
}

// packageDoc returns the documentation comment of the package in a directory.
func packageDoc(t *testing.T, dir string, files []string) string {
	t.Helper()
	var doc strings.Builder
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top, dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		doc.WriteString(file.Doc.Text())
	}
	return doc.String()
}
