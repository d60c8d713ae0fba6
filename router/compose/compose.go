package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"souk/router/compose/internal/satisfy"
	"souk/router/supergraph"
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
	if err := checkSatisfiable(sdl, sorted); err != nil {
		return "", err
	}
	return sdl, nil
}

// checkSatisfiable checks that the subgraphs resolve every field of the
// supergraph, on every path.
func checkSatisfiable(sdl string, subgraphs []Subgraph) error {
	m, err := supergraph.Parse(sdl)
	if err != nil {
		return Errors{{Code: CodeInvalidGraphQL, Message: fmt.Sprintf("the router cannot read the composed supergraph: %v", err)}}
	}
	unsatisfied, _ := satisfy.Check(m)
	if len(unsatisfied) == 0 {
		return nil
	}
	schemas := readSchemas(subgraphs)
	problems := make(Errors, len(unsatisfied))
	for i, p := range unsatisfied {
		problems[i] = &Error{Code: p.Code, Message: p.Message}
		typ, field, _ := strings.Cut(p.Field, ".")
		problems[i].locate(coordinate{typ, field}, schemas)
	}
	return problems
}

// locate adds the position of a field that only one subgraph defines.
func (e *Error) locate(at coordinate, schemas []*subgraphSchema) {
	found := 0
	for _, s := range schemas {
		if field := s.field(at); field != nil {
			found++
			e.Subgraph, e.Line, e.Column = s.name, field.Position.Line, field.Position.Column
		}
	}
	if found != 1 {
		e.Subgraph, e.Line, e.Column = "", 0, 0
	}
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
