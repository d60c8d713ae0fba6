package merge

import (
	"slices"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

func (m *merger) mergeInterface(all sources[*schema.Type], t *schema.Type) {
	keyed := m.checkInterfaceKeys(all, t)
	m.checkInterfaceObjects(all, t)
	for _, f := range m.addFields(all, t) {
		if !keyed {
			m.hintValueField(all, t, f.Field)
		}
		m.mergeField(f, m.checkOverrides(f))
	}
}

// checkInterfaceKeys checks that a subgraph with a resolvable key of an interface
// knows all implementations. It reports whether there is any key.
func (m *merger) checkInterfaceKeys(all sources[*schema.Type], t *schema.Type) bool {
	keyed := false
	for _, each := range all {
		if each.at.Kind != schema.Interface {
			continue
		}
		s := m.subgraphs[each.graph]
		keys := s.Of(&each.at.Node, "key")
		keyed = keyed || len(keys) > 0
		i := slices.IndexFunc(keys, func(d *schema.Directive) bool { return !d.Argument("resolvable").IsFalse() })
		if i < 0 {
			continue
		}
		known := s.Schema.Possible(each.at)
		var missing []string
		for _, object := range m.super.Possible(t) {
			if !slices.ContainsFunc(known, func(own *schema.Type) bool { return own.Name == object.Name }) {
				missing = append(missing, object.Name)
			}
		}
		if len(missing) > 0 {
			m.errorf("INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE", []report.Location{m.at(each.graph, keys[i].Position)},
				"Interface %q has a resolvable key in subgraph %q, which must therefore define all implementations. It lacks %s.",
				t.Name, s.Name, report.List("type", missing))
		}
	}
	return keyed
}

// checkInterfaceObjects checks that a subgraph with an interface object defines no
// implementations.
func (m *merger) checkInterfaceObjects(all sources[*schema.Type], t *schema.Type) {
	for _, graph := range m.interfaceObjects[t.Name] {
		own, known := all.in(graph)
		if !known {
			continue
		}
		s := m.subgraphs[graph]
		at := []report.Location{m.at(graph, own.Position)}
		var defined []string
		for _, object := range m.super.Possible(t) {
			if implementation := s.Schema.Type(object.Name); implementation != nil {
				defined = append(defined, object.Name)
				at = append(at, m.at(graph, implementation.Position))
			}
		}
		if len(defined) > 0 {
			m.errorf("INTERFACE_OBJECT_USAGE_ERROR", at, "Type %q is an interface object in subgraph %q, which therefore must not define implementations of the interface, but defines %s.",
				t.Name, s.Name, report.List("type", defined))
		}
	}
}

// providedByInterfaceObject reports whether an interface object resolves a field of
// an interface.
func (m *merger) providedByInterfaceObject(name, field string) bool {
	return slices.ContainsFunc(m.interfaceObjects[name], func(graph int) bool {
		s := m.subgraphs[graph]
		f := s.Schema.Own(name).Field(field)
		return f != nil && !s.IsExternal(f)
	})
}

// addInterfaceObjectFields adds to objects the fields that interface objects resolve
// for them.
func (m *merger) addInterfaceObjectFields() {
	if len(m.interfaceObjects) == 0 {
		return
	}
	for _, t := range m.super.Types {
		if t.Kind != schema.Object {
			continue
		}
		for _, r := range t.Interfaces {
			for _, f := range m.super.Type(r.Name).Fields {
				if m.providedByInterfaceObject(r.Name, f.Name) {
					m.addInterfaceObjectField(t, f)
				}
			}
		}
	}
}

func (m *merger) addInterfaceObjectField(t *schema.Type, f *schema.Field) {
	if own := t.Field(f.Name); own != nil {
		joins := own.Of("join__field")
		external := func(d *schema.Directive) bool { v := d.Argument("external"); return v != nil && v.Raw == "true" }
		if len(joins) > 0 && !slices.ContainsFunc(joins, func(d *schema.Directive) bool { return !external(d) }) {
			m.copyApplied(&f.Node, &own.Node, true)
		}
		return
	}
	added := t.AddField(f.Name)
	added.Type, added.Description, added.Described = f.Type, f.Description, f.Described
	m.copyApplied(&f.Node, &added.Node, true)
	for _, a := range f.Arguments {
		argument := added.AddArgument(a.Name)
		argument.Type, argument.Default, argument.Description, argument.Described = a.Type, a.Default, a.Description, a.Described
		m.copyApplied(&a.Node, &argument.Node, false)
	}
	added.Apply(&schema.Directive{Name: "join__field"})
	none := make(sources[*schema.Field], len(m.subgraphs))
	for graph := range none {
		none[graph].graph = graph
	}
	m.checkSharing(mergedField{added, none}, &overrides{})
}

// copyApplied copies directives that subgraphs gave. Requirements for access are
// computed anew.
func (m *merger) copyApplied(from, to *schema.Node, field bool) {
	if field {
		for _, a := range m.authorization {
			if with := m.withExtra(nil, to, a); len(with) > 0 {
				m.mergeApplication(a.name, with, to)
			}
		}
	}
	for _, d := range from.Applied {
		restricts := slices.ContainsFunc(m.authorization, func(a authorization) bool { return a.name == d.Name })
		if !m.isMachinery(d.Name) && !restricts {
			to.Apply(&schema.Directive{Name: d.Name, Arguments: d.Arguments})
		}
	}
}
