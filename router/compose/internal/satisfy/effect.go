package satisfy

import (
	"slices"

	"souk/router/supergraph"
)

// An effect is a field of Mutation, or of Subscription, that several subgraphs
// resolve. It must be resolved only once: one of them has to be able to resolve
// everything below it, without another one resolving it, too.
type effect struct {
	typ      *supergraph.Type
	field    *supergraph.Field
	path     *step
	contexts contexts
	possibility
	// attempts are the walks from each of the subgraphs.
	attempts []attempt
}

// An attempt is to resolve an effect by one subgraph.
type attempt struct {
	subgraph string
	failures []*failure
}

// A possiblePath is a path that was followed.
type possiblePath struct {
	path   *step
	labels assignment
}

// visitEffects follows the fields of a root type whose fields have effects, and
// returns those that several subgraphs resolve.
func (w *walk) visitEffects(s *state) []*effect {
	var effects []*effect
	for _, f := range s.typ.Fields {
		if !visible(f) {
			continue
		}
		if !f.Named.Composite() {
			w.visitField(s, f)
			continue
		}
		for _, p := range w.possibilities(s.labels, func(labels assignment) *set {
			return w.field(objects{s.typ, s.at, labels, s.contexts}, f.Name)
		}) {
			o := objects{s.typ, s.at, p.labels, s.contexts}
			path := &step{before: s.path, field: f}
			switch {
			case len(p.reached.positions) == 0:
				w.fail(&failure{path: s.path, objects: o, field: f})
			case w.disagree(path, f, p):
			case len(w.names(p.reached)) == 1:
				w.start(&state{typ: f.Named, at: p.reached, labels: p.labels, contexts: w.contextsBelow(o, f.Named), path: path})
			default:
				effects = append(effects, &effect{typ: s.typ, field: f, path: path, contexts: w.contextsBelow(o, f.Named), possibility: p})
			}
		}
	}
	return effects
}

// attempt tries the subgraphs that resolve an effect one by one. It reports
// whether one of them can resolve everything below.
func (w *walk) attempt(e *effect) bool {
	for _, name := range w.names(e.reached) {
		at := slices.DeleteFunc(slices.Clone(e.reached.positions), func(p position) bool { return w.subgraph(p).Name != name })
		base := w
		if len(w.failures) > 0 {
			base = nil
		}
		inner := newWalk(w.reader, base)
		var followed []possiblePath
		if w.follow != nil {
			inner.follow = func(path *step, labels assignment) { followed = append(followed, possiblePath{path, labels}) }
		}
		inner.start(&state{typ: e.field.Named, at: w.set(at), labels: e.labels, contexts: e.contexts, path: e.path})
		inner.run()
		for _, d := range inner.disagreements {
			if !w.compared[d.field] {
				w.compared[d.field] = true
				w.disagreements = append(w.disagreements, d)
			}
		}
		if len(inner.failures) == 0 {
			for _, p := range followed {
				w.follow(p.path, p.labels)
			}
			return true
		}
		e.attempts = append(e.attempts, attempt{name, inner.failures})
	}
	return false
}
