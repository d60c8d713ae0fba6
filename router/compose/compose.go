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
	"souk/router/compose/internal/prove"
	"souk/router/compose/internal/report"
	"souk/router/compose/internal/satisfy"
	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
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
	return (&composition{}).compose(ctx, subgraphs)
}

// A composition is a run of Compose. A Composer keeps parts of it.
type composition struct {
	// recall returns a subgraph that has been read, or nil. It may be nil.
	recall func(Subgraph) *reading
	// before is what is known of another composition, if remember is set.
	before   outcome
	remember bool

	read    []*reading // the subgraphs, once all are read
	outcome outcome    // if the composition succeeds
}

func (c *composition) compose(ctx context.Context, subgraphs []Subgraph) (*Result, error) {
	sorted := slices.Clone(subgraphs)
	slices.SortStableFunc(sorted, func(a, b Subgraph) int { return strings.Compare(a.Name, b.Name) })
	if err := checkNames(sorted); err != nil {
		return nil, err
	}
	l := locator(sorted)
	var err error
	if c.read, err = readAll(ctx, sorted, c.recall); err != nil {
		return nil, err
	}
	read, problems := upgraded(c.read)
	if len(problems) > 0 {
		return nil, l.errors(problems)
	}
	merged, problems := merge.Merge(read, c.before.merge)
	if len(problems) > 0 {
		return nil, l.errors(problems)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("compose: %w", context.Cause(ctx))
	}
	super, hints := merged.Super, merged.Hints
	var print func(*schema.Type) string
	if c.remember { // otherwise the supergraph is garbage once it has been checked
		c.outcome.merge, c.outcome.texts = merged.Memory, c.before.texts.print(super)
		print = c.outcome.texts.text
	}
	result := &Result{SDL: super.PrintWith(print) + "\n"}
	unresolved, noted, err := c.checkSatisfiable(super)
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
	read, err := readAll(ctx, one, nil)
	if err != nil {
		return err
	}
	if _, problems := upgraded(read); len(problems) > 0 {
		return locator(one).errors(problems)
	}
	return nil
}

// A reading is a subgraph that has been read.
type reading struct {
	name, url, sdl string

	subgraph *subgraph.Subgraph
	problems []*report.Error
}

// readAll reads the subgraphs, on all processors.
func readAll(ctx context.Context, subgraphs []Subgraph, recall func(Subgraph) *reading) ([]*reading, error) {
	all := make([]*reading, len(subgraphs))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range subgraphs {
		if recall != nil {
			if all[i] = recall(s); all[i] != nil {
				continue
			}
		}
		group.Go(func() error {
			if ctx.Err() != nil {
				return fmt.Errorf("compose: %w", context.Cause(ctx))
			}
			r := &reading{name: s.Name, url: s.URL, sdl: s.SDL}
			r.subgraph, r.problems = subgraph.Read(s.Name, s.URL, s.SDL)
			all[i] = r
			return nil
		})
	}
	return all, group.Wait()
}

// upgraded returns the subgraphs as subgraphs of Federation 2, or the problems that they
// have.
func upgraded(read []*reading) ([]*subgraph.Subgraph, []*report.Error) {
	all := make([]*subgraph.Subgraph, len(read))
	var problems []*report.Error
	for i, r := range read {
		all[i] = r.subgraph
		problems = append(problems, r.problems...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return subgraph.Upgrade(all)
}

// checkSatisfiable checks that all fields can be resolved. Connectors do not change
// that, so they are left out: this router does not know their specification.
func (c *composition) checkSatisfiable(super *schema.Schema) (unresolved, hints []satisfy.Problem, err error) {
	connect := slices.IndexFunc(super.Applied, func(d *schema.Directive) bool {
		return d.Name == "link" && strings.HasPrefix(d.Text("url"), subgraph.ConnectIdentity+"/")
	})
	if connect >= 0 {
		super.Remove(super.Applied[connect])
	}
	if c.remember {
		of := &prove.Supergraph{Schema: super, Texts: c.outcome.texts.byName}
		unresolved, hints, c.outcome.prove, err = prove.Check(of, c.before.prove)
	} else {
		unresolved, hints, err = prove.CheckOnce(super)
	}
	if err != nil {
		return nil, nil, Errors{newError("INVALID_FEDERATION_SUPERGRAPH", fmt.Sprintf("the router cannot read the supergraph: %v", err))}
	}
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

// definitions returns where subgraphs define a field. A field of interface objects is in no
// implementation, but in the interface.
func definitions(coordinate string, subgraphs []*subgraph.Subgraph) []report.Location {
	typ, field, _ := strings.Cut(coordinate, ".")
	if all := fieldsIn([]string{typ}, field, subgraphs); len(all) > 0 {
		return all
	}
	var interfaces []string
	for _, s := range subgraphs {
		if t := s.Schema.Own(typ); t != nil {
			for _, i := range t.Interfaces {
				interfaces = append(interfaces, i.Name)
			}
		}
	}
	return fieldsIn(interfaces, field, subgraphs)
}

// fieldsIn returns where subgraphs define a field of one of several types.
func fieldsIn(types []string, field string, subgraphs []*subgraph.Subgraph) []report.Location {
	var all []report.Location
	for _, s := range subgraphs {
		for _, name := range types {
			t := s.Schema.Own(name)
			if t == nil {
				continue
			}
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
			return Errors{newError(code, "a subgraph has no name")}
		case s.Name == "_":
			return Errors{newError(code, `a subgraph is named "_"; choose another name`, Location{Subgraph: s.Name})}
		case i > 0 && s.Name == sorted[i-1].Name:
			return Errors{newError(code, fmt.Sprintf("the subgraph name %q is used twice; every subgraph needs a unique name", s.Name), Location{Subgraph: s.Name})}
		}
	}
	return nil
}
