package merge

import (
	"slices"

	"souk/router/compose/internal/schema"
)

// mergeEnum merges an enum. If it is used as an output only, it has the values of
// all sources; if as an input only, those that all sources have; if as both, all
// sources must have the same.
func (m *merger) mergeEnum(all sources[*schema.Type], t *schema.Type) {
	use := m.enums[t.Name]
	if use == nil {
		m.hint("UNUSED_ENUM_TYPE", &t.Node, nil, "Enum %q is not used. The supergraph has all its values, as if it was used as an output.", t.Name)
		use = &enumUse{output: t.Name}
	}
	for _, each := range all {
		for _, v := range each.at.Values {
			if t.Value(v.Name) == nil {
				t.AddValue(v.Name)
			}
		}
	}
	for _, v := range slices.Clone(t.Values) {
		m.mergeEnumValue(all, t, v, use)
	}
	if len(t.Values) == 0 {
		m.errorf("EMPTY_MERGED_ENUM_TYPE", locations(m, all), "No value of enum %q is in all subgraphs that define it. As an input type, it has only values that all of them know.", t.Name)
	}
}

func (m *merger) mergeEnumValue(all sources[*schema.Type], t *schema.Type, v *schema.EnumValue, use *enumUse) {
	values := through(all, func(t *schema.Type) *schema.EnumValue { return t.Value(v.Name) })
	nodes := values.nodes()
	m.mergeDescription(nodes, &v.Node)
	m.record(nodes, &v.Node)
	for _, each := range nodes {
		v.Apply(m.join("join__enumValue", each.graph))
	}
	has := func(t *schema.Type) bool { return t.Value(v.Name) != nil }
	if len(nodes) == len(all) || m.inaccessible != "" && v.Has(m.inaccessible) && use.input != "" {
		return
	}
	switch {
	case use.input == "":
		presence(m, "INCONSISTENT_ENUM_VALUE_FOR_OUTPUT_ENUM", &v.Node, all, false, has, "Value %q of enum %q is in the supergraph, but not in all subgraphs that define the enum", v.Name, t.Name)
	case use.output == "":
		presence(m, "INCONSISTENT_ENUM_VALUE_FOR_INPUT_ENUM", &v.Node, all, false, has, "Value %q of enum %q is not in the supergraph, because not all subgraphs have it", v.Name, t.Name)
		t.RemoveValue(v)
		m.removed[&v.Node] = true
	default:
		groups, _ := spread[*schema.Type]{elements: all, value: func(t *schema.Type) string {
			if has(t) {
				return "yes"
			}
			return ""
		}}.groups(m, "yes")
		m.errorf("ENUM_VALUE_MISMATCH", presentAndMissing(m, values, all.nodes()), "Enum %q is the type of inputs (such as %q) and outputs (such as %q), so all subgraphs must have the same values; %q is in %s, but not in %s.",
			t.Name, use.input, use.output, v.Name, groups[0], groups[1])
	}
}
