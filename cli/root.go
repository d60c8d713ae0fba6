package cli

import (
	"github.com/spf13/cobra"

	"souk/subgraphs"
)

// New returns the command tree, for programs that execute it themselves. Most programs call
// [Main] instead.
func New(options ...Option) *cobra.Command {
	p := newProgram(options)
	root := &cobra.Command{
		Use:           p.name,
		Short:         "A GraphQL Federation v2 gateway, and a store to run behind it",
		Version:       p.version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newInit(), newDev(p), newRouter(p), newCompose(), newPlan(), newDebug(), newSample(), newEvents(), newTop())
	for _, name := range subgraphs.Names() {
		root.AddCommand(newService(name))
	}
	root.AddCommand(newPayment())
	root.AddCommand(p.commands...)
	return root
}
