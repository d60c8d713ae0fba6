package merge

import (
	"slices"
	"strings"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
)

// collectFields collects the fields with certain directives, and interface objects.
func (m *merger) collectFields() {
	m.overridden, m.interfaceObjects = map[string]bool{}, map[string][]int{}
	seen := map[string]bool{}
	add := func(list *[]string, kind, coordinate string) {
		if !seen[kind+coordinate] {
			seen[kind+coordinate] = true
			*list = append(*list, coordinate)
		}
	}
	for graph, s := range m.subgraphs {
		for _, a := range s.Applications("override") {
			m.overridden[a.Field.Coordinate()] = true
		}
		for _, a := range s.Applications("requires") {
			add(&m.required, "requires ", a.Field.Coordinate())
		}
		for _, a := range s.Applications("fromContext") {
			if a.Field != nil {
				add(&m.contextual, "fromContext ", a.Field.Coordinate())
			}
		}
		for _, a := range s.Applications("interfaceObject") {
			m.interfaceObjects[a.Type.Name] = append(m.interfaceObjects[a.Type.Name], graph)
		}
	}
}

// isMergedType reports whether a type is part of the supergraph.
func isMergedType(s *subgraph.Subgraph, name string) bool {
	if strings.HasPrefix(name, "__") || name == "_Any" || name == "_Service" || name == "_Entity" {
		return false
	}
	f, _ := s.Links.Source(name, false)
	if f == nil {
		return true
	}
	switch f.URL.Identity {
	case "https://specs.apollo.dev/federation", "https://specs.apollo.dev/link", "https://specs.apollo.dev/core", subgraph.ConnectIdentity:
		return false
	}
	return true
}

// kindOf returns the kind that a type of a subgraph has in the supergraph.
func kindOf(s *subgraph.Subgraph, t *schema.Type) schema.Kind {
	if s.IsInterfaceObject(t) {
		return schema.Interface
	}
	return t.Kind
}

// addTypes adds all types without content, and reports types of different kinds.
func (m *merger) addTypes() {
	mismatched := map[string]bool{}
	var order []string
	for _, s := range m.subgraphs {
		for _, t := range s.Schema.Types {
			if !isMergedType(s, t.Name) {
				continue
			}
			kind := kindOf(s, t)
			switch before := m.super.Type(t.Name); {
			case before == nil:
				m.addType(kind, t.Name)
			case before.Kind != kind && !mismatched[t.Name]:
				mismatched[t.Name] = true
				order = append(order, t.Name)
			}
		}
	}
	m.super.Roots = [3]string{}
	for _, name := range order {
		m.kindMismatch(name)
	}
	m.lonelyInterfaceObjects(mismatched)
}

func (m *merger) kindMismatch(name string) {
	all := m.everywhere(name)
	of := map[*schema.Type]string{}
	for _, each := range all {
		of[each.at] = each.at.Kind.String()
		if m.subgraphs[each.graph].IsInterfaceObject(each.at) {
			of[each.at] = "Interface Object Type (an Object Type with @interfaceObject)"
		}
	}
	mismatchError(m, "TYPE_KIND_MISMATCH", `Type "`+name+`" must have the same kind in all subgraphs. It is an`, m.super.Type(name).Kind.String(),
		spread[*schema.Type]{elements: all, value: func(t *schema.Type) string { return of[t] }})
}

// everywhere returns a type in all subgraphs that define it.
func (m *merger) everywhere(name string) sources[*schema.Type] {
	if m.byName == nil {
		m.byName = map[string]sources[*schema.Type]{}
		for graph, s := range m.subgraphs {
			for _, t := range s.Schema.Types {
				m.byName[t.Name] = append(m.byName[t.Name], source[*schema.Type]{graph, t})
			}
		}
	}
	return m.byName[name]
}

// lonelyInterfaceObjects reports interface objects without an interface.
func (m *merger) lonelyInterfaceObjects(mismatched map[string]bool) {
	done := map[string]bool{}
	for _, s := range m.subgraphs {
		for _, a := range s.Applications("interfaceObject") {
			name := a.Type.Name
			if done[name] || mismatched[name] {
				continue
			}
			done[name] = true
			all := m.everywhere(name)
			hasInterface := false
			for _, each := range all {
				hasInterface = hasInterface || each.at.Kind == schema.Interface
			}
			if !hasInterface {
				m.errorf("INTERFACE_OBJECT_USAGE_ERROR", locations(m, all),
					"Type %q is an interface object in all subgraphs that define it (%s); at least one must define the interface.", name,
					report.Subgraphs(graphNames(m, all, func(source[*schema.Type]) bool { return true })))
			}
		}
	}
}

