package merge

import (
	"slices"

	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
)

// needsJoin reports whether a field needs join directives: it differs between the
// subgraphs that have its type.
func (m *merger) needsJoin(f mergedField, equal bool, o *overrides) bool {
	if !equal || o.progressive() || len(m.contextual) > 0 && slices.Contains(m.contextual, f.Coordinate()) {
		return true
	}
	for _, each := range f.sources {
		s := m.subgraphs[each.graph]
		if each.at == nil || o.unused[each.graph] {
			if s.Schema.Own(f.Parent.Name) != nil {
				return true
			}
			continue
		}
		if s.IsExternal(each.at) || s.Has(&each.at.Node, "provides") || s.Has(&each.at.Node, "requires") {
			return true
		}
	}
	return false
}

func (m *merger) addJoinFields(f mergedField, equal bool, o *overrides) {
	if !m.needsJoin(f, equal, o) {
		return
	}
	for _, each := range f.sources {
		label := o.labels[each.graph]
		if each.at == nil || o.unused[each.graph] && label == "" {
			continue
		}
		s := m.subgraphs[each.graph]
		fields := func(directive string) *schema.Value {
			if d := s.First(&each.at.Node, directive); d != nil {
				return d.Argument("fields")
			}
			return nil
		}
		var override *schema.Value
		if d := s.First(&each.at.Node, "override"); d != nil {
			override = d.Argument("from")
		}
		var typ, overrideLabel *schema.Value
		if !equal {
			typ = schema.Text(each.at.Type.String())
		}
		if label != "" {
			overrideLabel = schema.Text(label)
		}
		f.Apply(m.join("join__field", each.graph,
			schema.Argument{Name: "requires", Value: fields("requires")},
			schema.Argument{Name: "provides", Value: fields("provides")},
			schema.Argument{Name: "override", Value: override},
			schema.Argument{Name: "type", Value: typ},
			schema.Argument{Name: "external", Value: when(s.IsExternal(each.at), yes)},
			schema.Argument{Name: "usedOverridden", Value: when(o.used[each.graph], yes)},
			schema.Argument{Name: "overrideLabel", Value: overrideLabel},
			schema.Argument{Name: "contextArguments", Value: m.contextArguments(s, each.at)},
		))
	}
}

// contextArguments returns the arguments of a field that are set from contexts.
func (m *merger) contextArguments(s *subgraph.Subgraph, f *schema.Field) *schema.Value {
	var all []*schema.Value
	for _, a := range f.Arguments {
		d := s.First(&a.Node, "fromContext")
		if d == nil {
			continue
		}
		context, selection, ok := subgraph.ParseContext(d.Text("field"))
		if !ok {
			continue
		}
		all = append(all, schema.Struct(
			schema.Argument{Name: "context", Value: schema.Text(s.Name + "__" + context)},
			schema.Argument{Name: "name", Value: schema.Text(a.Name)},
			schema.Argument{Name: "type", Value: schema.Text(a.Type.String())},
			schema.Argument{Name: "selection", Value: schema.Text(selection)}))
	}
	if len(all) == 0 {
		return nil
	}
	return schema.List(all...)
}

// addJoinDirectives adds applications of directives that are not part of the
// supergraph, but that the router needs, as @join__directive.
func (m *merger) addJoinDirectives(all sources[*schema.Node], dest *schema.Node) {
	type joined struct {
		name      string
		arguments []schema.Argument
		graphs    []*schema.Value
	}
	var joins []*joined
	var links []subgraph.SpecURL
	for _, each := range all {
		for _, d := range each.at.Applied {
			name, link := m.joinName(each.graph, d)
			if link != nil {
				links = append(links, *link)
			}
			if name == "" {
				continue
			}
			graph := schema.Name(m.graphs[each.graph])
			i := slices.IndexFunc(joins, func(j *joined) bool { return j.name == name && schema.SameArguments(j.arguments, d.Arguments) })
			if i < 0 {
				joins = append(joins, &joined{name, d.Arguments, []*schema.Value{graph}})
			} else {
				joins[i].graphs = append(joins[i].graphs, graph)
			}
		}
	}
	m.linkConnect(links)
	seen := map[string]bool{}
	for _, first := range joins { // by name
		if seen[first.name] {
			continue
		}
		seen[first.name] = true
		for _, j := range joins {
			if j.name == first.name {
				dest.Apply(&schema.Directive{Name: "join__directive", Arguments: []schema.Argument{
					{Name: "graphs", Value: schema.List(j.graphs...)}, {Name: "name", Value: schema.Text(j.name)}, {Name: "args", Value: schema.Struct(j.arguments...)}}})
			}
		}
	}
}

// joinName returns the name that an application has in @join__directive, "" if it
// does not become one, and the specification that it links, if any.
func (m *merger) joinName(graph int, d *schema.Directive) (name string, link *subgraph.SpecURL) {
	feature, element := m.subgraphs[graph].Links.Source(d.Name, true)
	if feature == nil {
		return "", nil
	}
	if feature.URL.Identity == "https://specs.apollo.dev/link" && element == "link" {
		for _, f := range m.subgraphs[graph].Links.Features {
			if f.URL.Identity == subgraph.ConnectIdentity && f.Applied != nil && f.Applied.Position == d.Position {
				return d.Name, &f.URL
			}
		}
		return "", nil
	}
	switch {
	case feature.URL.Identity == subgraph.ConnectIdentity:
		return d.Name, nil
	case m.joined[d.Name] && element != "":
		return subgraph.DefaultName(feature.URL, feature.URL.Name, element), nil
	}
	return "", nil
}

// latestConnect is the newest version of the specification of connectors that is not
// a preview.
const latestConnect = 3

// linkConnect links the specification of connectors.
func (m *merger) linkConnect(links []subgraph.SpecURL) {
	var latest *subgraph.SpecURL
	for _, url := range links {
		if url.Version.Minor < latestConnect {
			url.Version.Minor = latestConnect
		}
		if subgraph.KnownSpec(url) != nil && (latest == nil || url.Version.Compare(latest.Version) > 0) {
			latest = &url
		}
	}
	if latest != nil {
		m.link(&subgraph.Feature{URL: *latest, Alias: latest.Name}, "EXECUTION")
	}
}
