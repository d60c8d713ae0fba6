package satisfy

import (
	"fmt"
	"slices"
	"strings"

	"souk/router/operation"
	"souk/router/supergraph"
)

// The codes of errors and hints, from the composition specification.
const (
	CodeUnsatisfiable          = "SATISFIABILITY_ERROR"
	CodeMismatchedRuntimeTypes = "SHAREABLE_HAS_MISMATCHED_RUNTIME_TYPES"
	CodeTooManyPaths           = "MAX_VALIDATION_SUBGRAPH_PATHS_EXCEEDED"
	HintRuntimeTypes           = "INCONSISTENT_RUNTIME_TYPES_FOR_SHAREABLE_RETURN"
)

// maxSteps bounds a check: about ten seconds. A supergraph of 100 subgraphs and
// 5,000 types takes a hundredth of it.
const maxSteps = 100_000_000

// A Problem is an error or a hint about a field of the supergraph.
type Problem struct {
	Code string
	// Message says what is wrong, with an example operation and the reasons.
	Message string
	// Field is the coordinate of the field, such as "Product.price". It is empty
	// for CodeTooManyPaths.
	Field string
	// example is a shortest operation that shows the problem, or nil, and active
	// are the labels of progressive overrides that are active in it.
	example *operation.Operation
	active  []string
}

// Check checks that every field of the API schema can be resolved on every path
// that leads to it from a root type.
func Check(m *supergraph.Model) (errors, hints []Problem) { return check(m, maxSteps, nil) }

func check(m *supergraph.Model, steps int, follow func(*step, assignment)) (errors, hints []Problem) {
	return newChecker(m, steps, follow).check()
}

// A checker checks a supergraph.
type checker struct {
	*reader
	walk    *walk
	bound   int // of steps
	effects []*effect
}

func newChecker(m *supergraph.Model, steps int, follow func(*step, assignment)) *checker {
	r := newReader(m, steps)
	c := &checker{reader: r, walk: newWalk(r, nil), bound: steps}
	c.walk.follow = follow
	return c
}

func (c *checker) check() (errors, hints []Problem) {
	r, w := c.reader, c.walk
	c.start(func(*supergraph.Type) bool { return true })
	w.run()
	for _, f := range w.failures {
		errors = append(errors, r.unsatisfiable(f))
	}
	for _, e := range c.effects {
		if !w.attempt(e) {
			errors = append(errors, r.unsatisfiableEffect(e))
		}
	}
	for _, d := range w.disagreements {
		if len(d.common) == 0 {
			errors = append(errors, r.mismatch(d))
		} else {
			hints = append(hints, r.inconsistency(d))
		}
	}
	if r.steps < 0 {
		errors = append(errors, Problem{Code: CodeTooManyPaths, Message: fmt.Sprintf("checking that every field can be resolved takes more than %d steps; give types that many subgraphs share a @key in each of them", c.bound)})
	}
	return errors, hints
}

// start starts the walk at some root types.
func (c *checker) start(from func(root *supergraph.Type) bool) {
	m := c.model
	for _, root := range []*supergraph.Type{m.Query, m.Mutation, m.Subscription} {
		if root == nil || !from(root) {
			continue
		}
		s := &state{typ: root, at: c.rootPositions(root), labels: c.undecided(), contexts: c.noContexts()}
		if root == m.Query {
			c.walk.start(s)
		} else {
			c.effects = append(c.effects, c.walk.visitEffects(s)...)
		}
	}
}

// undecided decides no label.
func (r *reader) undecided() assignment {
	return assignment(strings.Repeat(string(undecided), len(r.model.Labels)))
}

func (s *space) rootPositions(root *supergraph.Type) *set {
	var at []position
	for _, in := range root.In {
		at = append(at, s.at(in.Subgraph, root, nil))
	}
	return s.set(at)
}

