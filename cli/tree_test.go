package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"souk/cli"
)

// servers run until they are stopped, and have no result.
var servers = []string{"souk dev", "souk router", "souk payment", "souk user", "souk product", "souk inventory", "souk order", "souk notification"}

// leaves calls visit for each command that does something.
func leaves(cmd *cobra.Command, visit func(*cobra.Command)) {
	for _, child := range cmd.Commands() {
		leaves(child, visit)
	}
	if cmd.Runnable() && !strings.Contains(cmd.CommandPath(), " help") && !strings.Contains(cmd.CommandPath(), " completion") {
		visit(cmd)
	}
}

// group reports whether a command only has others.
func group(cmd *cobra.Command) bool {
	return cmd.HasSubCommands() && !slices.Contains(servers, cmd.CommandPath())
}

// Every command that has a result prints it as JSON with --json, says what its exit statuses
// mean, and ends with status 2 for a wrong flag.
func TestEveryCommandIsConsistent(t *testing.T) {
	count := 0
	leaves(cli.New(), func(cmd *cobra.Command) {
		count++
		path := strings.Fields(cmd.CommandPath())[1:]
		t.Run(strings.Join(path, " "), func(t *testing.T) {
			switch {
			case group(cmd):
				souk(t, nil, append(slices.Clone(path), "nonsense")...).refuses(t, `unknown command "nonsense" for "`+cmd.CommandPath()+`"`)
			case !slices.Contains(servers, cmd.CommandPath()):
				if cmd.Flags().Lookup("json") == nil {
					t.Error("it has no flag --json")
				}
				if !strings.Contains(cmd.Long, "exit status is 0") {
					t.Error("its help does not have the exit statuses")
				}
			}
			souk(t, nil, append(slices.Clone(path), "--no-such-flag")...).refuses(t, "unknown flag: --no-such-flag")
		})
	})
	if count < 20 {
		t.Errorf("only %d commands were visited", count)
	}
	p := souk(t, nil, "--help")
	if status := p.wait(t); status != 0 || !strings.Contains(p.stdout.String(), "Exit status:") {
		t.Errorf("got status %d and help\n%s", status, &p.stdout)
	}
}

// What --json prints is JSON, for commands that need no server.
func TestJSONIsJSON(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"supergraph.yaml":    "subgraphs:\n  a:\n    routing_url: http://localhost:1\n    schema: {file: a.graphqls}\n",
		"a.graphqls":         "type Query { hello: String }\n",
		"b.graphqls":         "type Query { hello: Int }\n",
		"supergraph.graphql": supergraph,
		"router.yaml":        "listen: 127.0.0.1:4000\n",
		"cosmo.yaml":         "listen_addr: localhost:3002\ntraffic_shaping:\n  all:\n    what: 1\n",
		"operation.graphql":  "{ hello }",
	})
	for command, want := range map[string]int{
		"compose --json --config supergraph.yaml --output out.graphql":  0,
		"plan --json --supergraph supergraph.graphql operation.graphql": 0,
		"lint --json a.graphqls":                              0,
		"schema diff --json a.graphqls b.graphqls":            0,
		"schema check --json --against a.graphqls b.graphqls": 1,
		"config validate --json router.yaml":                  0,
		"config explain --json limits.max_depth":              0,
		"config schema --json":                                0,
		"config convert --json cosmo.yaml":                    0,
		"config convert --json --strict cosmo.yaml":           1,
		"init --json --subgraph a=http://localhost:1 new":     0,
	} {
		p := soukIn(t, dir, nil, strings.Fields(command)...)
		status := p.wait(t)
		out := p.stdout.String()
		if strings.HasPrefix(command, "compose") {
			out = p.stderr.String() // standard output is for the supergraph
		}
		if status != want || !json.Valid([]byte(out)) {
			t.Errorf("souk %s: got status %d, want %d, and\n%s%s", command, status, want, out, &p.stderr)
		}
	}
}

// Wrong flags and arguments are told as text on standard error, also with --json, and standard
// output stays empty: by every command, for every flag that does not take any text.
func TestUsageErrorsAreTextOnStandardError(t *testing.T) {
	dir := writeFiles(t, map[string]string{"a.graphqls": "type Query { hello: String }\n"})
	words := []string{"format", "fail-on", "from"}
	leaves(cli.New(), func(cmd *cobra.Command) {
		if cmd.Flags().Lookup("json") == nil {
			return
		}
		path := strings.Fields(cmd.CommandPath())[1:]
		command := append(slices.Clone(path), "--json")
		for _, word := range strings.Fields(cmd.Use)[1:] {
			if !strings.HasPrefix(word, "[") && !strings.HasPrefix(word, "-") {
				command = append(command, "a.graphqls")
			}
		}
		wrong := [][]string{{"--no-such-flag"}, {"--json=nonsense"}}
		if !strings.Contains(cmd.Use, "...") {
			wrong = append(wrong, []string{"surplus", "surplus", "surplus"})
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			switch kind := f.Value.Type(); {
			case kind == "string" && !slices.Contains(words, f.Name) || strings.HasPrefix(kind, "string") && kind != "string":
			default:
				wrong = append(wrong, []string{"--" + f.Name + "=nonsense"})
			}
		})
		for _, more := range wrong {
			t.Run(strings.Join(append(slices.Clone(path), more...), " "), func(t *testing.T) {
				t.Parallel()
				p := soukIn(t, dir, nil, append(slices.Clone(command), more...)...)
				status := p.wait(t)
				if said := p.stderr.String(); status != 2 || p.stdout.String() != "" || !strings.HasPrefix(said, "souk: ") {
					t.Errorf("got status %d, standard output %q and standard error %q", status, p.stdout.String(), said)
				}
			})
		}
	})
}

