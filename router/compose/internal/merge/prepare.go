package merge

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
)

// A mergedDirective is a directive of a specification that is part of the supergraph.
type mergedDirective struct {
	spec       *subgraph.DirectiveSpec
	name       string // in the supergraph
	definition *schema.Definition
}

// An authorization is a directive that restricts access.
type authorization struct{ spec, name string }

// prepare adds what the supergraph has before anything is merged: the link and join
// specifications, the specifications of merged directives, and the graphs.
func (m *merger) prepare() {
	subgraph.DefineLink(m.super)
	m.latestVersion()
	m.link(&subgraph.Feature{URL: subgraph.SpecURL{Identity: "https://specs.apollo.dev/link", Name: "link", Version: subgraph.Version{Major: 1}}, Alias: "link"}, "")
	join := m.joinSpec()
	m.link(&subgraph.Feature{URL: join, Alias: "join"}, "EXECUTION")
	m.addJoinSpec(join.Version.Minor)
	specs := m.mergedSpecs()
	m.composed = newComposed(m)
	m.aliases = m.findAliases(specs)
	m.addSpecs(specs)
	m.addGraphs()
}

// latestVersion finds the version of Federation of the supergraph.
func (m *merger) latestVersion() {
	for graph, s := range m.subgraphs {
		version, because := s.FederationVersion()
		if because != nil {
			at := []report.Location{{Subgraph: s.Name}}
			if because.Applied != nil {
				at[0] = m.at(graph, because.Applied.Position)
			}
			link := m.super.Directive("link")
			m.hint("IMPLICITLY_UPGRADED_FEDERATION_VERSION", &link.Node, at, "Subgraph %q links Federation %s, but %s needs %s, which is used instead.",
				s.Name, s.LinkedVersion(), because.URL, version)
		}
		if version.Compare(m.version) > 0 {
			m.version = version
		}
	}
}

// link applies @link to the supergraph.
func (m *merger) link(f *subgraph.Feature, purpose string) {
	arguments := []schema.Argument{{Name: "url", Value: schema.Text(f.URL.String())}}
	if f.Alias != f.URL.Name {
		arguments = append(arguments, schema.Argument{Name: "as", Value: schema.Text(f.Alias)})
	}
	if purpose != "" {
		arguments = append(arguments, schema.Argument{Name: "for", Value: schema.Name(purpose)})
	}
	if len(f.Imports) > 0 {
		var imports []*schema.Value
		for _, i := range f.Imports {
			if i.As == "" || i.As == i.Name {
				imports = append(imports, schema.Text(i.Name))
			} else {
				imports = append(imports, schema.Struct(schema.Argument{Name: "name", Value: schema.Text(i.Name)}, schema.Argument{Name: "as", Value: schema.Text(i.As)}))
			}
		}
		arguments = append(arguments, schema.Argument{Name: "import", Value: schema.List(imports...)})
	}
	m.super.Apply(&schema.Directive{Name: "link", Arguments: arguments})
	m.features = append(m.features, f)
}

// A mergedSpec is a specification with the directives that are used.
type mergedSpec struct {
	composition *subgraph.Composition
	directives  []*mergedDirective
}

// A use is a directive of a specification with the subgraphs that use it.
type use struct {
	name        string
	url         subgraph.SpecURL // the newest
	definitions sources[*schema.Definition]
}

// mergedSpecs returns the specifications of the directives that are part of the
// supergraph, in the order in which subgraphs use them.
func (m *merger) mergedSpecs() []*mergedSpec {
	var specs []*mergedSpec
	for _, u := range m.uses() {
		spec := subgraph.KnownSpec(u.url)
		if spec == nil {
			continue
		}
		d := spec.Directive(u.name)
		if d == nil || d.Composition == nil {
			continue
		}
		name := u.definitions[0].at.Name
		for _, other := range u.definitions {
			if other.at.Name != name {
				mismatchError(m, "LINK_IMPORT_NAME_MISMATCH", fmt.Sprintf("@%s of %s must have the same name in all subgraphs. It is imported as", u.name, u.url),
					`"@`+name+`"`, spread[*schema.Definition]{elements: u.definitions, value: func(d *schema.Definition) string { return `"@` + d.Name + `"` }})
				m.errors[len(m.errors)-1].Locations = m.imports(u.definitions)
				return specs
			}
		}
		specs = addSpec(specs, d, name)
		m.joined[name] = m.joined[name] || d.Composition.Join
	}
	return specs
}

// imports returns where subgraphs link what defines a directive, or apply it if nothing does.
func (m *merger) imports(definitions sources[*schema.Definition]) []report.Location {
	var all []report.Location
	for _, each := range definitions {
		s := m.subgraphs[each.graph]
		if feature, _ := s.Links.Source(each.at.Name, true); feature != nil && feature.Applied != nil {
			all = append(all, m.at(each.graph, feature.Applied.Position))
		} else if applied := s.AllApplications(each.at.Name); len(applied) > 0 {
			all = append(all, m.at(each.graph, applied[0].Position))
		}
	}
	return all
}

// importing returns where subgraphs import an element of a specification.
func (m *merger) importing(identity, name string) []report.Location {
	var all []report.Location
	for graph, s := range m.subgraphs {
		f := s.Links.Find(identity)
		if f != nil && f.Applied != nil && slices.ContainsFunc(f.Imports, func(i subgraph.Import) bool { return i.Name == name }) {
			all = append(all, m.at(graph, f.Applied.Position))
		}
	}
	return all
}

