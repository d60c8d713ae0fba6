package merge

import (
	"slices"

	"souk/router/compose/internal/schema"
)

// A mergedField is a field of the supergraph with its sources.
type mergedField struct {
	*schema.Field
	sources sources[*schema.Field]
}

// manyFields is the number of fields of a type from which they are found by an index.
const manyFields = 16

// addFields adds the fields of all sources to a type, without content. The sources
// of each field have an entry for each subgraph that could have it.
func (m *merger) addFields(all sources[*schema.Type], t *schema.Type) []mergedField {
	could := make([]int, 0, len(all))
	for _, each := range m.everywhere(t.Name) {
		could = append(could, each.graph)
	}
	for _, i := range t.Interfaces {
		for _, graph := range m.interfaceObjects[i.Name] {
			if !slices.Contains(could, graph) {
				could = append(could, graph)
			}
		}
	}
	slices.Sort(could)
	most := 0
	for _, each := range all {
		most = max(most, len(each.at.Fields))
	}
	fields := make([]mergedField, 0, most)
	find := func(name string) int {
		return slices.IndexFunc(fields, func(f mergedField) bool { return f.Name == name })
	}
	var index map[string]int
	if most > manyFields {
		index = make(map[string]int, most)
		find = func(name string) int {
			if i, known := index[name]; known {
				return i
			}
			return -1
		}
	}
	t.GrowFields(most)
	for _, each := range all {
		for _, f := range each.at.Fields {
			if m.subgraphs[each.graph].FederationField(each.at, f.Name) {
				continue
			}
			i := find(f.Name)
			if i < 0 {
				i = len(fields)
				if index != nil {
					index[f.Name] = i
				}
				list := make(sources[*schema.Field], len(could))
				for j, graph := range could {
					list[j].graph = graph
				}
				fields = append(fields, mergedField{t.AddField(f.Name), list})
			}
			list := fields[i].sources
			list[slices.Index(could, each.graph)].at = f
		}
	}
	return fields
}

func (m *merger) mergeObject(all sources[*schema.Type], t *schema.Type) {
	entity := m.hintEntity(all, t)
	value := !entity && !m.super.IsRoot(t)
	fields := m.addFields(all, t)
	if len(fields) == 0 { // only fields that Federation adds
		m.super.RemoveType(t)
		m.removed[&t.Node] = true
		return
	}
	for _, f := range fields {
		if value {
			m.hintValueField(all, t, f.Field)
		}
		overrides := m.checkOverrides(f)
		if m.super.Roots[schema.Subscription] == t.Name {
			m.checkSubscription(f)
		}
		m.mergeField(f, overrides)
		m.checkSharing(f, overrides)
	}
}

// hintEntity reports whether a type is an entity in any subgraph.
func (m *merger) hintEntity(all sources[*schema.Type], t *schema.Type) bool {
	entity := map[*schema.Type]bool{}
	for _, each := range all {
		if m.subgraphs[each.graph].Has(&each.at.Node, "key") {
			entity[each.at] = true
		}
	}
	if len(entity) > 0 && len(entity) < len(all) {
		presence(m, "INCONSISTENT_ENTITY", &t.Node, all, false, func(t *schema.Type) bool { return entity[t] },
			"Type %q has a @key in only some subgraphs", t.Name)
	}
	return len(entity) > 0
}

// hintValueField reports a field of a value type that some subgraphs do not have.
func (m *merger) hintValueField(all sources[*schema.Type], t *schema.Type, f *schema.Field) {
	if t.Kind == schema.Interface && m.providedByInterfaceObject(t.Name, f.Name) {
		return
	}
	for _, each := range all {
		s := m.subgraphs[each.graph]
		if each.at.Field(f.Name) != nil || s.IsInterfaceObject(each.at) || !slices.ContainsFunc(each.at.Fields, func(own *schema.Field) bool { return !s.IsExternal(own) }) {
			continue
		}
		hint, kind := "INCONSISTENT_OBJECT_VALUE_TYPE_FIELD", "object type"
		if t.Kind == schema.Interface {
			hint, kind = "INCONSISTENT_INTERFACE_VALUE_TYPE_FIELD", "interface"
		}
		presence(m, hint, &t.Node, all, false, func(t *schema.Type) bool { return t.Field(f.Name) != nil },
			"Field %q is in only some subgraphs that define the %s", f.Coordinate(), kind)
		return
	}
}

// subscriptionAdvice is what to do about a subscription of several subgraphs.
const subscriptionAdvice = "Define the field in one subgraph only, without @shareable."

func (m *merger) checkSubscription(f mergedField) {
	shared := sources[*schema.Field]{}
	for _, each := range f.sources.here() {
		if m.subgraphs[each.graph].Has(&each.at.Node, "shareable") {
			shared = append(shared, each)
		}
	}
	if len(shared) > 0 {
		m.errorf("INVALID_FIELD_SHARING", locations(m, shared), "Field %q cannot be @shareable, because it is a subscription.", f.Coordinate())
		m.suggest(subscriptionAdvice)
	}
}
