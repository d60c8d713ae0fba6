package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"souk/router/compose"
)

// runningSubgraphs parses the flag --subgraph, which has the form name=url.
func runningSubgraphs(subgraphs []string) (*compose.Config, error) {
	urls := map[string]string{}
	for _, given := range subgraphs {
		name, url, ok := strings.Cut(given, "=")
		if !ok || name == "" || url == "" {
			return nil, fmt.Errorf("--subgraph is %q; it must be name=url, such as products=http://localhost:4001/graphql", given)
		}
		if urls[name] != "" {
			return nil, fmt.Errorf("--subgraph names %q twice; every subgraph needs a unique name", name)
		}
		urls[name] = url
	}
	config, err := compose.NewConfig(urls)
	if err != nil {
		return nil, fmt.Errorf("--subgraph: %w", err)
	}
	return config, nil
}

// composeRunning composes running subgraphs. It writes why they do not compose.
func composeRunning(ctx context.Context, config *compose.Config, stderr io.Writer) (string, error) {
	loaded, err := config.Load(ctx, http.DefaultClient)
	if err != nil {
		return "", err
	}
	result, err := compose.Compose(ctx, loaded)
	if err != nil {
		return "", composeProblems(stderr, compose.FormatText, err)
	}
	return result.SDL, nil
}

// composeProblems writes why subgraphs do not compose, and returns the error to end with. JSON is
// the format of results, and there is none: the problems are text then.
func composeProblems(stderr io.Writer, format compose.Format, err error) error {
	problems := compose.Errors(nil)
	if !errors.As(err, &problems) {
		return err
	}
	if format == compose.FormatJSON {
		format = compose.FormatText
	}
	if err := format.Write(stderr, problems, nil); err != nil {
		return fmt.Errorf("writing the errors: %w", err)
	}
	return fmt.Errorf("the subgraphs do not compose: %s", count(len(problems), "error", "errors"))
}
