package merge

import (
	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

// mergeInput merges an input object: it has the fields that all sources have.
func (m *merger) mergeInput(all sources[*schema.Type], t *schema.Type) {
	for _, f := range m.addFields(all, t) {
		present := f.sources.here()
		m.mergeDescription(present.nodes(), &f.Node)
		m.record(present.nodes(), &f.Node)
		equal := m.mergeRef(present, f.Field, true)
		m.addJoinFields(f, equal, &overrides{})
		m.mergeDefault(present, f.Field, "Input field", "INPUT_FIELD_DEFAULT_MISMATCH")
		if len(present) < len(f.sources) && (m.inaccessible == "" || !f.Has(m.inaccessible)) {
			m.leaveOut(f, all, t)
		}
	}
	if len(t.Fields) == 0 {
		m.errorf("EMPTY_MERGED_INPUT_TYPE", locations(m, all), "No field of input object %q is in all subgraphs that define it. It has only fields that all of them know.", t.Name)
	}
}

// leaveOut removes a field that not all sources have, which is an error if it is
// required.
func (m *merger) leaveOut(f mergedField, all sources[*schema.Type], t *schema.Type) {
	required := graphNames(m, f.sources, func(s source[*schema.Field]) bool { return s.at != nil && s.at.Required() })
	if len(required) > 0 {
		missing := graphNames(m, f.sources, func(s source[*schema.Field]) bool { return s.at == nil })
		m.errorf("REQUIRED_INPUT_FIELD_MISSING_IN_SOME_SUBGRAPH", presentAndMissing(m, f.sources, all.nodes()), "Input field %q is required in %s, but missing in %s.",
			f.Coordinate(), report.Subgraphs(required), report.Subgraphs(missing))
	} else {
		presence(m, "INCONSISTENT_INPUT_OBJECT_FIELD", &f.Node, f.sources, true, func(*schema.Field) bool { return true },
			"Input field %q is not in the supergraph, because not all subgraphs have it", f.Coordinate())
	}
	t.RemoveField(f.Field)
	m.removed[&f.Node] = true
}
