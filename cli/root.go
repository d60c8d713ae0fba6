package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/vektah/gqlparser/v2/validator/core"

	"souk/subgraphs"
)

// flagError says which flag is meant by an unknown one, and where the flags are listed.
func flagError(cmd *cobra.Command, err error) error {
	unknown := (*pflag.NotExistError)(nil)
	if !errors.As(err, &unknown) {
		return fmt.Errorf("%w; run `%s --help` for its flags", err, cmd.CommandPath())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	near := ""
	if found := core.SuggestionList(unknown.GetSpecifiedName(), names); len(found) > 0 {
		near = fmt.Sprintf("; did you mean --%s?", found[0])
	}
	return fmt.Errorf("%w%s; run `%s --help` for its flags", err, near, cmd.CommandPath())
}

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
	}
	root.AddCommand(newInit(), newDev(p), newRouter(p), newCompose(), newSchema(), newConfig(), newLint(), newSubgraph(), newPlan(), newDebug(), newSample(), newEvents(), newTop())
	for _, name := range subgraphs.Names() {
		root.AddCommand(newService(name))
	}
	root.AddCommand(newPayment())
	root.AddCommand(p.commands...)
	root.SetFlagErrorFunc(flagError)
	root.InitDefaultCompletionCmd()
	complete(root)
	if err := completeValues(root); err != nil {
		panic(err) // a name in flagValues is wrong
	}
	return root
}
