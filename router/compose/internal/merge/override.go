package merge

import (
	"regexp"
	"slices"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

// overrides tell which sources of a field others override.
type overrides struct {
	used    map[int]bool   // overridden, but used by a directive or an interface
	unused  map[int]bool   // overridden
	unknown map[int]bool   // override a subgraph that does not exist
	labels  map[int]string // of progressive overrides, for both sides
}

var noOverrides = &overrides{}

func (o *overrides) overridden(graph int) bool { return o.used[graph] || o.unused[graph] }

// progressive reports whether the join directives must tell about overrides.
func (o *overrides) progressive() bool { return len(o.used) > 0 || len(o.labels) > 0 }

// checkOverrides checks the applications of @override to a field.
func (m *merger) checkOverrides(f mergedField) *overrides {
	if len(m.overridden) == 0 || !m.overridden[f.Coordinate()] {
		return noOverrides
	}
	o := &overrides{used: map[int]bool{}, unused: map[int]bool{}, unknown: map[int]bool{}, labels: map[int]string{}}
	for _, each := range f.sources.here() {
		if d := m.subgraphs[each.graph].First(&each.at.Node, "override"); d != nil {
			m.checkOverride(f, each, d, o)
		}
	}
	return o
}

func (m *merger) checkOverride(f mergedField, to source[*schema.Field], d *schema.Directive, o *overrides) {
	at, name := []report.Location{m.at(to.graph, d.Position)}, m.names[to.graph]
	from := d.Text("from")
	graph := slices.Index(m.names, from)
	overridden, could := f.sources.in(graph)
	abstract := graph >= 0 && could && overridden == nil && len(m.abstracting(f.Field, graph)) > 0
	collision := func(format string, args ...any) {
		m.errorf("OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE", at, "@override of field %q in subgraph %q: "+format, append([]any{f.Coordinate(), name}, args...)...)
	}
	switch {
	case to.at.Parent.Kind == schema.Interface:
		m.errorf("OVERRIDE_ON_INTERFACE", at, "@override cannot be applied to field %q of an interface in subgraph %q.", f.Coordinate(), name)
	case m.subgraphs[to.graph].IsInterfaceObject(to.at.Parent):
		collision("fields of interface objects cannot override.")
	case graph < 0:
		o.unknown[to.graph] = true
		m.hint("FROM_SUBGRAPH_DOES_NOT_EXIST", &f.Node, at, "Field %q in subgraph %q overrides that of subgraph %q, which does not exist.%s", f.Coordinate(), name, from, report.DidYouMean(from, m.names))
	case graph == to.graph:
		m.errorf("OVERRIDE_FROM_SELF_ERROR", at, "Field %q in subgraph %q overrides itself; name another subgraph.", f.Coordinate(), name)
	case overridden != nil && m.subgraphs[graph].Has(&overridden.Node, "override"):
		m.errorf("OVERRIDE_SOURCE_HAS_OVERRIDE", append(at, m.at(graph, overridden.Position)), "Field %q in subgraph %q overrides that of subgraph %q, which has @override too; remove one.", f.Coordinate(), name, from)
	case overridden == nil && !abstract:
		m.hint("OVERRIDE_DIRECTIVE_CAN_BE_REMOVED", &f.Node, at, "Field %q in subgraph %q overrides that of subgraph %q, which does not have it; remove @override.", f.Coordinate(), name, from)
	case abstract:
		collision("subgraph %q has the field only in an interface object, which cannot be overridden.", from)
	default:
		m.checkOverridden(f, to, source[*schema.Field]{graph, overridden}, d, o, collision)
	}
}

var (
	labelPattern   = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_\-:./]*$`)
	percentPattern = regexp.MustCompile(`^percent\((\d{1,2}(\.\d{1,8})?|100)\)$`)
)

func (m *merger) checkOverridden(f mergedField, to, from source[*schema.Field], d *schema.Directive, o *overrides, collision func(string, ...any)) {
	s, name := m.subgraphs[from.graph], m.names[from.graph]
	for _, directive := range []string{"requires", "provides"} {
		if s.Has(&from.at.Node, directive) {
			collision("the field in subgraph %q has @%s and cannot be overridden.", name, directive)
			return
		}
	}
	if m.subgraphs[to.graph].IsExternal(to.at) {
		collision("it is @external, so this subgraph does not resolve it.")
		return
	}
	at := []report.Location{m.at(to.graph, d.Position)}
	fromAt := []report.Location{m.at(from.graph, from.at.Position)}
	label, used := d.Text("label"), s.IsUsed(from.at)
	switch {
	case s.IsExternal(from.at):
		m.hint("OVERRIDE_DIRECTIVE_CAN_BE_REMOVED", &f.Node, at, "Field %q overrides that of subgraph %q, where it is @external; remove @override.", f.Coordinate(), name)
	case used:
		o.used[from.graph] = true
		if label == "" {
			m.hint("OVERRIDDEN_FIELD_CAN_BE_REMOVED", &f.Node, fromAt, "Field %q in subgraph %q is overridden, but still used by a directive or an interface there; mark it as @external or remove it with its uses.", f.Coordinate(), name)
		}
	default:
		o.unused[from.graph] = true
		if label == "" {
			m.hint("OVERRIDDEN_FIELD_CAN_BE_REMOVED", &f.Node, fromAt, "Field %q in subgraph %q is overridden; it can be removed.", f.Coordinate(), name)
		}
	}
	if label == "" {
		return
	}
	if labelPattern.MatchString(label) || percentPattern.MatchString(label) {
		o.labels[to.graph], o.labels[from.graph] = label, label
	} else {
		m.errorf("OVERRIDE_LABEL_INVALID", at, "The label %q of @override of field %q in subgraph %q must begin with a letter and consist of letters, digits and _-:./, or be percent(n) with n from 0 to 100.",
			label, f.Coordinate(), m.names[to.graph])
	}
	advice := "remove the field from subgraph"
	if used {
		advice = "mark it as @external, or remove it with its uses, in subgraph"
	}
	m.hint("OVERRIDE_MIGRATION_IN_PROGRESS", &f.Node, fromAt, "Field %q is being migrated by a progressive @override. When that is complete, %s %q.", f.Coordinate(), advice, name)
}