// problem describes a problem shown by an operation.
func (r *reader) problem(code, field string, op *operation.Operation, labels assignment, before, after string) Problem {
	p := Problem{Code: code, Field: field, example: op, active: labels.names(r.model.Labels, active)}
	when := ""
	if names := p.active; len(names) > 0 {
		when += fmt.Sprintf(" while the override label %s is active", quoted(names))
	}
	if names := labels.names(r.model.Labels, inactive); len(names) > 0 {
		when += fmt.Sprintf(" while the override label %s is not active", quoted(names))
	}
	p.Message = before + when + ":\n" + indent(strings.TrimSpace(op.String()), "  ") + "\n" + after
	return p
}

func (r *reader) unsatisfiable(f *failure) Problem {
	at := f.coordinate()
	what := fmt.Sprintf("the subgraphs cannot resolve field %q in this operation", at.typ+"."+at.name)
	if f.field == nil {
		what = fmt.Sprintf("the subgraphs cannot tell which objects of %q are of type %q in this operation", at.typ, at.name)
	}
	return r.problem(CodeUnsatisfiable, at.typ+"."+at.name, f.example(r.model), f.objects.labels, what, "because:\n"+bullets(r.reasons(f)))
}

// unsatisfiableEffect describes an effect that no subgraph can resolve with
// everything below it. The example fails with each of the subgraphs.
func (r *reader) unsatisfiableEffect(e *effect) Problem {
	name := e.typ.Name + "." + e.field.Name
	var op *operation.Operation
	var list []string
	labels := e.labels
	for _, a := range e.attempts {
		f := a.failures[0]
		if i := slices.IndexFunc(a.failures, func(f *failure) bool { return f.objects.labels.compatible(labels) }); i >= 0 {
			f = a.failures[i]
		}
		labels = labels.merge(f.objects.labels)
		example := f.example(r.model)
		if op == nil {
			op = example
		} else {
			op.Selections = merge(op.Selections, example.Selections)
		}
		at := f.coordinate()
		list = append(list, fmt.Sprintf("subgraph %q resolves field %q, but %q below it cannot be resolved:\n%s", a.subgraph, name, at.typ+"."+at.name, indent(bullets(r.reasons(f)), "  ")))
	}
	what := fmt.Sprintf("field %q must be resolved by one subgraph, but none of those that have it leads to everything that can be selected below it, as in this operation", name)
	return r.problem(CodeUnsatisfiable, name, op, labels, what, "because:\n"+bullets(list))
}

func (r *reader) mismatch(d *disagreement) Problem {
	what := fmt.Sprintf("field %q is shared, but the subgraphs have no possible object type of %q in common in this operation", d.name(), d.field.Named.Name)
	return r.problem(CodeMismatchedRuntimeTypes, d.name(), exampleOf(r.model, d.path), d.labels, what, "because a shared field has the same value in all subgraphs, and:\n"+bullets(d.types(nil)))
}

func (r *reader) inconsistency(d *disagreement) Problem {
	what := fmt.Sprintf("field %q is shared, and the subgraphs differ in the possible object types of %q in this operation", d.name(), d.field.Named.Name)
	return r.problem(HintRuntimeTypes, d.name(), exampleOf(r.model, d.path), d.labels, what, "A shared field has the same value in all subgraphs, so none may return an object of a type that another does not know:\n"+bullets(d.types(d.common)))
}

func (d *disagreement) name() string { return d.field.Parent.Name + "." + d.field.Name }

// types lists the object types that each subgraph knows, except some.
func (d *disagreement) types(except []*supergraph.Type) (list []string) {
	for _, k := range d.known {
		var names []string
		for _, t := range k.types {
			if !slices.Contains(except, t) {
				names = append(names, t.Name)
			}
		}
		switch {
		case len(names) > 0 && except == nil:
			list = append(list, fmt.Sprintf("subgraph %q knows %s", k.subgraph, quoted(names)))
		case len(names) > 0:
			list = append(list, fmt.Sprintf("subgraph %q must not return %s", k.subgraph, quoted(names)))
		case except == nil:
			list = append(list, fmt.Sprintf("subgraph %q knows no type", k.subgraph))
		}
	}
	return list
}

func bullets(list []string) string { return "- " + strings.Join(list, "\n- ") }

func indent(text, by string) string { return by + strings.ReplaceAll(text, "\n", "\n"+by) }
