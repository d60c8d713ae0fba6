package merge

import "souk/router/compose/internal/schema"

// mergeUnion merges a union: it has the members of all sources.
func (m *merger) mergeUnion(all sources[*schema.Type], t *schema.Type) {
	for _, each := range all {
		for _, r := range each.at.Members {
			if !t.HasMember(r.Name) {
				t.Members = append(t.Members, &schema.Reference{Name: r.Name})
			}
		}
	}
	for _, r := range t.Members {
		has := func(t *schema.Type) bool { return t.HasMember(r.Name) }
		everywhere := true
		for _, each := range all {
			if has(each.at) {
				t.Apply(m.join("join__unionMember", each.graph, schema.Argument{Name: "member", Value: schema.Text(r.Name)}))
			} else {
				everywhere = false
			}
		}
		if !everywhere {
			presence(m, "INCONSISTENT_UNION_MEMBER", &t.Node, all, false, has, "Union %q has the member %q in only some subgraphs", t.Name, r.Name)
		}
	}
}
