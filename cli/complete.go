package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"souk/router/convert"
	"souk/router/documents"
	"souk/router/gateway/config"
	"souk/router/lint"
)

// flagValues are the values of flags that take one of several words, by command and flag.
func flagValues() map[string][]string {
	var rules []string
	for _, r := range lint.Rules {
		rules = append(rules, r.Name)
	}
	formats := []string{"text", "json", "github"}
	changes := []string{"breaking", "dangerous", "none"}
	levels := []string{"debug", "info", "warn", "error"}
	return map[string][]string{
		"compose format":           formats,
		"compose fail-on":          {"error", "warn", "info", "debug"},
		"lint format":              formats,
		"lint fail-on":             {"warn", "info", "none"},
		"lint off":                 rules,
		"plan format":              {"text", "json", "apollo"},
		"schema diff format":       formats,
		"schema check format":      formats,
		"schema diff fail-on":      changes,
		"schema check fail-on":     changes,
		"dev auth":                 {"tutorial", "enforced"},
		"dev log-level":            levels,
		"config convert from":      convert.Sources(),
		"documents extract format": documents.Formats,
	}
}

// completeValues lets shells complete the values of flags, and keys of the configuration.
func completeValues(root *cobra.Command) error {
	for name, values := range flagValues() {
		words := strings.Fields(name)
		cmd, _, err := root.Find(words[:len(words)-1])
		if err != nil {
			return err
		}
		if err := cmd.RegisterFlagCompletionFunc(words[len(words)-1], cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			return err
		}
	}
	explain, _, err := root.Find([]string{"config", "explain"})
	if err != nil {
		return err
	}
	explain.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return config.Keys(), cobra.ShellCompDirectiveNoFileComp
	}
	return nil
}
