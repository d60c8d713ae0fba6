package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"souk/subgraphs"
)

func newService(name string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   name,
		Short: "Run the " + name + " service alone, as in its container",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			env, err := subgraphs.EnvironmentFromOS(name)
			if err != nil {
				return fmt.Errorf("reading the environment variables: %w", err)
			}
			return subgraphs.Run(cmd.Context(), name, env)
		},
	}
	if name == "order" {
		cmd.AddCommand(newReplay())
	}
	return cmd
}
