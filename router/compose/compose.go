package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Subgraph is a subgraph to compose.
type Subgraph struct {
	Name string // name in plans, errors and metrics
	URL  string // URL to which the router sends requests
	SDL  string // schema with Federation directives
}

// Compose returns the SDL of the supergraph. The result does not depend on the
// order of the subgraphs. If the subgraphs do not compose, the error is an
// Errors. Compose stops with the cause of ctx when ctx is done.
func Compose(ctx context.Context, subgraphs []Subgraph) (string, error) {
	sorted := slices.Clone(subgraphs)
	slices.SortStableFunc(sorted, func(a, b Subgraph) int { return strings.Compare(a.Name, b.Name) })
	if err := checkNames(sorted); err != nil {
		return "", err
	}
	sdl, err := run(ctx, sorted)
	if err != nil {
		return "", err
	}
	if problems := check(sorted); len(problems) > 0 {
		return "", problems
	}
	return sdl, nil
}

// checkNames checks that the names are unique and not empty.
func checkNames(sorted []Subgraph) error {
	if len(sorted) == 0 {
		return errors.New("compose: no subgraphs given")
	}
	for i, s := range sorted {
		if s.Name == "" {
			return Errors{{Code: CodeInvalidSubgraphName, Message: "a subgraph has no name"}}
		}
		if i > 0 && s.Name == sorted[i-1].Name {
			return Errors{{
				Code:     CodeInvalidSubgraphName,
				Message:  fmt.Sprintf("the subgraph name %q is used twice; every subgraph needs a unique name", s.Name),
				Subgraph: s.Name,
			}}
		}
	}
	return nil
}
