package ci_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// actionlint checks workflows.
const actionlint = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.7"

// A step is a step of the workflow.
type step struct{ Name, Run string }

// steps returns the steps that run commands, but the one that downloads Souk.
func steps(t *testing.T) []step {
	t.Helper()
	text, err := os.ReadFile("graph.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var workflow struct {
		Jobs map[string]struct{ Steps []step }
	}
	if err := yaml.Unmarshal(text, &workflow); err != nil {
		t.Fatal(err)
	}
	var list []step
	for _, s := range workflow.Jobs["check"].Steps {
		if s.Run != "" && s.Name != "Install Souk" {
			list = append(list, s)
		}
	}
	if len(list) != 3 {
		t.Fatalf("got the steps %v, want those that compose, check and lint", list)
	}
	return list
}

// A repository is one on whose pull requests the workflow runs.
type repository struct {
	t         *testing.T
	dir, temp string
	env       []string
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	for _, program := range []string{"bash", "git", "go"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	bin := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "souk"), "../..").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r := &repository{t: t, dir: t.TempDir()}
	r.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "GITHUB_BASE_REF=main",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	for to, from := range map[string]string{
		"supergraph.yaml":           "supergraph.yaml",
		"products/schema.graphqls":  "../graph/products/schema.graphqls",
		"reviews/schema.graphqls":   "../graph/reviews/schema.graphqls",
		"stock/schema.graphqls":     "stock.graphqls",
		".github/workflows/ci.yaml": "graph.yaml",
	} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		r.write(to, string(text))
	}
	r.run("git init --quiet --initial-branch=main && git add . && git commit --quiet -m first && git update-ref refs/remotes/origin/main main && git checkout --quiet -b change")
	return r
}

func (r *repository) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // a test
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// replace replaces a text in a file.
func (r *repository) replace(name, old, text string) {
	r.t.Helper()
	before, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	if !strings.Contains(string(before), old) {
		r.t.Fatalf("%s does not have %s", name, old)
	}
	r.write(name, strings.Replace(string(before), old, text, 1))
}

func (r *repository) run(script string) {
	r.t.Helper()
	if out, err := r.bash(script); err != nil {
		r.t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// bash runs a script as GitHub Actions does.
func (r *repository) bash(script string) (string, error) {
	cmd := exec.CommandContext(r.t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = r.dir, slices.Concat(r.env, []string{"RUNNER_TEMP=" + r.temp})
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// check runs the steps until one fails, and returns what they print with the name of that step.
func (r *repository) check() (out, failed string) {
	r.t.Helper()
	r.temp = r.t.TempDir()
	defer r.run("git worktree prune")
	for _, s := range steps(r.t) {
		text, err := r.bash(s.Run)
		if out += text; err != nil {
			return out, s.Name
		}
	}
	return out, ""
}

// The steps of the workflow accept a good change, and annotate what is wrong with others.
func TestStepsCheckAChange(t *testing.T) {
	r := newRepository(t)
	r.replace("products/schema.graphqls", "  name: String!\n", "  name: String!\n  colour: String\n")
	out, failed := r.check()
	if failed != "" || !strings.Contains(out, "::notice title=change::+ Product.colour") {
		t.Errorf("a new field: %q fails\n%s", failed, out)
	}
	r.replace("products/schema.graphqls", "  name: String!\n", "")
	if out, failed = r.check(); failed != "Check clients" || !strings.Contains(out, "::error title=breaking change::- Product.name (breaking)") {
		t.Errorf("a removed field: %q fails\n%s", failed, out)
	}
	r.replace("products/schema.graphqls", `fields: "id"`, `fields: "idd"`)
	if out, failed = r.check(); failed != "Compose" || !strings.Contains(out, "::error file=products/schema.graphqls,line=8,col=") || !strings.Contains(out, "KEY_INVALID_FIELDS") {
		t.Errorf("a wrong key: %q fails\n%s", failed, out)
	}
}

// The lint step annotates what it finds, and does not fail.
func TestLintAnnotates(t *testing.T) {
	r := newRepository(t)
	r.replace("reviews/schema.graphqls", "  stars: Int!\n", "  stars: Int!\n  Number_of_likes: Int\n")
	if out, failed := r.check(); failed != "" || !strings.Contains(out, "::warning file=reviews/schema.graphqls,line=10,col=3,title=field-name::") {
		t.Errorf("%q fails\n%s", failed, out)
	}
}

// actionlint accepts the workflow.
func TestWorkflowIsValid(t *testing.T) {
	if testing.Short() {
		t.Skip("downloads actionlint")
	}
	if out, err := exec.CommandContext(t.Context(), "go", "mod", "download", strings.Replace(actionlint, "/cmd/actionlint", "", 1)).CombinedOutput(); err != nil {
		t.Skipf("actionlint cannot be downloaded: %v\n%s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "run", actionlint, "-no-color", "graph.yaml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
