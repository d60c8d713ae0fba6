package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

func newPlan() *cobra.Command {
	var file, name, variables string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "plan OPERATION",
		Short: "Print the query plan of an operation",
		Long:  "Print the query plan of the operation in a file, or on standard input for -.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readAll(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			sdl, err := supergraph.ReadFile(file)
			if err != nil {
				return err
			}
			p, err := makePlan(file, sdl, text, name, variables)
			if err != nil {
				return err
			}
			if asJSON {
				return plan.PrintJSON(cmd.OutOrStdout(), p)
			}
			return plan.Print(cmd.OutOrStdout(), p)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&file, "supergraph", "s", "schema/supergraph.graphql", "the supergraph's SDL")
	flags.StringVar(&name, "operation", "", "the operation's name, when there are several")
	flags.StringVar(&variables, "variables", "{}", "the variables, as JSON; @skip and @include are decided by them")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func readAll(stdin io.Reader, file string) (string, error) {
	if file == "-" {
		text, err := io.ReadAll(stdin)
		if err != nil {
			return "", fmt.Errorf("reading the operation: %w", err)
		}
		return string(text), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading the operation: %w", err)
	}
	return string(text), nil
}

func makePlan(file, sdl, text, name, variables string) (*plan.Plan, error) {
	model, err := supergraph.Parse(sdl)
	if err != nil {
		return nil, fmt.Errorf("%s: reading the supergraph: %w", file, err)
	}
	schema, err := operation.NewSchema(model.APISchema)
	if err != nil {
		return nil, fmt.Errorf("reading the API schema: %w", err)
	}
	document, err := schema.Parse(text, name)
	if err != nil {
		return nil, fmt.Errorf("reading the operation: %w", err)
	}
	values, err := document.Variables([]byte(variables))
	if err != nil {
		return nil, fmt.Errorf("reading the variables: %w", err)
	}
	return planner.New(model, planner.Options{}).Plan(document.Operation(values))
}
