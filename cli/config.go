package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"souk/router"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

func newConfig() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Validate, explain and convert the configuration of the router"}
	cmd.AddCommand(newConfigValidate(), newConfigSchema(), newConfigExplain(), newConfigConvert())
	return cmd
}

func newConfigValidate() *cobra.Command {
	var graph string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate FILE",
		Short: "Validate a configuration file of the router",
		Long: "Validate a configuration file of the router, with the environment variables that it refers\n" +
			"to. All problems are reported with their places. With --supergraph, the subgraphs, types and\n" +
			"fields that it names must exist, and the router must be able to serve them; this is checked if\n" +
			"the file has no other problem.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			problems, warnings, err := validateConfig(cmd.Context(), args[0], graph)
			if err != nil {
				return err
			}
			return reportProblems(cmd.OutOrStdout(), args[0], problems, warnings, asJSON)
		},
	}
	cmd.Flags().StringVarP(&graph, "supergraph", "s", "", "the file that contains the supergraph SDL")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return checking(interruptible(cmd))
}

// validateConfig returns the problems of a configuration file, as the router finds them when
// it starts, and what to change although the router starts.
func validateConfig(ctx context.Context, file, graph string) (problems, warnings config.Errors, err error) {
	c, source, err := routerFlags{config: file}.settings(ctx)
	warnings = source.Warnings()
	if err != nil {
		if !errors.As(err, &problems) {
			return nil, nil, err
		}
		return problems, warnings, nil
	}
	if graph == "" {
		return nil, warnings, nil
	}
	sdl, err := supergraph.ReadFile(graph)
	if err != nil {
		return nil, nil, err
	}
	model, err := supergraph.Parse(sdl)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: reading the supergraph: %w", graph, err)
	}
	problems = router.UnknownNames(&c, model, source)
	for _, p := range router.Unreachable(&c, model, source) {
		if p.Line == 0 {
			p.Message = graph + ": " + p.Message
		}
		problems = append(problems, p)
	}
	for _, u := range model.Unserved {
		switch {
		case u.Subgraph != "" && len(c.OverrideSubgraphURLs[u.Subgraph]) > 0:
		case u.Fatal:
			problems = append(problems, &config.Error{Message: graph + ": " + u.Problem})
		default:
			warnings = append(warnings, &config.Error{Message: graph + ": " + u.Problem})
		}
	}
	return problems.Sorted(), warnings, nil
}

// A problem is an entry of the result as JSON.
type problem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

func listed(errors config.Errors) []problem {
	list := make([]problem, len(errors))
	for i, p := range errors {
		list[i] = problem{p.File, p.Line, p.Column, p.Message}
	}
	return list
}

// reportProblems writes the problems and warnings of a configuration file, and fails if there
// are problems.
func reportProblems(w io.Writer, file string, problems, warnings config.Errors, asJSON bool) error {
	var err error
	if asJSON {
		err = writeJSON(w, map[string]any{"valid": len(problems) == 0, "problems": listed(problems), "warnings": listed(warnings)})
	} else {
		var text strings.Builder
		for _, one := range warnings {
			fmt.Fprintf(&text, "warning: %v\n", one)
		}
		if len(problems) == 0 {
			fmt.Fprintf(&text, "%s is valid\n", file)
		} else {
			fmt.Fprintln(&text, problems.Error())
		}
		_, err = io.WriteString(w, text.String())
	}
	if err != nil {
		return fmt.Errorf("writing the problems: %w", err)
	}
	if len(problems) > 0 {
		return failed(fmt.Sprintf("%s is not valid: %s", file, count(len(problems), "problem", "problems")))
	}
	return nil
}

func newConfigSchema() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration file, for editors",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			schema, err := config.JSONSchema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(schema)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", true, "the schema is always printed as JSON")
	return checking(interruptible(cmd))
}

func newConfigExplain() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain KEY",
		Short: "Describe a key of the configuration file",
		Long: "Describe a key of the configuration file: its type, default and limits, with an example.\n" +
			"The key is a path, such as limits.max_depth or traffic_shaping.subgraphs.products.timeout.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := config.Explain(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), key)
			}
			_, err = io.WriteString(cmd.OutOrStdout(), key.String())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the description as JSON")
	return checking(interruptible(cmd))
}
