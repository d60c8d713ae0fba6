package verify

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The commands that create the Secrets of a component leave no value of the example.
func TestSecretsOfComponentsGetValues(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(guide, "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^(sed .*secrets\.yaml) \| kubectl create -f -$`).FindAllStringSubmatch(string(text), -1)
	if len(commands) < 2 {
		t.Fatalf("the guide creates Secrets by %d commands", len(commands))
	}
	for _, c := range commands {
		shell := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", c[1])
		shell.Dir = filepath.Join("..", "..")
		shell.Env = append(os.Environ(), "ACCESS_KEY_ID=id", "SECRET_ACCESS_KEY=a/key+of=s3")
		out, err := shell.Output()
		if err != nil {
			t.Fatalf("%s: %v", c[1], err)
		}
		for _, line := range strings.Split(string(out), "\n") {
			if value, _, _ := strings.Cut(line, "#"); strings.Contains(value, "change-me") {
				t.Errorf("%s\nleaves %s", c[1], strings.TrimSpace(line))
			}
		}
	}
}

// checkOperatorPassword runs the commands that change a password that CloudNativePG has made.
func checkOperatorPassword(t *testing.T, s shell) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(guide, "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```bash\n(.*?)^```").FindStringSubmatch(string(text))
	if block == nil {
		t.Fatal("the guide has no commands for a password of CloudNativePG")
	}
	s.must(t, "kubectl -n ecommerce create secret generic order-postgres-app --from-literal=password=first --from-literal=uri=postgresql://order:first@order-postgres-rw.ecommerce:5432/order")
	s.must(t, block[1])
	values := strings.Fields(s.must(t, `kubectl -n ecommerce get secret order-postgres-app -o go-template='{{.data.password | base64decode}} {{.data.uri | base64decode}}'`))
	if len(values) != 2 || values[0] == "first" || values[1] != "postgresql://order:"+values[0]+"@order-postgres-rw.ecommerce:5432/order" {
		t.Errorf("the Secret has the values %q", values)
	}
	s.must(t, "kubectl -n ecommerce delete secret order-postgres-app")
}
