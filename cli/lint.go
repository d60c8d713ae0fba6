package cli

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"souk/internal/blocking"
	"souk/router/compose"
	"souk/router/lint"
)

func newLint() *cobra.Command {
	var format, failOn string
	var off []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lint [FILE...]",
		Short: "Find what makes the schemas of subgraphs hard to use or slow",
		Long: "Find what is valid in the schemas of subgraphs, but makes the graph hard to use or slow. The\n" +
			"files are the schemas of subgraphs, or one configuration of a composition (.yaml), by\n" +
			"default supergraph.yaml. The rules are:\n\n" + ruleList(),
		RunE: func(cmd *cobra.Command, files []string) error {
			if asJSON {
				format = string(compose.FormatJSON)
			}
			as, err := compose.ParseFormat(format)
			if err != nil {
				return fmt.Errorf("--format: %w", err)
			}
			least, err := lintLevel(failOn)
			if err != nil {
				return fmt.Errorf("--fail-on: %w", err)
			}
			subgraphs, err := lintSubgraphs(cmd.Context(), files)
			if err != nil {
				return err
			}
			findings, err := lint.Lint(subgraphs, off)
			if err != nil {
				return err
			}
			if err := as.Write(cmd.OutOrStdout(), nil, findings); err != nil {
				return fmt.Errorf("writing the findings: %w", err)
			}
			return lintResult(findings, least)
		},
		Args: cobra.ArbitraryArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&format, "format", "text", "the format: text, json or github")
	flags.BoolVar(&asJSON, "json", false, "the same as --format json")
	exclusive(cmd, "format", "json")
	flags.StringVar(&failOn, "fail-on", "warn", "fail if there are findings of a level or above: warn, info or none")
	flags.StringSliceVar(&off, "off", nil, "rules that do not apply, separated by commas; can be repeated")
	return checking(cmd)
}

func ruleList() string {
	var text strings.Builder
	for _, r := range lint.Rules {
		fmt.Fprintf(&text, "  %-19s(%s) %s\n", r.Name, r.Level, r.About)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// lintLevel returns the least level that fails, or 0 for none.
func lintLevel(name string) (compose.Level, error) {
	switch name {
	case "none":
		return 0, nil
	case "warn":
		return compose.LevelWarn, nil
	case "info":
		return compose.LevelInfo, nil
	}
	return 0, fmt.Errorf("%q is not one of warn, info and none", name)
}

// lintSubgraphs loads the subgraphs of a composition, or files with their schemas.
func lintSubgraphs(ctx context.Context, files []string) ([]compose.Subgraph, error) {
	if len(files) == 0 {
		files = []string{"supergraph.yaml"}
	}
	if extension := filepath.Ext(files[0]); len(files) == 1 && (extension == ".yaml" || extension == ".yml") {
		c, err := blocking.Call(ctx, func() (*compose.Config, error) { return compose.ReadConfig(files[0], os.LookupEnv) })
		if err != nil {
			return nil, err
		}
		return c.Load(ctx, http.DefaultClient)
	}
	var subgraphs []compose.Subgraph
	for _, file := range files {
		if extension := filepath.Ext(file); extension == ".yaml" || extension == ".yml" {
			return nil, fmt.Errorf("%s is one of several files; name either one configuration of a composition, or files with the schemas of subgraphs", file)
		}
		text, err := blocking.Call(ctx, func() ([]byte, error) { return os.ReadFile(file) })
		if err != nil {
			return nil, fmt.Errorf("reading the schema: %w", err)
		}
		subgraphs = append(subgraphs, compose.Subgraph{
			Name: strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), SDL: string(text),
			Files: []compose.File{{Path: file, Lines: strings.Count(string(text), "\n") + 1}},
		})
	}
	return subgraphs, nil
}

func lintResult(findings []compose.Hint, least compose.Level) error {
	failing := 0
	for _, f := range findings {
		if least > 0 && f.Level >= least {
			failing++
		}
	}
	if failing == 0 {
		return nil
	}
	return failed(fmt.Sprintf("the schemas have %s of level %s or above", count(failing, "finding", "findings"), least))
}
