package cli

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"souk/internal/blocking"
	"souk/router/probe"
)

func newSubgraph() *cobra.Command {
	cmd := &cobra.Command{Use: "subgraph", Short: "Test a running subgraph"}
	cmd.AddCommand(newSubgraphTest())
	return cmd
}

// The bounds of --timeout and --batch.
const (
	maxProbeTimeout = 5 * time.Minute
	maxProbeBatch   = 10_000
)

func newSubgraphTest() *cobra.Command {
	o := probe.Options{}
	var headers, representations []string
	var strict, asJSON bool
	cmd := &cobra.Command{
		Use:   "test URL",
		Short: "Check that a running subgraph does what a router needs",
		Long: "Check that a running subgraph does what a router needs of it. The command sends queries, no\n" +
			"mutations. It finds entities by the root fields that need no argument; name those that it\n" +
			"does not find with --representation. A check passes, fails, warns (a recommendation is not\n" +
			"met, or a fault is likely) or is skipped. The checks are:\n\n" + probeList(),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o.URL = args[0]
			if err := checkProbe(o); err != nil {
				return err
			}
			if o.Headers, err = parseHeaders(headers); err != nil {
				return err
			}
			if o.Representations, err = blocking.Call(cmd.Context(), func() ([]probe.Representation, error) {
				return parseRepresentations(representations)
			}); err != nil {
				return fmt.Errorf("--representation: %w", err)
			}
			report, err := probe.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), report)
			} else {
				err = report.Write(cmd.OutOrStdout())
			}
			if err != nil {
				return fmt.Errorf("writing the report: %w", err)
			}
			if report.Failed(strict) {
				return failed(fmt.Sprintf("the subgraph is not what routers need: %s failed, %s warned",
					count(report.Counts[probe.Fail], "check", "checks"), count(report.Counts[probe.Warn], "check", "checks")))
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&headers, "header", nil, "a header of the requests, as \"Name: value\"; can be repeated")
	flags.StringArrayVar(&representations, "representation", nil, "an entity that exists, such as 'Product{\"id\":\"1\"}', or @FILE with a JSON list of representations with __typename; can be repeated")
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Second, "the longest time for one request, up to 5m; all checks together take 10m at most")
	flags.IntVar(&o.Batch, "batch", 100, "the number of representations in a large request")
	flags.BoolVar(&strict, "strict", false, "fail if a check warns, too")
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	return checking(cmd)
}

func checkProbe(o probe.Options) error {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q is not the URL of a subgraph, such as http://localhost:4001/graphql", o.URL)
	case o.Timeout <= 0 || o.Timeout > maxProbeTimeout:
		return fmt.Errorf("--timeout is %v; it must be more than 0 and at most %v", o.Timeout, maxProbeTimeout)
	case o.Batch < 1 || o.Batch > maxProbeBatch:
		return fmt.Errorf("--batch is %d; it must be from 1 to %d", o.Batch, maxProbeBatch)
	}
	return nil
}

// parseRepresentations reads representations and files with them.
func parseRepresentations(given []string) ([]probe.Representation, error) {
	var all []probe.Representation
	for _, text := range given {
		file, isFile := strings.CutPrefix(text, "@")
		if !isFile {
			one, err := probe.ParseRepresentation(text)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		list, err := probe.ReadRepresentations(content)
		if err == nil && len(list) == 0 {
			err = errors.New("the list is empty")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, list...)
	}
	return all, nil
}

func probeList() string {
	var text strings.Builder
	for _, c := range probe.Checks {
		fmt.Fprintf(&text, "  %-18s %s\n", c.Name, c.About)
	}
	return strings.TrimSuffix(text.String(), "\n")
}
