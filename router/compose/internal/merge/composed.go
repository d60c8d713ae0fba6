package merge

import (
	"fmt"
	"slices"
	"strings"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
)

// composed are the directives that subgraphs compose with @composeDirective.
type composed struct {
	m       *merger
	items   []*composedItem
	byGraph []map[string]bool // names of directives to compose, by subgraph
	latest  []*composedFeature
	refused map[string]bool // names of directives that are not composed
}

// A composedItem is one application of @composeDirective.
type composedItem struct {
	graph   int
	feature *subgraph.Feature
	element string // name in the specification
	name    string // name in the subgraph
	at      report.Location
}

// A composedFeature is the newest version of a specification of which directives are
// composed.
type composedFeature struct {
	*subgraph.Feature
	graphs []int // that link this version, last first
}

// ownIdentities are specifications whose directives cannot be composed: Federation
// decides about them.
var ownIdentities = func() map[string]bool {
	all := map[string]bool{}
	for _, name := range strings.Fields("core join link tag inaccessible federation authenticated requiresScopes source context cost") {
		all["https://specs.apollo.dev/"+name] = true
	}
	return all
}()

// newComposed reads and checks the applications of @composeDirective.
func newComposed(m *merger) *composed {
	c := &composed{m: m, refused: map[string]bool{}}
	for graph, s := range m.subgraphs {
		for _, a := range s.Applications("composeDirective") {
			if item := c.read(graph, s, a); item != nil {
				c.items = append(c.items, item)
			}
		}
	}
	c.findLatest()
	c.checkSameDirective()
	c.checkSameName()
	c.byGraph = make([]map[string]bool, len(m.subgraphs))
	for _, item := range c.items {
		if c.byGraph[item.graph] == nil {
			c.byGraph[item.graph] = map[string]bool{}
		}
		if c.find(item.feature.URL.Identity) != nil && !c.refused[item.name] {
			c.byGraph[item.graph][item.name] = true
		}
	}
	return c
}

func (c *composed) errorf(at []report.Location, format string, args ...any) {
	c.m.errorf("DIRECTIVE_COMPOSITION_ERROR", at, format, args...)
}

// read reads one application. It returns nil if it is wrong or needless.
func (c *composed) read(graph int, s *subgraph.Subgraph, a subgraph.Application) *composedItem {
	at := c.m.at(graph, a.Position)
	wrong := func(suggestion, format string, args ...any) *composedItem {
		c.errorf([]report.Location{at}, "@%s in subgraph %q: "+format, append([]any{a.Name, s.Name}, args...)...)
		c.m.suggest(suggestion)
		return nil
	}
	argument := a.Text("name")
	name, marked := strings.CutPrefix(argument, "@")
	if !marked {
		return wrong(fmt.Sprintf("Write @composeDirective(name: %q).", "@"+argument), "its name must be that of a directive with \"@\", not %q.", argument)
	}
	d := s.Schema.Directive(name)
	if d == nil {
		var names []string
		for _, each := range s.Schema.Directives {
			names = append(names, "@"+each.Name)
		}
		return wrong("Define the directive in this subgraph, or correct its name.", "the directive %s is not defined.%s", argument, report.DidYouMean(argument, names))
	}
	feature, element := s.Links.Source(name, true)
	switch {
	case feature == nil:
		return wrong(fmt.Sprintf("Link the directive: @link(url: \"https://example.com/NAME/v1.0\", import: [%q]).", argument), "the directive %s belongs to no specification; define one and @link it.", argument)
	case element == "":
		return wrong("Name the directive as it is imported.", "the directive %s is imported under another name.", argument)
	case ownIdentities[feature.URL.Identity]:
		if !slices.ContainsFunc([]string{"tag", "inaccessible", "authenticated", "requiresScopes", "policy", "context"}, func(own string) bool {
			defined := s.DirectiveName(own)
			return defined == name || defined == "" && own == name
		}) {
			return wrong("Remove @composeDirective.", "the directive %s of Federation cannot be composed.", argument)
		}
		c.m.hint("DIRECTIVE_COMPOSITION_INFO", &d.Node, []report.Location{at}, "@%s in subgraph %q: the directive %s is composed by default; remove this.", a.Name, s.Name, argument)
		return nil
	}
	for _, own := range []string{"tag", "inaccessible"} {
		for _, other := range c.m.subgraphs {
			if other.DirectiveName(own) == name {
				return wrong("Import the directive under another name with the argument as.", "the directive %s has the name of @%s of Federation in subgraph %q, which is composed by default.", argument, own, other.Name)
			}
		}
	}
	return &composedItem{graph, feature, element, name, at}
}

