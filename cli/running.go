package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"souk/router/compose"
)

// composeRunning composes running subgraphs, which are given as name=url.
func composeRunning(ctx context.Context, subgraphs []string) (string, error) {
	urls := map[string]string{}
	for _, given := range subgraphs {
		name, url, ok := strings.Cut(given, "=")
		if !ok || name == "" || url == "" {
			return "", fmt.Errorf("--subgraph is %q; it must be name=url, such as products=http://localhost:4001/graphql", given)
		}
		if urls[name] != "" {
			return "", fmt.Errorf("--subgraph names %q twice; every subgraph needs a unique name", name)
		}
		urls[name] = url
	}
	config, err := compose.NewConfig(urls)
	if err != nil {
		return "", fmt.Errorf("--subgraph: %w", err)
	}
	loaded, err := config.Load(ctx, http.DefaultClient)
	if err != nil {
		return "", err
	}
	result, err := compose.Compose(ctx, loaded)
	if err != nil {
		return "", composeProblems(err)
	}
	return result.SDL, nil
}

// composeProblems returns an error with all that is known of why subgraphs do not compose.
func composeProblems(err error) error {
	problems := compose.Errors(nil)
	if !errors.As(err, &problems) {
		return err
	}
	var text strings.Builder
	compose.WriteText(&text, problems, nil)
	return errors.New(strings.TrimSpace(text.String()))
}
