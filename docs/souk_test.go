package docs_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"souk/cli"
)

// soukCommand finds the commands of souk in Markdown: in code spans, at the start of a line
// of code, after a pipe, and as /souk in a container. Two spaces end a command, before the
// explanations in the README.
var soukCommand = regexp.MustCompile("(?m)(?:`|^ {4}|^|\\| |/)(?:souk|go run \\.) ([a-z][^`\n]*)")

// The commands and flags of souk that the documentation names exist.
func TestSoukCommandsInProseExist(t *testing.T) {
	root := cli.New(cli.WithVersion("test"))
	root.InitDefaultCompletionCmd()
	found := 0
	for name, text := range markdown(t) {
		for _, match := range soukCommand.FindAllStringSubmatch(text, -1) {
			line, _, _ := strings.Cut(match[1], "  ")
			if strings.HasPrefix(line, "review") { // the subgraph that the README adds
				continue
			}
			found++
			if err := checkSouk(root, line); err != nil {
				t.Errorf("%s: souk %s: %v", name, line, err)
			}
		}
	}
	if found < 30 {
		t.Errorf("found only %d commands", found)
	}
	for _, wrong := range []string{"compoze", "plan --explian -", "order replays", "events dead|revived"} {
		if checkSouk(root, wrong) == nil {
			t.Errorf("souk %s: got no error", wrong)
		}
	}
}

// Operations that the README pipes to `go run .` are planned, in the top directory of the
// repository.
func TestPlansOfTheREADMEAreMade(t *testing.T) {
	t.Chdir(top)
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	piped := regexp.MustCompile(`(?m)^ {4}echo '(.*)' \| go run \. (.*)$`).FindAllStringSubmatch(string(text), -1)
	if len(piped) == 0 {
		t.Fatal("the README pipes no operation to go run")
	}
	for _, match := range piped {
		root := cli.New(cli.WithVersion("test"))
		root.SetArgs(strings.Fields(match[2]))
		root.SetIn(strings.NewReader(match[1]))
		var out strings.Builder
		root.SetOut(&out)
		if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), "order") {
			t.Errorf("%s: got %q, err %v", match[0], out.String(), err)
		}
	}
}

// Every container of the store in the manifests runs a command that exists, with flags that
// it has.
func TestContainersRunExistingCommands(t *testing.T) {
	root := cli.New(cli.WithVersion("test"))
	found := 0
	for _, o := range readObjects(t, "manifests/*.yaml") {
		all, _ := o.at("spec", "template", "spec", "containers")
		containers, _ := all.([]any)
		for _, c := range containers {
			container, _ := c.(map[string]any)
			if image, _ := container["image"].(string); !strings.HasPrefix(image, "souk:") {
				continue
			}
			found++
			if line := strings.Trim(fmt.Sprint(container["args"]), "[]"); container["command"] != nil || checkSouk(root, line) != nil {
				t.Errorf("%s %s runs %v %s: %v", o.Kind, o.Metadata.Name, container["command"], line, checkSouk(root, line))
			}
		}
	}
	if found != 7 {
		t.Errorf("found %d containers, want seven programs", found)
	}
	if checkSouk(root, "<nil>") == nil {
		t.Error("a container without a command is not noticed")
	}
}

// checkSouk returns an error if a line has an unknown command or flag. Alternatives have a
// bar between them, as in "dead|revive", and optional words are in brackets.
func checkSouk(root *cobra.Command, line string) error {
	words := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(line))
	cmd := root
	for _, word := range words {
		if flag, ok := strings.CutPrefix(word, "--"); ok {
			flag, _, _ = strings.Cut(flag, "=")
			if cmd.Flag(flag) == nil {
				return fmt.Errorf("there is no flag --%s", flag)
			}
			continue
		}
		if !cmd.HasSubCommands() {
			continue // an argument, or the value of a flag
		}
		parent := cmd
		for alternative := range strings.SplitSeq(word, "|") {
			sub, _, err := parent.Find([]string{alternative})
			if err != nil || sub == parent {
				return fmt.Errorf("there is no command %s", alternative)
			}
			cmd = sub
		}
	}
	return nil
}
