package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"souk/router/compose"
)

func newCompose() *cobra.Command {
	command := compose.Command{}
	var format, failOn string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "compose",
		Short: "Compose subgraph SDLs into a supergraph SDL",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(cmd, command.Output); err != nil {
				return err
			}
			if command.Output == "-" {
				command.Output = ""
			}
			if asJSON {
				format = string(compose.FormatJSON)
			}
			if err := parseComposeFlags(&command, format, failOn); err != nil {
				return err
			}
			command.Stdout, command.Stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			err := composeResult(command.Run(cmd.Context()))
			if err != nil && command.Format == compose.FormatJSON {
				return toldError{err}
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&command.Config, "config", "supergraph.yaml", "the file that lists the subgraphs")
	flags.StringVarP(&command.Output, "output", "o", "supergraph.graphql", "the file to write; - for standard output")
	flags.BoolVar(&command.Check, "check", false, "write nothing; fail if the output file is not up to date")
	flags.StringVar(&format, "format", "text", "the format of errors and hints: text, json or github")
	flags.BoolVar(&command.Hints, "hints", false, "report hints, such as differences between subgraphs")
	flags.StringVar(&failOn, "fail-on", "error", "fail if there are hints of a level or above: warn, info or debug; error for errors only")
	jsonFlag(cmd, &asJSON, "errors and hints")
	exclusive(cmd, "format", "json")
	return checking(cmd)
}

// composeResult tells subgraphs that do not compose from those that cannot be read.
func composeResult(err error) error {
	if errors.As(err, new(compose.Errors)) || errors.Is(err, compose.ErrHints) || errors.Is(err, compose.ErrStale) {
		return failedCheck{err}
	}
	return err
}

// parseComposeFlags parses the flags that take one of several words.
func parseComposeFlags(command *compose.Command, format, failOn string) (err error) {
	if command.Format, err = compose.ParseFormat(format); err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	if failOn == "error" {
		return nil
	}
	if command.FailOn, err = compose.ParseLevel(failOn); err != nil {
		return fmt.Errorf("--fail-on: %w", err)
	}
	return nil
}