// Subgraphs that do not compose are no result of a comparison of schemas: they are told as text.
func TestSchemasThatDoNotComposeAreNoResult(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"supergraph.yaml": "subgraphs:\n  a: {routing_url: 'http://a', schema: {sdl: 'type Query { hello: String }'}}\n  b: {routing_url: 'http://b', schema: {sdl: 'type Query { hello: Int }'}}\n",
		"a.graphqls":      "type Query { hello: String }\n",
	})
	p := soukIn(t, dir, nil, "schema", "check", "--json", "--against", "a.graphqls", "supergraph.yaml")
	status := p.wait(t)
	if said := p.stderr.String(); status != 2 || p.stdout.String() != "" || !strings.Contains(said, "FIELD_TYPE_MISMATCH") || strings.Contains(said, "{\"") {
		t.Errorf("got status %d, standard output %q and standard error %q", status, p.stdout.String(), said)
	}
}

// Shells complete commands, flags and the values of flags.
func TestCompletion(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"conf", "config"},
		{"config ", "convert"},
		{"compose --format ", "github"},
		{"compose --fail-on ", "debug"},
		{"lint --format ", "github"},
		{"lint --off ", "n-plus-one"},
		{"lint --fail-on ", "none"},
		{"plan --format ", "apollo"},
		{"schema diff --fail-on ", "dangerous"},
		{"schema check --fail-on ", "breaking"},
		{"dev --auth ", "enforced"},
		{"dev --log-level ", "debug"},
		{"config convert --from ", "cosmo"},
		{"config explain limits.max_d", "limits.max_depth"},
	} {
		words := strings.Split(c.line, " ")
		p := souk(t, nil, append([]string{"__complete"}, words...)...)
		p.wait(t)
		lines := strings.Split(p.stdout.String(), "\n")
		if !slices.ContainsFunc(lines, func(l string) bool { return l == c.want || strings.HasPrefix(l, c.want+"\t") }) {
			t.Errorf("souk %s: got %q, want %s", c.line, lines, c.want)
		}
	}
}

// The scripts of the shells are accepted by those that are installed.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		p := souk(t, nil, "completion", shell)
		if status := p.wait(t); status != 0 || !strings.Contains(p.stdout.String(), "__complete") {
			t.Fatalf("%s: got status %d and %s", shell, status, &p.stderr)
		}
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("%s is not installed: its script is not checked", shell)
			continue
		}
		file := writeFiles(t, map[string]string{"completion": p.stdout.String()}) + "/completion"
		if out, err := exec.CommandContext(t.Context(), shell, "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
}

// bash completes with the script as a user has it.
func TestBashCompletes(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	p := souk(t, nil, "completion", "bash")
	p.wait(t)
	dir := writeFiles(t, map[string]string{
		"completion": p.stdout.String(),
		"souk":       "#!/bin/sh\nexec " + os.Args[0] + " \"$@\"\n",
	})
	if err := os.Chmod(dir+"/souk", 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	script := `_get_comp_words_by_ref() { cur="${COMP_WORDS[COMP_CWORD]}"; prev="${COMP_WORDS[COMP_CWORD-1]}"; words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; }
_init_completion() { _get_comp_words_by_ref; }
__ltrim_colon_completions() { :; }
compopt() { :; }
source completion
COMP_WORDS=(souk lint --format ""); COMP_CWORD=3; COMP_LINE="souk lint --format "; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; COMP_KEY=9
__start_souk
printf '%s\n' "${COMPREPLY[@]}"`
	bash := exec.CommandContext(t.Context(), "bash", "-c", script)
	bash.Dir, bash.Env = dir, append(os.Environ(), runMain+"=1", "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := bash.CombinedOutput()
	if err != nil || !slices.Contains(strings.Fields(string(out)), "github") {
		t.Errorf("got %v\n%s", err, out)
	}
}

// `souk version` prints what --version prints.
func TestVersion(t *testing.T) {
	flag, command := souk(t, nil, "--version").done(t), souk(t, nil, "version").done(t)
	if flag != command || !strings.HasPrefix(command, "souk version ") {
		t.Errorf("got %q, and %q with the flag", command, flag)
	}
	var got struct{ Name, Version, Go, Platform string }
	if err := json.Unmarshal([]byte(souk(t, nil, "version", "--json").done(t)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Name+" version "+got.Version+"\n" != command || got.Go != runtime.Version() || got.Platform != runtime.GOOS+"/"+runtime.GOARCH {
		t.Errorf("got %+v", got)
	}
	souk(t, nil, "version", "1").refuses(t, "`souk version` takes no arguments, but there is \"1\"")
}
