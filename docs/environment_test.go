package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"souk/router/gateway/config"
)

// variableName is the name of an environment variable as it stands in code.
var variableName = regexp.MustCompile(`(?i:getenv|lookupenv|lookup|get|getDefault)\("([A-Z][A-Z0-9_]+)"`)

// docs/environment.md lists every environment variable that Souk reads.
func TestEveryEnvironmentVariableIsDocumented(t *testing.T) {
	page, err := os.ReadFile("environment.md")
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]string{}
	list, err := exec.CommandContext(t.Context(), "git", "-C", top, "ls-files", "cli", "dev", "internal", "router", "subgraphs", "telemetry").Output()
	if err != nil {
		t.Skipf("git cannot list the files: %v", err)
	}
	for name := range strings.FieldsSeq(string(list)) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(top, name))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range variableName.FindAllStringSubmatch(string(text), -1) {
			read[match[1]] = name
		}
	}
	for _, path := range config.Keys() {
		key, err := config.Explain(path)
		if err != nil {
			t.Fatal(err)
		}
		if key.Environment != "" {
			read[key.Environment] = path
		}
	}
	if len(read) < 20 {
		t.Errorf("found only %d variables", len(read))
	}
	for variable, place := range read {
		if !strings.Contains(string(page), "`"+variable+"`") {
			t.Errorf("docs/environment.md does not list %s, which %s reads", variable, place)
		}
	}
}
