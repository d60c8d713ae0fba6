package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"charm.land/huh/v2"
	"github.com/spf13/cobra"

	"souk/dev/newgraph"
)

const initHelp = `Write the first files of a graph: supergraph.yaml, router.yaml, docker-compose.yaml
and values.yaml, which is for the Helm chart charts/souk-router.

Without --subgraph, the command asks on the terminal. Existing files are overwritten
only with --force.`

func newInit() *cobra.Command {
	var subgraphs []string
	var force, asJSON bool
	port := 0
	cmd := &cobra.Command{
		Use:   "init [DIRECTORY]",
		Short: "Write the first files of a graph of your own",
		Long:  initHelp,
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			if err := newgraph.CheckPort(strconv.Itoa(port)); err != nil {
				return fmt.Errorf("--port: %w", err)
			}
			graph := newgraph.Graph{Port: port}
			for _, text := range subgraphs {
				s, err := newgraph.ParseSubgraph(text)
				if err != nil {
					return fmt.Errorf("--subgraph: %w", err)
				}
				graph.Subgraphs = append(graph.Subgraphs, s)
			}
			if len(subgraphs) == 0 {
				var err error
				if graph, err = askGraph(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), port); err != nil {
					return err
				}
			}
			paths, err := graph.Write(dir, force)
			if err != nil {
				return err
			}
			for _, s := range graph.Subgraphs {
				if _, err := os.Stat(s.File); s.File != "" && errors.Is(err, fs.ErrNotExist) {
					fmt.Fprintf(cmd.ErrOrStderr(), "the schema of the subgraph %s, %s, does not exist; write it before you start the graph\n", s.Name, s.File)
				}
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string][]string{"files": paths})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Wrote %s. Start the subgraphs, and then\n\n  %ssouk dev --config supergraph.yaml --router-config router.yaml\n", strings.Join(paths, ", "), enter(dir))
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&subgraphs, "subgraph", nil, "a subgraph as name=URL, or name=FILE,URL if its schema is in a file; can be repeated")
	flags.IntVar(&port, "port", 4000, "the port of the router")
	flags.BoolVar(&force, "force", false, "overwrite existing files")
	jsonFlag(cmd, &asJSON, "the names of the files")
	return checking(cmd)
}

// enter returns the command that enters a directory.
func enter(dir string) string {
	if filepath.Clean(dir) == "." {
		return ""
	}
	if strings.HasPrefix(dir, "-") { // which cd would read as a flag, or as the last directory
		dir = "./" + dir
	}
	return "cd " + shellWord(dir) + " && "
}

// askGraph asks for the subgraphs on the terminal.
func askGraph(ctx context.Context, in io.Reader, out io.Writer, port int) (newgraph.Graph, error) {
	screen := terminal(out)
	if screen == nil || terminal(in) == nil {
		return newgraph.Graph{}, errors.New("there is no terminal to ask on; name the subgraphs with --subgraph name=URL")
	}
	graph := newgraph.Graph{Port: port}
	for more := true; more; {
		var s newgraph.Subgraph
		more = false
		form := huh.NewForm(
			huh.NewGroup(huh.NewInput().Title("Name of the subgraph").Placeholder("products").Value(&s.Name).Validate(newgraph.CheckName)),
			huh.NewGroup(huh.NewInput().Title("Its URL").Placeholder("http://localhost:4001/graphql").Value(&s.URL).Validate(newgraph.CheckURL)),
			huh.NewGroup(huh.NewInput().Title("File with its schema").Description("Empty: ask the running subgraph.").Value(&s.File).Validate(newgraph.CheckFile)),
			huh.NewGroup(huh.NewConfirm().Title("Add another subgraph?").Value(&more)),
		).WithInput(in).WithOutput(screen)
		err := form.RunWithContext(ctx)
		if errors.Is(err, huh.ErrUserAborted) {
			return newgraph.Graph{}, errors.New("stopped; nothing was written")
		}
		if err != nil {
			return newgraph.Graph{}, fmt.Errorf("asking for the subgraphs: %w", err)
		}
		graph.Subgraphs = append(graph.Subgraphs, s)
	}
	return graph, nil
}
