package cli_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the expected messages of testdata/mistakes")

// Each typical mistake is reported with what is wrong, where, and what to do. A case has the
// command, the files in its directory, and the messages. TAKEN is an address in use.
func TestTypicalMistakes(t *testing.T) {
	cases, err := filepath.Glob("testdata/mistakes/*.txtar")
	if err != nil || len(cases) < 30 {
		t.Fatalf("got %d cases, %v", len(cases), err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files, want := map[string]string{}, -1
			for i, f := range archive.Files {
				if f.Name == "messages" {
					want = i
				} else {
					files[f.Name] = string(f.Data)
				}
			}
			if want < 0 {
				archive.Files, want = append(archive.Files, txtar.File{Name: "messages"}), len(archive.Files)
			}
			address := taken(t)
			command := strings.ReplaceAll(strings.TrimSpace(string(archive.Comment)), "TAKEN", address)
			p := soukIn(t, writeFiles(t, files), nil, strings.Fields(strings.TrimPrefix(command, "souk "))...)
			status := p.wait(t)
			got := strings.ReplaceAll(strings.Join(p.says(), "\n"), address, "TAKEN") + fmt.Sprintf("\n[%d]\n", status)
			if *update {
				archive.Files[want].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(archive.Files[want].Data) {
				t.Errorf("got\n%s\nwant\n%s", got, archive.Files[want].Data)
			}
		})
	}
}
