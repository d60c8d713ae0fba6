package compose

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"souk/router/compose/internal/merge"
	"souk/router/compose/internal/report"
	"souk/router/compose/internal/satisfy"
	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
	"souk/router/supergraph"
)

// Subgraph is a subgraph to compose.
type Subgraph struct {
	Name string // name in plans, errors and metrics
	URL  string // URL to which the router sends requests
	SDL  string // schema with Federation directives

	// Files are the files that SDL consists of, in order. They name the places of
	// errors and may be left out.
	Files []File
}

// File is a file of the SDL of a subgraph.
type File struct {
	Path  string
	Lines int // that it has in the SDL
}

// Result is the result of a composition that succeeds.
type Result struct {
	SDL   string // of the supergraph
	Hints []Hint
}

// Compose composes subgraphs into a supergraph. The result does not depend on the
// order of the subgraphs. If they do not compose, the error is an Errors. Compose
// stops with the cause of ctx when ctx is done.
func Compose(ctx context.Context, subgraphs []Subgraph) (*Result, error) {
	sorted := slices.Clone(subgraphs)
	slices.SortStableFunc(sorted, func(a, b Subgraph) int { return strings.Compare(a.Name, b.Name) })
	if err := checkNames(sorted); err != nil {
		return nil, err
	}
	l := locator(sorted)
	read, problems, err := readAll(ctx, sorted)
	if err != nil {
		return nil, err
	}
	if len(problems) == 0 {
		read, problems = subgraph.Upgrade(read)
	}
	if len(problems) > 0 {
		return nil, l.errors(problems)
	}
	super, hints, problems := merge.Merge(read)
	if len(problems) > 0 {
		return nil, l.errors(problems)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("compose: %w", context.Cause(ctx))
	}
	result := &Result{SDL: super.Print() + "\n"}
	unresolved, noted, err := checkSatisfiable(super)
	if err != nil {
		return nil, err
	}
	if len(unresolved) > 0 {
		return nil, l.errors(unsatisfiable(unresolved, read))
	}
	for _, p := range noted {
		hints = append(hints, &report.Hint{Code: p.Code, Message: p.Message, Coordinate: p.Field, Locations: definitions(p.Field, read)})
	}
	result.Hints = l.hints(hints)
	return result, nil
}

// Validate checks a subgraph by itself: it finds what no other subgraph can mend. The error
// is an Errors.
func Validate(ctx context.Context, s Subgraph) error {
	one := []Subgraph{s}
	if err := checkNames(one); err != nil {
		return err
	}
	read, problems, err := readAll(ctx, one)
	if err != nil {
		return err
	}
	if len(problems) == 0 {
		_, problems = subgraph.Upgrade(read)
	}
	if len(problems) > 0 {
		return locator(one).errors(problems)
	}
	return nil
}

// readAll reads the subgraphs, on all processors.
func readAll(ctx context.Context, subgraphs []Subgraph) ([]*subgraph.Subgraph, []*report.Error, error) {
	all, failed := make([]*subgraph.Subgraph, len(subgraphs)), make([][]*report.Error, len(subgraphs))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range subgraphs {
		group.Go(func() error {
			if ctx.Err() != nil {
				return fmt.Errorf("compose: %w", context.Cause(ctx))
			}
			all[i], failed[i] = subgraph.Read(s.Name, s.URL, s.SDL)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	return all, slices.Concat(failed...), nil
}

// checkSatisfiable checks that all fields can be resolved. Connectors do not change
// that, so they are left out: this router does not know their specification.
func checkSatisfiable(super *schema.Schema) (unresolved, hints []satisfy.Problem, err error) {
	connect := slices.IndexFunc(super.Applied, func(d *schema.Directive) bool {
		return d.Name == "link" && strings.HasPrefix(d.Text("url"), subgraph.ConnectIdentity+"/")
	})
	if connect >= 0 {
		super.Remove(super.Applied[connect])
	}
	model, err := supergraph.Read(super.Document())
	if err != nil {
		return nil, nil, Errors{{Code: "INVALID_FEDERATION_SUPERGRAPH", Message: fmt.Sprintf("the router cannot read the supergraph: %v", err)}}
	}
	unresolved, hints = satisfy.Check(model)
	return unresolved, hints, nil
}

// unsatisfiable converts the problems of fields that cannot be resolved.
func unsatisfiable(problems []satisfy.Problem, subgraphs []*subgraph.Subgraph) []*report.Error {
	all := make([]*report.Error, len(problems))
	for i, p := range problems {
		all[i] = &report.Error{Code: p.Code, Message: p.Message, Locations: definitions(p.Field, subgraphs)}
	}
	return all
}

// definitions returns where subgraphs define a field.
func definitions(coordinate string, subgraphs []*subgraph.Subgraph) []report.Location {
	var all []report.Location
	typ, field, _ := strings.Cut(coordinate, ".")
	for _, s := range subgraphs {
		if t := s.Schema.Own(typ); t != nil {
			if f := t.Field(field); f != nil {
				all = append(all, report.Location{Subgraph: s.Name, Line: f.Position.Line, Column: f.Position.Column})
			}
		}
	}
	return all
}

// checkNames checks that the names are unique and not empty.
func checkNames(sorted []Subgraph) error {
	const code = "INVALID_SUBGRAPH_NAME"
	if len(sorted) == 0 {
		return errors.New("compose: no subgraphs given")
	}
	for i, s := range sorted {
		switch {
		case s.Name == "":
			return Errors{{Code: code, Message: "a subgraph has no name"}}
		case s.Name == "_":
			return Errors{{Code: code, Message: `a subgraph is named "_"; choose another name`, Locations: []Location{{Subgraph: s.Name}}}}
		case i > 0 && s.Name == sorted[i-1].Name:
			return Errors{{
				Code:      code,
				Message:   fmt.Sprintf("the subgraph name %q is used twice; every subgraph needs a unique name", s.Name),
				Locations: []Location{{Subgraph: s.Name}},
			}}
		}
	}
	return nil
}