// findLatest finds the newest version of each linked specification. Versions that
// are composed must be compatible.
func (c *composed) findLatest() {
	seen := map[string]bool{}
	for _, s := range c.m.subgraphs {
		for _, f := range s.Links.Features {
			if !seen[f.URL.Identity] {
				seen[f.URL.Identity] = true
				c.addLatest(f.URL.Identity)
			}
		}
	}
}

func (c *composed) addLatest(identity string) {
	composes := func(graph int) bool {
		return slices.ContainsFunc(c.items, func(i *composedItem) bool { return i.graph == graph && i.feature.URL.Identity == identity })
	}
	var at []report.Location
	for graph, s := range c.m.subgraphs {
		if f := s.Links.Find(identity); f != nil && f.Applied != nil {
			at = append(at, c.m.at(graph, f.Applied.Position))
		}
	}
	var latest *subgraph.Feature
	latestComposed, hinted := false, false
	for graph, s := range c.m.subgraphs {
		f := s.Links.Find(identity)
		switch {
		case f == nil:
		case latest == nil:
			latest, latestComposed = f, composes(graph)
		case latest.URL.Version.Major != f.URL.Version.Major:
			if latestComposed && composes(graph) {
				c.errorf(at, "Directives of %s are composed, but subgraphs link incompatible versions of it: %s and %s.", identity, latest.URL.Version, f.URL.Version)
				c.m.suggest("Link one major version of the specification in all subgraphs that compose its directives.")
				return
			}
			if !hinted {
				hinted = true
				c.m.hint("DIRECTIVE_COMPOSITION_INFO", nil, at, "Subgraphs link incompatible versions of %s, whose directives are not composed.", identity)
			}
			if !latestComposed {
				latest, latestComposed = f, composes(graph)
			}
		case latestComposed != composes(graph):
			if !latestComposed {
				latest, latestComposed = f, true
			}
		case latest.URL.Version.Minor <= f.URL.Version.Minor:
			latest = f
		}
	}
	if !latestComposed {
		return
	}
	added := &composedFeature{Feature: latest}
	for graph := len(c.m.subgraphs) - 1; graph >= 0; graph-- {
		if f := c.m.subgraphs[graph].Links.Find(identity); f != nil && f.URL.Version == latest.URL.Version {
			added.graphs = append(added.graphs, graph)
		}
	}
	c.latest = append(c.latest, added)
}

func (c *composed) find(identity string) *composedFeature {
	for _, f := range c.latest {
		if f.URL.Identity == identity {
			return f
		}
	}
	return nil
}

// by groups the items by a key, in order.
func (c *composed) by(key func(*composedItem) string) [][]*composedItem {
	index := map[string]int{}
	var all [][]*composedItem
	for _, item := range c.items {
		i, known := index[key(item)]
		if !known {
			i = len(all)
			index[key(item)] = i
			all = append(all, nil)
		}
		all[i] = append(all[i], item)
	}
	return all
}

// checkSameDirective checks that a name means the same directive everywhere.
func (c *composed) checkSameDirective() {
	for _, items := range c.by(func(i *composedItem) string { return i.name }) {
		var at []report.Location
		same, sameSpec := true, true
		for _, item := range items {
			at = append(at, item.at)
			same = same && item.element == items[0].element
			sameSpec = sameSpec && item.feature.URL.Identity == items[0].feature.URL.Identity
		}
		if !same {
			c.refused[items[0].name] = true
			c.errorf(at, "@%s is composed, but stands for different directives in different subgraphs.", items[0].name)
			c.m.suggest("Import different directives under different names with the argument as.")
		}
		if !sameSpec {
			c.refused[items[0].name] = true
			c.errorf(at, "@%s is composed, but belongs to different specifications in different subgraphs.", items[0].name)
			c.m.suggest("Import the directives of the specifications under different names with the argument as.")
		}
	}
}