func addSpec(specs []*mergedSpec, d *subgraph.DirectiveSpec, name string) []*mergedSpec {
	added := &mergedDirective{spec: d, name: name}
	for _, s := range specs {
		if s.composition.Spec.Identity == d.Composition.Spec.Identity {
			s.directives = append(s.directives, added)
			return specs
		}
	}
	return append(specs, &mergedSpec{d.Composition, []*mergedDirective{added}})
}

// uses returns the directives of specifications that subgraphs apply, by compatible
// version.
func (m *merger) uses() []*use {
	type key struct {
		name, identity string
		series         int
	}
	known := map[key]*use{}
	var order []*use
	for graph, s := range m.subgraphs {
		for _, d := range s.Schema.Directives {
			feature, name := s.Links.Source(d.Name, true)
			if feature == nil || name == "" || len(s.AllApplications(d.Name)) == 0 {
				continue
			}
			series := feature.URL.Version.Major
			if series == 0 {
				series = -feature.URL.Version.Minor
			}
			k := key{name, feature.URL.Identity, series}
			u := known[k]
			if u == nil {
				u = &use{name: name, url: feature.URL}
				known[k] = u
				order = append(order, u)
			}
			if feature.URL.Version.Compare(u.url.Version) > 0 {
				u.url = feature.URL
			}
			u.definitions = append(u.definitions, source[*schema.Definition]{graph, d})
		}
	}
	return groupUses(order)
}

// groupUses puts the uses of different versions of one directive together.
func groupUses(order []*use) []*use {
	var grouped []*use
	done := map[*use]bool{}
	for i, u := range order {
		if done[u] {
			continue
		}
		for _, other := range order[i:] {
			if other.name == u.name && other.url.Identity == u.url.Identity {
				grouped = append(grouped, other)
				done[other] = true
			}
		}
	}
	return grouped
}

// addSpecs links the specifications and adds their elements.
func (m *merger) addSpecs(specs []*mergedSpec) {
	for _, s := range specs {
		url := s.composition.Spec
		f := &subgraph.Feature{URL: url, Alias: m.aliases.name(url)}
		for _, d := range s.directives {
			if !d.spec.Composition.Join && d.name != subgraph.DefaultName(url, f.Alias, d.spec.Name) {
				i := subgraph.Import{Name: "@" + d.spec.Name}
				if d.name != d.spec.Name {
					i.As = "@" + d.name
				}
				f.Imports = append(f.Imports, i)
			}
		}
		if problem := conflictingImport(f.Imports); problem != "" {
			m.errorf("INVALID_LINK_DIRECTIVE_USAGE", m.importing(url.Identity, problem), "The subgraphs import %s under different names; use one name.", problem)
			m.suggest("Import it under one name in all subgraphs.")
			continue
		}
		m.link(f, s.composition.Purpose)
		if spec := subgraph.KnownSpec(url); spec != nil {
			subgraph.Define(m.super, spec, f)
		}
		for _, d := range s.directives {
			m.addMerged(d, url)
		}
	}
}

// conflictingImport returns an element that is imported under two names, or "".
func conflictingImport(imports []subgraph.Import) string {
	names := map[string]string{}
	for _, i := range imports {
		if before, twice := names[i.Name]; twice && before != i.InSchema() {
			return i.Name
		}
		names[i.Name] = i.InSchema()
	}
	return ""
}

func (m *merger) addMerged(d *mergedDirective, url subgraph.SpecURL) {
	d.definition = m.super.Directive(d.name)
	m.merged[d.name] = d
	if d.spec.Name != url.Name {
		return
	}
	switch d.spec.Name {
	case "inaccessible":
		m.inaccessible = d.name
	case "authenticated", "requiresScopes", "policy":
		m.authorization = append(m.authorization, authorization{d.spec.Name, d.name})
	}
}

var (
	notWord     = regexp.MustCompile(`\W`)
	numberAtEnd = regexp.MustCompile(`_\d+$`)
)

// graphName returns the name of a subgraph in the enum join__Graph.
func graphName(name string) string {
	graph := notWord.ReplaceAllString(name, "_")
	if graph != "" && graph[0] >= '0' && graph[0] <= '9' {
		graph = "_" + graph
	}
	if numberAtEnd.MatchString(graph) {
		graph += "_"
	}
	return strings.ToUpper(graph)
}

// addGraphs adds the subgraphs to the enum join__Graph.
func (m *merger) addGraphs() {
	same := map[string]int{}
	for _, name := range m.names {
		same[graphName(name)]++
	}
	seen := map[string]int{}
	enum := m.super.Type("join__Graph")
	for _, s := range m.subgraphs {
		graph := graphName(s.Name)
		if same[graph] > 1 {
			seen[graph]++
			graph = fmt.Sprintf("%s_%d", graph, seen[graph])
		}
		if strings.HasPrefix(graph, "__") {
			m.errorf("INVALID_GRAPHQL", []report.Location{{Subgraph: s.Name}}, "The subgraph name %q becomes %q in the supergraph, but names that begin with \"__\" are reserved; choose another name.", s.Name, graph)
			m.suggest("Rename the subgraph.")
		}
		m.graphs = append(m.graphs, graph)
		m.graphValues = append(m.graphValues, schema.Name(graph))
		enum.AddValue(graph).Apply(&schema.Directive{Name: "join__graph", Arguments: []schema.Argument{
			{Name: "name", Value: schema.Text(s.Name)}, {Name: "url", Value: schema.Text(s.URL)}}})
	}
}
