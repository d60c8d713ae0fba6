package cli

import (
	"os"

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
		Long:          "A GraphQL Federation v2 gateway, and a store to run behind it.\n\n" + exitTable,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(&screen{to: os.Stdout})
	root.SetErr(&screen{to: os.Stderr})
	root.AddCommand(newInit(), newDev(p), newRouter(p), newCompose(), newSchema(), newConfig(), newDocuments(), newLint(), newSubgraph(), newPlan(), newDebug(), newSample(), newEvents(), newTop(), newVersion(p))
	for _, name := range subgraphs.Names() {
		root.AddCommand(newService(name))
	}
	root.AddCommand(newPayment(), newBackup())
	root.AddCommand(p.commands...)
	root.SetFlagErrorFunc(flagError)
	root.InitDefaultCompletionCmd()
	root.SetHelpCommand(newHelp())
	root.InitDefaultHelpCmd()
	complete(root)
	if err := completeValues(root); err != nil {
		panic(err) // a name in flagValues is wrong
	}
	return root
}
