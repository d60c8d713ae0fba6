package planner

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"souk/router/operation"
)

// An UnreachableError reports a field that no subgraph can resolve for the
// objects at a response position.
type UnreachableError struct {
	Type, Field string
	// Path is the response path of the object.
	Path string
	// Tried are the subgraphs that can be given the object. Have are those
	// that resolve the field, with what the field requires.
	Tried, Have []string
}

func (e *UnreachableError) Error() string {
	where := ""
	if e.Path != "" {
		where = " at " + e.Path
	}
	have := "no subgraph resolves it"
	if len(e.Have) > 0 {
		have = "it is resolved by " + strings.Join(e.Have, ", ") + ", which cannot be reached from there"
	}
	tried := "no subgraph"
	if len(e.Tried) > 0 {
		tried = strings.Join(e.Tried, ", ")
	}
	return fmt.Sprintf("%s.%s%s cannot be planned: the object is known to %s; %s", e.Type, e.Field, where, tried, have)
}

// A LimitError reports an operation that takes more planning than Options
// allow.
type LimitError struct {
	// Limit is the name of the option: MaxEdges.
	Limit string
	Value int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the operation is too complex to plan: it exceeds the planner's limit %s of %d", e.Limit, e.Value)
}

// unreachable is the error of a walk that finds no path. Most are expected: the
// walker then tries other paths. So it is only explained when it is returned.
type unreachable struct {
	b *branch
	f *operation.Field // nil if it is not a field that is unreachable
}

func (e *unreachable) Error() string { return "unreachable" }

var errTooLarge = errors.New("planning takes too many steps")

// explain turns the error of a walk into the one that Plan returns.
func (p *Planner) explain(w *walker, err error) error {
	if w.budget < 0 {
		return &LimitError{Limit: "MaxEdges", Value: p.options.MaxEdges}
	}
	var u *unreachable
	if !errors.As(err, &u) {
		return err
	}
	if u.f == nil {
		return &unreachable{} // the branch is in the memory of this planning
	}
	out := &UnreachableError{Type: u.b.typ.Name, Field: u.f.Name, Path: u.b.position.responsePath()}
	for _, e := range w.withJumps(u.b) {
		if e.onlyField == nil && !slices.Contains(out.Tried, e.subgraph.Name) {
			out.Tried = append(out.Tried, e.subgraph.Name)
		}
	}
	if f := u.b.typ.Field(u.f.Name); f != nil {
		for _, in := range f.In {
			switch {
			case !in.Resolves(w.labels):
			case in.Contexts != nil:
				out.Have = append(out.Have, fmt.Sprintf("%s (given %s of the context %q)", in.Subgraph.Name, in.Contexts[0].Selection, in.Contexts[0].Context))
			case in.Requires != nil:
				out.Have = append(out.Have, fmt.Sprintf("%s (given %q)", in.Subgraph.Name, in.Requires.Text))
			default:
				out.Have = append(out.Have, in.Subgraph.Name)
			}
		}
	}
	return out
}
