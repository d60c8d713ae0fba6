package cli

import (
	"github.com/spf13/cobra"

	"souk/router/compose"
)

func newCompose() *cobra.Command {
	command := compose.Command{}
	cmd := &cobra.Command{
		Use:   "compose",
		Short: "Compose subgraph SDLs into a supergraph SDL",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if command.Output == "-" {
				command.Output = ""
			}
			command.Stdout = cmd.OutOrStdout()
			return command.Run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&command.Config, "config", "schema/supergraph.yaml", "the file that lists the subgraphs")
	flags.StringVarP(&command.Output, "output", "o", "schema/supergraph.graphql", "the file to write; - for standard output")
	flags.BoolVar(&command.Check, "check", false, "write nothing; fail if the output file is not up to date")
	return cmd
}
