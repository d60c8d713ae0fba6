package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/internal/loopback/loopbacktest"
)

// The commands that check something print what they find, and their exit status tells a
// check that fails from one that cannot be made. A case has commands, the files in their
// directory, and the output of each command with its exit status.
func TestChecks(t *testing.T) {
	cases, err := filepath.Glob("testdata/checks/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("got %d cases, %v", len(cases), err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files, want := map[string]string{}, ""
			kept := archive.Files[:0]
			for _, f := range archive.Files {
				if f.Name == "output" {
					want = string(f.Data)
					continue
				}
				files[f.Name] = string(f.Data)
				kept = append(kept, f)
			}
			got := transcript(t, writeFiles(t, files), string(archive.Comment))
			if *update {
				kept = append(kept, txtar.File{Name: "output", Data: []byte(got)})
				archive.Files = kept
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// transcript runs the commands of a script, one per line, in a directory.
func transcript(t *testing.T, dir, script string) string {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		command, ok := strings.CutPrefix(line, "souk ")
		if !ok {
			continue // a comment
		}
		p := soukIn(t, dir, nil, strings.Fields(command)...)
		status := p.wait(t)
		fmt.Fprintf(&text, "$ %s\n%s%s[%d]\n", line, p.stdout.String(), p.stderr.String(), status)
	}
	return text.String()
}

// A running router is introspected.
func TestSchemaCheckAgainstARunningRouter(t *testing.T) {
	address := loopbacktest.Address(t)
	p := souk(t, nil, "router", "--dev", "--config", routerFiles(t, address, "", "supergraph: {file: GRAPH}\n"))
	await(t, p, "the router is ready", func() bool { return status(t, "http://"+address+"/readyz") == 200 })
	dir := writeFiles(t, map[string]string{
		"same.graphql":  "type Query { hello: String }",
		"other.graphql": "type Query { goodbye: String }",
	})
	for file, want := range map[string]string{
		"same.graphql":  "0 breaking, 0 dangerous and 0 safe changes\n[0]\n",
		"other.graphql": "+ Query.goodbye\n- Query.hello (breaking)\n1 breaking, 0 dangerous and 1 safe changes\nsouk: the schema check failed: 1 change is not allowed\n[1]\n",
	} {
		command := "souk schema check --against http://" + address + "/graphql " + file
		if got := transcript(t, dir, command); got != "$ "+command+"\n"+want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	p.interrupt(t)
	p.wait(t)
}

// The message of a server is one line: it cannot look like other output.
func TestSchemaCheckKeepsMessagesOfServersInOneLine(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"errors":[{"message":"no\n0 breaking, 0 dangerous and 0 safe changes\nsouk: good"}]}`))
	}))
	defer server.Close()
	p := soukIn(t, writeFiles(t, map[string]string{"a.graphqls": "type Query { a: Int }"}), nil, "schema", "check", "--against", server.URL, "a.graphqls")
	p.refuses(t, "responded with an error: no 0 breaking, 0 dangerous and 0 safe changes souk: good")
	if got := p.stderr.String(); strings.Count(got, "\n") != 1 {
		t.Errorf("got more than one line:\n%s", got)
	}
}
