package docs_test

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// markdown returns the repository's Markdown files with their texts.
func markdown(t *testing.T) map[string]string {
	t.Helper()
	list, err := exec.Command("git", "-C", top, "ls-files", "-z", "*.md").Output()
	if err != nil {
		t.Skipf("git cannot list the files: %v", err)
	}
	texts := map[string]string{}
	for name := range strings.SplitSeq(strings.Trim(string(list), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(top, name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	if len(texts) == 0 {
		t.Fatal("no Markdown file is tracked")
	}
	return texts
}

func TestLinksPointToFiles(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)\s]*)?\)`)
	for name, text := range markdown(t) {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(match[1], "://") || strings.HasPrefix(match[1], "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(top, path.Dir(name), match[1])); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, match[1])
			}
		}
	}
}

// Paths in code spans are checked where they begin with a directory of the
// repository, so that prose about other programs stays free.
func TestPathsInProseExist(t *testing.T) {
	entries, err := os.ReadDir(top)
	if err != nil {
		t.Fatal(err)
	}
	var directories []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			directories = append(directories, e.Name())
		}
	}
	span := regexp.MustCompile("`([A-Za-z0-9_./*-]+)`")
	for name, text := range markdown(t) {
		for _, match := range span.FindAllStringSubmatch(text, -1) {
			first, _, below := strings.Cut(match[1], "/")
			placeholder := strings.Contains(match[1], "NAME") || strings.Contains(match[1], "review") // the subgraph that the README adds
			if !below || !slices.Contains(directories, first) || placeholder {
				continue
			}
			if found, err := filepath.Glob(filepath.Join(top, match[1])); err != nil || len(found) == 0 {
				t.Errorf("%s names %s, which does not exist", name, match[1])
			}
		}
	}
}

func TestMakeTargetsInProseExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile("(?m)(?:`|^ {4})make ([a-z][a-z0-9-]*)")
	for name, text := range markdown(t) {
		for _, match := range command.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(string(makefile), "\n"+match[1]+":") {
				t.Errorf("%s says make %s, which the Makefile does not have", name, match[1])
			}
		}
	}
}
