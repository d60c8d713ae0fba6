package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/net/http/httpguts"

	"souk/internal/blocking"
	"souk/router/compose"
	"souk/router/schemadiff"
)

func newSchema() *cobra.Command {
	cmd := &cobra.Command{Use: "schema", Short: "Compare schemas, and check that a change does not break clients"}
	cmd.AddCommand(newSchemaDiff(), newSchemaCheck())
	return cmd
}

const schemaSources = "A schema is a file with a supergraph SDL, a subgraph SDL or a plain schema, a configuration\n" +
	"of a composition (.yaml), or the URL of a running graph, which is introspected. What clients\n" +
	"see of it is compared."

// schemaFlags are the flags of the commands that compare schemas.
type schemaFlags struct {
	json            bool
	format          string
	failOn, against string
	usage, headers  []string
}

func (f *schemaFlags) add(cmd *cobra.Command, failOn string) {
	cmd.Flags().StringVar(&f.format, "format", "text", "the format: text, json or github")
	cmd.Flags().BoolVar(&f.json, "json", false, "the same as --format json")
	exclusive(cmd, "format", "json")
	cmd.Flags().StringVar(&f.failOn, "fail-on", failOn, "fail if there are changes of a level or above: breaking, dangerous or none")
	cmd.Flags().StringArrayVar(&f.headers, "header", nil, "a header of requests to a running graph, as \"Name: value\"; can be repeated")
}

func newSchemaDiff() *cobra.Command {
	var f schemaFlags
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Print the differences between two schemas",
		Long:  "Print the differences between two schemas: each is breaking, dangerous or safe for clients.\n\n" + schemaSources,
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.compare(cmd, args[0], args[1])
		},
	}
	f.add(cmd, "none")
	return checking(cmd)
}

func newSchemaCheck() *cobra.Command {
	var f schemaFlags
	cmd := &cobra.Command{
		Use:   "check --against OLD [NEW]",
		Short: "Check that a schema does not break the clients of another one",
		Long: "Check that a schema, by default supergraph.yaml, does not break the clients of the one that\n" +
			"is in use. With --usage, only changes of elements that clients use break.\n\n" + schemaSources,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.against == "" {
				return errors.New("name the schema that is in use with --against FILE or --against URL")
			}
			next := "supergraph.yaml"
			if len(args) > 0 {
				next = args[0]
			}
			return f.compare(cmd, f.against, next)
		},
	}
	f.add(cmd, "breaking")
	cmd.Flags().StringVar(&f.against, "against", "", "the schema that is in use: a file, or the URL of the running graph")
	cmd.Flags().StringArrayVar(&f.usage, "usage", nil, "a JSON file with the fields that clients use, such as the console's response to /console/api/graph/usage; can be repeated")
	return checking(cmd)
}

// compare compares two schemas and fails if there are changes that the flags do not allow.
func (f *schemaFlags) compare(cmd *cobra.Command, old, next string) error {
	fails, err := failingLevel(f.failOn)
	if err != nil {
		return fmt.Errorf("--fail-on: %w", err)
	}
	format, err := compose.ParseFormat(f.format)
	if err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	if f.json {
		format = compose.FormatJSON
	}
	headers, err := parseHeaders(f.headers)
	if err != nil {
		return err
	}
	var read [2]*ast.Schema
	for i, path := range []string{old, next} {
		source := compose.APISource{Path: path, Lookup: os.LookupEnv, Client: http.DefaultClient, Headers: headers}
		if read[i], err = source.Read(cmd.Context()); err != nil {
			return composeProblems(cmd.ErrOrStderr(), format, err)
		}
	}
	report := changeReport{Changes: schemadiff.Compare(read[0], read[1])}
	if len(f.usage) > 0 {
		usage, err := readUsage(cmd.Context(), f.usage, old, read[0])
		if err != nil {
			return err
		}
		coverage := usage.Coverage(read[0])
		report.Usage, report.Changes = &coverage, usage.Relax(read[0], report.Changes)
	}
	return report.write(cmd.OutOrStdout(), fails, format)
}

// failingLevel returns the function that says which levels fail.
func failingLevel(name string) (func(schemadiff.Level) bool, error) {
	if name == "none" {
		return func(schemadiff.Level) bool { return false }, nil
	}
	least, err := schemadiff.ParseLevel(name)
	if err != nil || least == schemadiff.Safe {
		return nil, fmt.Errorf("%q is not one of breaking, dangerous and none", name)
	}
	return func(l schemadiff.Level) bool { return l >= least }, nil
}

