package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"souk/internal/outfile"
	"souk/router/documents"
	"souk/router/documents/extract"
	"souk/router/gateway/config"
)

func newDocuments() *cobra.Command {
	cmd := &cobra.Command{Use: "documents", Short: "Extract trusted documents from clients, and check them"}
	cmd.AddCommand(newDocumentsExtract(), newDocumentsCheck())
	return cmd
}

func newDocumentsExtract() *cobra.Command {
	var o extract.Options
	var format, output string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "extract PATH",
		Short: "Write the list of the documents in the sources of a client",
		Long: "Write the list of the documents in a file or a directory with the sources of a client: in\n" +
			".graphql and .gql files, and in texts such as gql`…`, graphql(\"…\") and\n" +
			"/* GraphQL */ `…` of JavaScript and TypeScript, also in components of Vue and Svelte. What\n" +
			"looks like a document but cannot be read is a warning. Each operation needs a name, and has\n" +
			"the fragments that it uses, from all files. Its ID is the SHA-256 of its text as graphql-js\n" +
			"prints it. Apollo Client adds __typename: use --typename for it.\n\n" +
			"The list is for persisted_documents in the configuration of the router. The formats are\n" +
			"apollo, a persisted query manifest, and relay, an object of documents by their IDs.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(cmd, output); err != nil {
				return err
			}
			if err := oneOf("format", format, documents.Formats...); err != nil {
				return err
			}
			if o.Client != "" && format != "apollo" {
				return usageError(cmd, "--client needs --format apollo: a list in the format %s names no clients", format)
			}
			o.Warn = func(warning string) { _, _ = fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+warning) }
			files, err := documents.ReadFiles(args[0], extract.Extensions...)
			if err != nil {
				return fmt.Errorf("reading the sources: %w", err)
			}
			list, err := extract.Documents(files, o)
			if err != nil {
				return failedCheck{err}
			}
			if len(list) == 0 {
				return failed(fmt.Sprintf("%s has no operations; name a file or a directory with .graphql files or with gql`…` in scripts", args[0]))
			}
			text, err := documents.Format(list, format)
			if err != nil {
				return err
			}
			if output == "-" || asJSON {
				_, err = cmd.OutOrStdout().Write(text)
				return err
			}
			if err := outfile.Write(output, text); err != nil {
				return fmt.Errorf("writing the documents: %w", err)
			}
			_, err = fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", output, count(len(list), "document", "documents"))
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&format, "format", "apollo", "the format: apollo or relay")
	flags.StringVarP(&output, "output", "o", "-", "the file to write; - for standard output")
	flags.BoolVar(&o.Typename, "typename", false, "add __typename to selection sets, as Apollo Client does")
	flags.StringVar(&o.Client, "client", "", "the name of the only client that may use the documents, in the format apollo")
	flags.BoolVar(&asJSON, "json", false, "print the list, which is JSON, to standard output")
	return checking(interruptible(cmd))
}

func newDocumentsCheck() *cobra.Command {
	var c documentsCheck
	var configuration string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check PATH",
		Short: "Check that a supergraph can execute trusted documents",
		Long: "Check the documents of a list, such as `souk documents extract` writes, or of a directory with\n" +
			"lists and .graphql files: each must be valid for the supergraph and within the limits of the\n" +
			"configuration, also on its cost if demand_control is enabled and it needs no variables.\n" +
			"Problems have the file, and the line and column in it or, for a list, in the document.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.settings = config.Default()
			if configuration != "" {
				var err error
				if c.settings, _, err = (routerFlags{config: configuration}).settings(cmd.Context()); err != nil {
					return err
				}
			}
			report, err := c.run(args[0])
			if err != nil {
				return err
			}
			return report.write(cmd.OutOrStdout(), asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&c.graph, "supergraph", "s", "supergraph.graphql", "the file that contains the supergraph SDL")
	flags.StringVarP(&configuration, "config", "c", "", "the configuration file of the router, for its limits")
	flags.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return checking(interruptible(cmd))
}

// A documentProblem is a reason why the router would not execute a document.
type documentProblem struct {
	File    string `json:"file"`
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
	Line    int    `json:"line,omitempty"` // in the document
	Column  int    `json:"column,omitempty"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
	whole   bool   // the file is the document
}

func (p documentProblem) String() string {
	at := p.File
	if !p.whole {
		at += ": " + p.ID
		if p.Name != "" {
			at += " (" + p.Name + ")"
		}
	}
	if p.Line > 0 {
		at += fmt.Sprintf(":%d:%d", p.Line, p.Column)
	}
	return at + ": " + p.Message
}

// A documentReport is the result of a check.
type documentReport struct {
	Documents int               `json:"documents"`
	Valid     bool              `json:"valid"`
	Problems  []documentProblem `json:"problems"`
}

func (r documentReport) write(w io.Writer, asJSON bool) error {
	var err error
	if asJSON {
		err = writeJSON(w, r)
	} else {
		var text strings.Builder
		for _, p := range r.Problems {
			fmt.Fprintln(&text, p)
		}
		if r.Valid {
			fmt.Fprintf(&text, "%s valid\n", count(r.Documents, "document is", "documents are"))
		}
		_, err = io.WriteString(w, text.String())
	}
	if err != nil {
		return fmt.Errorf("writing the problems: %w", err)
	}
	if !r.Valid {
		return failed(fmt.Sprintf("the router would refuse documents: %s in %s", count(len(r.Problems), "problem", "problems"), count(r.Documents, "document", "documents")))
	}
	return nil
}

// readDocuments reads a list, or a directory with lists and documents.
func readDocuments(path string) ([]documents.Document, error) {
	files, err := documents.ReadFiles(path, documents.ManifestExtensions...)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading the documents: %w; write a list with `souk documents extract`", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the documents: %w", err)
	}
	list, err := documents.Parse(files)
	if err != nil {
		return nil, fmt.Errorf("reading the documents: %w", err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s has no documents", path)
	}
	if _, err := documents.NewSet(list, 0); err != nil {
		return nil, err
	}
	return list, nil
}
