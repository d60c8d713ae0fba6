package subgraphs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	newIndex = regexp.MustCompile(`(?i)create\s+(?:unique\s+)?index\s+(concurrently\s+)?(?:if not exists\s+)?(\w+)\s+on\s+(\w+)`)
	newTable = regexp.MustCompile(`(?i)create\s+table\s+(?:if not exists\s+)?(\w+)`)
)

// released has the indexes of migrations that were released before the rule.
var released = map[string]bool{"products_words": true}

// An index on a table that may be large is built concurrently, without a
// transaction. Otherwise nobody could write to the table until it is built.
func TestMigrationsBuildIndexesConcurrently(t *testing.T) {
	files, err := filepath.Glob("*/migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("internal/*/migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if files = append(files, more...); len(files) < 8 {
		t.Fatalf("found only the migrations %v", files)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(string(data), "---- create above / drop below ----")
		created := map[string]bool{}
		for _, table := range newTable.FindAllStringSubmatch(text, -1) {
			created[strings.ToLower(table[1])] = true
		}
		for _, index := range newIndex.FindAllStringSubmatch(text, -1) {
			concurrently, name, table := index[1] != "", index[2], strings.ToLower(index[3])
			switch {
			case created[table] || released[name]:
			case !concurrently:
				t.Errorf("%s: build the index %s with CREATE INDEX CONCURRENTLY: the table %s may be large", file, name, table)
			case !strings.Contains(text, "---- tern: disable-tx ----"):
				t.Errorf("%s: the index %s cannot be built concurrently in a transaction; add ---- tern: disable-tx ----", file, name)
			case !strings.Contains(strings.ToLower(text), "drop index concurrently if exists "+name):
				t.Errorf("%s: drop the index %s first, if it exists: an interrupted build leaves an invalid index", file, name)
			}
		}
	}
}
