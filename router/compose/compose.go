package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Subgraph is one of the parts of a supergraph.
type Subgraph struct {
	Name string // what plans, errors and metrics call it
	URL  string // where the router sends its requests
	SDL  string // its schema, with Federation directives
}

// Compose gives the supergraph SDL of the subgraphs. The same subgraphs give
// the same bytes, in whatever order they come. Subgraphs that do not fit
// together give Errors.
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
				Message:  fmt.Sprintf("two subgraphs are called %q; every subgraph needs a name of its own", s.Name),
				Subgraph: s.Name,
			}}
		}
	}
	return nil
}
