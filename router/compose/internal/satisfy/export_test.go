package satisfy

import (
	"souk/router/operation"
	"souk/router/supergraph"
)

// CheckFollowing is Check. It calls follow with an operation for each path that
// can be resolved and, where it ends at an interface or a union, for each field
// that can be selected there, directly or by a fragment.
func CheckFollowing(m *supergraph.Model, follow func(op *operation.Operation, active []string)) (errors, hints []Problem) {
	return check(m, maxSteps, func(path *step, labels assignment) {
		names := labels.names(m.Labels, active)
		follow(exampleOf(m, path), names)
		for _, o := range path.field.Named.Possible {
			for _, f := range o.Fields {
				if path.field.Named.Abstract() && visible(f) {
					follow(exampleOf(m, &step{before: &step{before: path, on: o}, field: f}), names)
				}
			}
		}
		if path.field.Named.Kind != supergraph.Interface || len(path.field.Named.Possible) == 0 {
			return // there are no objects of an interface that nothing implements
		}
		for _, f := range path.field.Named.Fields {
			if visible(f) {
				follow(exampleOf(m, &step{before: path, field: f}), names)
			}
		}
	})
}

// CheckWithin is Check with another bound.
func CheckWithin(m *supergraph.Model, steps int) (errors, hints []Problem) {
	return check(m, steps, nil)
}

// Example returns the example operation, and the labels that are active in it.
func (p Problem) Example() (*operation.Operation, []string) { return p.example, p.active }

// Merge combines two operations of the same root type.
func Merge(a, b *operation.Operation) *operation.Operation {
	both := *a
	both.Selections = merge(a.Selections, b.Selections)
	return &both
}