func parseHeaders(given []string) (map[string]string, error) {
	headers := map[string]string{}
	for _, text := range given {
		name, value, ok := strings.Cut(text, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fmt.Errorf("--header is %q; it must be a name and a value, such as \"Authorization: Bearer TOKEN\"", text)
		}
		if value = strings.TrimSpace(value); !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("--header is %q, which cannot be sent; its name or value has an invalid character", text)
		}
		headers[name] = value
	}
	return headers, nil
}

// readUsage reads files with the fields of the old schema that clients use. A file that has
// none of them is refused: it would make changes of what clients use safe.
func readUsage(ctx context.Context, files []string, old string, schema *ast.Schema) (schemadiff.Usage, error) {
	usage := schemadiff.Usage{}
	for _, file := range files {
		text, err := blocking.Call(ctx, func() ([]byte, error) { return os.ReadFile(file) })
		if err != nil {
			return nil, fmt.Errorf("reading the usage: %w", err)
		}
		own := schemadiff.Usage{}
		if err := own.Parse(text); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		switch c := own.Coverage(schema); {
		case len(own) == 0:
			return nil, fmt.Errorf("%s names no field that clients use; save it from a router that has had requests, or leave out --usage", file)
		case c.Fields == 0:
			return nil, fmt.Errorf("%s is of another graph: none of its %s, such as %s, is in %s; save it from a router that serves that schema, or leave out --usage", file, count(len(own), "field", "fields"), c.Unknown[0], old)
		}
		if err := usage.Parse(text); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return usage, nil
}

// A changeReport is the result of a comparison.
type changeReport struct {
	Changes []schemadiff.Change      `json:"changes"`
	Counts  map[schemadiff.Level]int `json:"counts"`
	Failed  bool                     `json:"failed"`
	Usage   *schemadiff.Coverage     `json:"usage,omitempty"` // with --usage
}

// usageLine says how much a comparison knows of what clients use.
func usageLine(c schemadiff.Coverage) string {
	line := "used: " + count(c.Fields, "field", "fields") + " of the old schema"
	if c.Requests > 0 {
		line += fmt.Sprintf(", %d requests of root fields", c.Requests)
	}
	if n := len(c.Unknown); n > 0 {
		line += fmt.Sprintf("; %s not in it, such as %s", count(n, "field is", "fields are"), c.Unknown[0])
	}
	return line + "\n"
}

// write writes the changes and fails if there are any of a level that fails.
func (r changeReport) write(w io.Writer, fails func(schemadiff.Level) bool, format compose.Format) error {
	changes := r.Changes
	counts := map[schemadiff.Level]int{schemadiff.Breaking: 0, schemadiff.Dangerous: 0, schemadiff.Safe: 0}
	failing := 0
	var text strings.Builder
	for _, c := range changes {
		counts[c.Level]++
		if fails(c.Level) {
			failing++
		}
		text.WriteString(c.String() + "\n")
	}
	var err error
	switch format {
	case compose.FormatGitHub:
		err = annotate(w, changes, fails)
	case compose.FormatJSON:
		if changes == nil {
			r.Changes = []schemadiff.Change{}
		}
		r.Counts, r.Failed = counts, failing > 0
		err = writeJSON(w, r)
	default:
		if r.Usage != nil {
			text.WriteString(usageLine(*r.Usage))
		}
		fmt.Fprintf(&text, "%d breaking, %d dangerous and %d safe changes\n", counts[schemadiff.Breaking], counts[schemadiff.Dangerous], counts[schemadiff.Safe])
		_, err = io.WriteString(w, text.String())
	}
	if err != nil {
		return fmt.Errorf("writing the changes: %w", err)
	}
	if failing > 0 {
		return failed(fmt.Sprintf("the schema check failed: %s not allowed", count(failing, "change is", "changes are")))
	}
	return nil
}

// annotate writes changes as annotations of GitHub Actions: errors for those that fail.
func annotate(w io.Writer, changes []schemadiff.Change, fails func(schemadiff.Level) bool) error {
	var problems compose.Errors
	var others []compose.Hint
	for _, c := range changes {
		switch {
		case fails(c.Level):
			problems = append(problems, &compose.Error{Code: c.Level.String() + " change", Message: c.String()})
		case c.Level > schemadiff.Safe:
			others = append(others, compose.Hint{Level: compose.LevelWarn, Code: c.Level.String() + " change", Message: c.String()})
		default:
			others = append(others, compose.Hint{Level: compose.LevelInfo, Code: "change", Message: c.String()})
		}
	}
	return compose.FormatGitHub.Write(w, problems, others)
}

func count(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}