// sourcesOf returns a type in the subgraphs that define it with the right kind.
func (m *merger) sourcesOf(t *schema.Type) sources[*schema.Type] {
	all := m.everywhere(t.Name)
	other := func(each source[*schema.Type]) bool { return kindOf(m.subgraphs[each.graph], each.at) != t.Kind }
	if slices.ContainsFunc(all, other) {
		return slices.DeleteFunc(slices.Clone(all), other)
	}
	return all
}

func (m *merger) mergeImplements(t *schema.Type) {
	seen := map[string]bool{}
	for _, each := range m.sourcesOf(t) {
		for _, r := range each.at.Interfaces {
			if !seen[r.Name] {
				seen[r.Name] = true
				t.Interfaces = append(t.Interfaces, &schema.Reference{Name: r.Name})
			}
			t.Apply(m.join("join__implements", each.graph, schema.Argument{Name: "interface", Value: schema.Text(r.Name)}))
		}
	}
}

// join returns an application of a join directive for a subgraph. Those without more
// arguments are the same value: most fields have one, and nothing changes it.
func (m *merger) join(name string, graph int, arguments ...schema.Argument) *schema.Directive {
	given := 1
	for _, a := range arguments {
		if a.Value != nil {
			given++
		}
	}
	if given == 1 {
		if m.bareJoins[name] == nil {
			m.bareJoins[name] = make([]*schema.Directive, len(m.graphValues))
		}
		if d := m.bareJoins[name][graph]; d != nil {
			return d
		}
	}
	d := &schema.Directive{Name: name, Arguments: make([]schema.Argument, 0, given)}
	d.Arguments = append(d.Arguments, schema.Argument{Name: "graph", Value: m.graphValues[graph]})
	for _, a := range arguments {
		if a.Value != nil {
			d.Arguments = append(d.Arguments, a)
		}
	}
	if given == 1 {
		m.bareJoins[name][graph] = d
	}
	return d
}

func (m *merger) mergeType(t *schema.Type) {
	if before := m.reused[t]; before != nil {
		m.repeat(before)
		return
	}
	m.current = &merging{typ: t}
	first := len(m.hints)
	m.mergeContent(t)
	if !m.removed[&t.Node] {
		m.current.hints = slices.Clone(m.hints[first:])
		m.memory.types[t.Name] = m.current
	}
	m.current = nil
}

func (m *merger) mergeContent(t *schema.Type) {
	all := m.sourcesOf(t)
	m.checkBase(all, t)
	m.mergeDescription(all.nodes(), &t.Node)
	m.addJoinTypes(all, t)
	m.recordType(all, t)
	m.addJoinDirectives(all.nodes(), &t.Node)
	switch t.Kind {
	case schema.Object:
		m.mergeObject(all, t)
	case schema.Interface:
		m.mergeInterface(all, t)
	case schema.Union:
		m.mergeUnion(all, t)
	case schema.Enum:
		m.mergeEnum(all, t)
	case schema.Input:
		m.mergeInput(all, t)
	}
}

// checkBase reports types that are only extended.
func (m *merger) checkBase(all sources[*schema.Type], t *schema.Type) {
	if m.super.IsRoot(t) {
		return
	}
	extended := false
	for _, each := range all {
		if each.at.HasDefinition() {
			return
		}
		extended = extended || len(each.at.Extensions) > 0
	}
	if !extended {
		return
	}
	for _, each := range all {
		if len(each.at.Extensions) > 0 {
			m.errorf("EXTENSION_WITH_NO_BASE", []report.Location{m.at(each.graph, each.at.Extensions[0].Position)},
				"Type %q is only extended: no subgraph defines it.", t.Name)
		}
	}
}

var yes = schema.Bool(true)

// when returns a value if a condition holds.
func when(condition bool, v *schema.Value) *schema.Value {
	if condition {
		return v
	}
	return nil
}

func (m *merger) addJoinTypes(all sources[*schema.Type], t *schema.Type) {
	for _, each := range all {
		s := m.subgraphs[each.graph]
		interfaceObject := schema.Argument{Name: "isInterfaceObject", Value: when(s.IsInterfaceObject(each.at), yes)}
		keys := s.Of(&each.at.Node, "key")
		if len(keys) == 0 {
			t.Apply(m.join("join__type", each.graph, interfaceObject))
		}
		for _, key := range keys {
			extension := key.Extension != nil || s.Has(&each.at.Node, "extends")
			t.Apply(m.join("join__type", each.graph,
				schema.Argument{Name: "key", Value: key.Argument("fields")},
				schema.Argument{Name: "extension", Value: when(extension, yes)},
				schema.Argument{Name: "resolvable", Value: key.Argument("resolvable")},
				interfaceObject))
		}
	}
}
