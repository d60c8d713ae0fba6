package planner

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"souk/router/operation"
)

// An UnreachableError says that no subgraph can be brought to resolve a
// field.
type UnreachableError struct {
	Type, Field string
	// Path of the object whose field it is, by response keys.
	Path string
	// Tried are the subgraphs that have or can be given the object, and Have
	// those that could resolve the field, with what it requires.
	Tried, Have []string
}

func (e *UnreachableError) Error() string {
	where := ""
	if e.Path != "" {
		where = " at " + e.Path
	}
	have := "no subgraph resolves it"
	if len(e.Have) > 0 {
		have = "it is resolved by " + strings.Join(e.Have, ", ") + ", which cannot be entered from there"
	}
	tried := "no subgraph"
	if len(e.Tried) > 0 {
		tried = strings.Join(e.Tried, ", ")
	}
	return fmt.Sprintf("%s.%s%s cannot be planned: the object is known to %s; %s", e.Type, e.Field, where, tried, have)
}

// A LimitError says that an operation takes more planning than is allowed.
type LimitError struct {
	// Limit is the option's name: MaxMoves.
	Limit string
	Value int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the operation is too complex to plan: it exceeds the planner's limit %s of %d", e.Limit, e.Value)
}

// unreachable is how a walk fails; in many cases for good, and nobody asks why.
type unreachable struct {
	s *stand
	f *operation.Field
}

func (e *unreachable) Error() string { return "unreachable" }

var errTooLarge = errors.New("too large")

// explain makes the error that callers see.
func (p *Planner) explain(w *walker, err error) error {
	if w.left < 0 {
		return &LimitError{Limit: "MaxMoves", Value: p.options.MaxMoves}
	}
	var u *unreachable
	if !errors.As(err, &u) || u.f == nil {
		return err
	}
	out := &UnreachableError{Type: u.s.typ.Name, Field: u.f.Name, Path: u.s.at.responsePath()}
	for _, m := range w.all(u.s) {
		if m.only == nil && !slices.Contains(out.Tried, m.graph.Name) {
			out.Tried = append(out.Tried, m.graph.Name)
		}
	}
	if f := u.s.typ.Field(u.f.Name); f != nil {
		for _, in := range f.In {
			switch {
			case !in.Resolves(w.labels):
			case in.Contexts != nil:
				out.Have = append(out.Have, fmt.Sprintf("%s (given %s of the context %q)", in.Graph.Name, in.Contexts[0].Selection, in.Contexts[0].Context))
			case in.Requires != nil:
				out.Have = append(out.Have, fmt.Sprintf("%s (given %q)", in.Graph.Name, in.Requires.Text))
			default:
				out.Have = append(out.Have, in.Graph.Name)
			}
		}
	}
	return out
}
