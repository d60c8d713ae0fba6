//go:build unix

package docs_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A step of a guide is a block of code: a file to write, a change of a file, a command, or an
// operation.
type step struct{ file, language, text string }

// steps returns the blocks of a guide, in order.
func steps(guide string) (all []step) {
	block := regexp.MustCompile("(?m)(?:^`([^`\n]+)`:\n\n)?^```([a-z]+)\n((?s:.*?))^```$")
	for _, match := range block.FindAllStringSubmatch(guide, -1) {
		all = append(all, step{match[1], match[2], match[3]})
	}
	return all
}

// Following docs/add-subgraph.md in a copy of the repository gives a store with one more
// service.
func TestAddingASubgraphByTheGuideWorks(t *testing.T) {
	if os.Getenv("SOUK_ADD_SUBGRAPH") == "" {
		t.Skip("generating and building a copy of the store takes minutes; make verify runs it, with SOUK_ADD_SUBGRAPH=1")
	}
	guide, err := os.ReadFile("add-subgraph.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := copyRepository(t)
	url, operations := "", 0
	for _, s := range steps(string(guide)) {
		switch {
		case s.language == "diff":
			change(t, filepath.Join(dir, s.file), s.text)
		case s.file != "":
			write(t, filepath.Join(dir, s.file), s.text)
		case s.text == "make run\n":
			url = runStore(t, dir)
		case s.language == "sh":
			command := exec.CommandContext(t.Context(), "bash", "-e", "-c", s.text)
			command.Dir, command.Env = dir, buildEnvironment()
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", s.text, err, out)
			}
		case s.language == "graphql":
			operations++
			answer := ask(t, url, s.text)
			if want := `"reviews":[{"stars":5,"body":"Bright."}]`; operations == 2 && !strings.Contains(answer, want) {
				t.Errorf("got %s, want it to have %s", answer, want)
			}
		}
	}
	if operations != 2 {
		t.Errorf("the guide has %d operations, want 2", operations)
	}
}

// buildEnvironment lets builds in the copy use the packages that `make build` has compiled.
func buildEnvironment() []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
}

// copyRepository copies the files that git tracks or would track.
func copyRepository(t *testing.T) string {
	t.Helper()
	list, err := exec.CommandContext(t.Context(), "git", "-C", top, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Skipf("git cannot list the files: %v", err)
	}
	dir, err := os.MkdirTemp("", "souk-guide-") // Postgres runs as another user, which cannot enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.Trim(string(list), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(top, name))
		if os.IsNotExist(err) {
			continue // deleted, but not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(text))
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// change applies a diff without line numbers. The lines that it keeps and removes must stand
// in the file exactly once.
func change(t *testing.T, path, diff string) {
	t.Helper()
	var before, after strings.Builder
	for line := range strings.Lines(diff) {
		if line[0] != '+' {
			before.WriteString(line[1:])
		}
		if line[0] != '-' {
			after.WriteString(line[1:])
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), before.String()); n != 1 {
		t.Fatalf("%s has these lines %d times:\n%s", path, n, before.String())
	}
	write(t, path, strings.Replace(string(text), before.String(), after.String(), 1))
}

// runStore starts the store with `make run` on a free port and returns the URL of GraphQL.
func runStore(t *testing.T, dir string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "make", "run", "LISTEN=localhost:0")
	command.Dir, command.Env = dir, buildEnvironment()
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var failures bytes.Buffer
	command.Stderr = &failures
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGINT) // as Ctrl-C does, to all of them
		_ = command.Wait()                                     // make reports the interrupt
	})
	address := regexp.MustCompile(`http://\S+/graphql`)
	var seen strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		seen.WriteString(lines.Text() + "\n")
		if url := address.FindString(lines.Text()); url != "" {
			return url
		}
	}
	t.Fatalf("make run does not say where GraphQL is:\n%s%s", &seen, &failures)
	return ""
}

// ask returns the response to an operation, which must have no errors.
func ask(t *testing.T, url, operation string) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": operation})
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: time.Minute}
	res, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var response struct {
		Data   json.RawMessage
		Errors []any
	}
	if err := json.NewDecoder(res.Body).Decode(&response); err != nil || len(response.Errors) > 0 {
		t.Fatalf("%s: got %v, err %v", operation, response.Errors, err)
	}
	return string(response.Data)
}