// checkSameName checks that a directive has the same name everywhere.
func (c *composed) checkSameName() {
	for _, items := range c.by(func(i *composedItem) string { return i.element }) {
		first := items[0]
		var at []report.Location
		composing := map[int]bool{}
		same := true
		for _, item := range items {
			at = append(at, item.at)
			composing[item.graph] = true
			same = same && item.name == first.name
		}
		if !same {
			for _, item := range items {
				c.refused[item.name] = true
			}
			c.errorf(at, "The composed directive @%s of %s must have the same name in all subgraphs.", first.element, first.feature.URL.Identity)
		}
		var different []report.Location
		for graph, s := range c.m.subgraphs {
			f := s.Links.Find(first.feature.URL.Identity)
			if composing[graph] || f == nil {
				continue
			}
			for _, i := range f.Imports {
				if i.Name == "@"+first.element && i.InSchema() != "@"+first.name {
					different = append(different, c.m.at(graph, f.Applied.Position))
				}
			}
		}
		if len(different) > 0 {
			c.m.hint("DIRECTIVE_COMPOSITION_WARN", nil, different,
				"The directive @%s is composed, but has another name in a subgraph that does not compose it; to compose it there, use the same name.", first.name)
		}
	}
}

// composes reports whether a directive of a subgraph is composed.
func (c *composed) composes(graph int, name string) bool { return c.byGraph[graph][name] }

// exists reports whether a directive is composed in any subgraph.
func (c *composed) exists(name string) bool {
	return slices.ContainsFunc(c.items, func(i *composedItem) bool { return i.name == name })
}

// features returns the specifications to link, with the directives as imports.
func (c *composed) features() []*subgraph.Feature {
	var all []*subgraph.Feature
	for _, latest := range c.latest {
		if ownIdentities[latest.URL.Identity] {
			continue
		}
		f := &subgraph.Feature{URL: latest.URL}
		seen := map[string]bool{}
		for _, item := range c.items {
			if item.feature.URL.Identity == f.URL.Identity && !seen[item.name] {
				seen[item.name] = true
				f.Imports = append(f.Imports, subgraph.Import{Name: "@" + item.element, As: "@" + item.name})
			}
		}
		all = append(all, f)
	}
	return all
}

// definition returns the definition of a composed directive in the newest version of
// its specification.
func (c *composed) definition(name string) (*schema.Definition, int) {
	i := slices.IndexFunc(c.items, func(item *composedItem) bool { return item.name == name })
	item := c.items[i]
	for _, each := range c.items { // the last one counts
		if each.name == name {
			item = each
		}
	}
	latest := c.find(item.feature.URL.Identity)
	if latest == nil {
		return nil, 0
	}
	var names []string
	var at []report.Location
	for _, graph := range latest.graphs {
		s := c.m.subgraphs[graph]
		f := s.Links.Find(latest.URL.Identity)
		if d := s.Schema.Directive(f.DirectiveName(item.element)); d != nil {
			return d, graph
		}
		names = append(names, s.Name)
		if f.Applied != nil {
			at = append(at, c.m.at(graph, f.Applied.Position))
		}
	}
	c.errorf(at, "The composed directive @%s is not defined in the subgraphs with the newest version %s: %s.", name, fmt.Sprint(latest.URL), report.Subgraphs(names))
	c.m.suggest("Define the directive in a subgraph that links the newest version.")
	return nil, 0
}

// addComposedFeatures links the specifications of composed directives.
func (m *merger) addComposedFeatures() {
	for _, f := range m.composed.features() {
		f.Alias = m.aliases.name(f.URL)
		if problem := conflictingImport(f.Imports); problem != "" {
			m.errorf("INVALID_LINK_DIRECTIVE_USAGE", m.importing(f.URL.Identity, problem), "The subgraphs compose %s of %s under different names; use one name.", problem, f.URL.Identity)
			m.suggest("Import it under one name in all subgraphs.")
			continue
		}
		m.link(f, "")
	}
}
