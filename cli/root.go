package cli

import (
	"github.com/spf13/cobra"

	"souk/subgraphs"
)

// New gives the command tree of souk.
func New(version string) *cobra.Command {
	root := &cobra.Command{
		Use:           "souk",
		Short:         "A GraphQL Federation v2 gateway, and a store to run behind it",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newDev(), newRouter(version), newCompose(), newPlan())
	for _, name := range subgraphs.Names() {
		root.AddCommand(newService(name))
	}
	return root
}
