package satisfy_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A generator makes small supergraphs, as a composition would print them: two to
// four subgraphs with entities, a value type, an interface, a union and an
// @interfaceObject, with keys that may lead nowhere. Many are not satisfiable.
type generator struct {
	draw   func(n int) int
	graphs []string
	types  map[string]*typeText
}

// A typeText is a type of the supergraph, by subgraph.
type typeText struct {
	name, kind string
	in         map[string][]string // the arguments of @join__type beside graph
	implements map[string]bool     // the subgraphs in which it implements I
	members    map[string][]string // of a union
	fields     map[string]*fieldText
}

type fieldText struct {
	arguments, typ string
	in             map[string]string // the arguments of @join__field beside graph
}

// generate makes a supergraph with numbers from draw.
func generate(draw func(n int) int) string {
	g := &generator{draw: draw, types: map[string]*typeText{}}
	g.graphs = []string{"A", "B", "C", "D"}[:2+draw(3)]
	for _, name := range []string{"E0", "E1", "E2"} {
		g.entity(name)
	}
	g.value()
	g.abstract()
	g.interfaceObject()
	for _, name := range []string{"E0", "E1", "E2", "V"} {
		g.references(name)
	}
	for _, name := range []string{"E0", "E1", "E2"} {
		g.requires(name)
		g.overrides(name)
	}
	for _, name := range []string{"E0", "E1", "E2", "V"} {
		g.notEmpty(name)
	}
	g.root("Query", "q", 3)
	if g.chance(30) {
		g.root("Mutation", "m", 2)
	}
	return g.print()
}

func (g *generator) chance(percent int) bool { return g.draw(100) < percent }

func pick[T any](g *generator, from []T) T { return from[g.draw(len(from))] }

func (g *generator) typ(name, kind string) *typeText {
	if g.types[name] == nil {
		g.types[name] = &typeText{name: name, kind: kind, in: map[string][]string{}, implements: map[string]bool{}, members: map[string][]string{}, fields: map[string]*fieldText{}}
	}
	return g.types[name]
}

func (t *typeText) field(graph, name, typ, arguments string) {
	if t.fields[name] == nil {
		t.fields[name] = &fieldText{typ: typ, in: map[string]string{}}
	}
	if t.fields[name].typ == "" {
		t.fields[name].typ = typ
	}
	if _, ok := t.fields[name].in[graph]; !ok {
		t.fields[name].in[graph] = arguments
	}
}

func (t *typeText) resolvedIn(name string) (graphs []string) {
	if t.fields[name] == nil {
		return nil
	}
	for graph, arguments := range t.fields[name].in {
		if !strings.Contains(arguments, "external") {
			graphs = append(graphs, graph)
		}
	}
	slices.Sort(graphs)
	return graphs
}

// with lists the subgraphs that define a type.
func (t *typeText) with() []string { return slices.Sorted(maps.Keys(t.in)) }

func (g *generator) entity(name string) {
	t := g.typ(name, "type")
	for i, graph := range g.graphs {
		if i > 0 && g.chance(30) {
			continue
		}
		t.in[graph] = nil
		for n := range 1 + g.draw(2) {
			key := pick(g, []string{"id", "id", "code", "id code", "v { id }"})
			if n == 0 && !g.chance(15) {
				key = "id"
			}
			text := fmt.Sprintf("key: %q", key)
			if g.chance(5) {
				text += ", resolvable: false"
			}
			if g.chance(4) || slices.ContainsFunc(t.in[graph], func(have string) bool { return strings.HasPrefix(have, fmt.Sprintf("key: %q", key)) }) {
				continue
			}
			t.in[graph] = append(t.in[graph], text)
			g.keyFields(t, graph, key)
		}
		for _, f := range []string{"f0", "f1"} {
			if g.chance(40) {
				t.field(graph, f, "Int", "")
			}
		}
	}
}

func (g *generator) keyFields(t *typeText, graph, key string) {
	switch key {
	case "v { id }":
		t.field(graph, "v", "V", "")
		v := g.typ("V", "type")
		v.in[graph] = nil
		v.field(graph, "id", "ID", "")
	default:
		for _, f := range strings.Fields(key) {
			t.field(graph, f, "ID", "")
		}
	}
}

// value adds fields to the value type where it is defined.
func (g *generator) value() {
	v := g.typ("V", "type")
	v.in[g.graphs[0]] = nil
	for _, graph := range v.with() {
		for _, f := range []string{"id", "x", "y"} {
			if !g.chance(10) {
				v.field(graph, f, "ID", "")
			}
		}
	}
}

// abstract adds an interface and a union of E0, E1 and E2 to some subgraphs.
func (g *generator) abstract() {
	i, u := g.typ("I", "interface"), g.typ("U", "union")
	for _, graph := range g.graphs {
		var members []string
		for _, name := range []string{"E0", "E1", "E2"} {
			if _, ok := g.types[name].in[graph]; ok && g.chance(70) {
				members = append(members, name)
			}
		}
		if len(members) > 0 && g.chance(60) {
			i.in[graph] = nil
			for _, m := range members {
				g.types[m].implements[graph] = true
				g.types[m].field(graph, "id", "ID", "")
			}
			i.field(graph, "id", "ID", "")
			if g.chance(40) {
				i.in[graph] = []string{`key: "id"`}
				for _, m := range members {
					for i, key := range g.types[m].in[graph] {
						if strings.HasPrefix(key, `key: "id"`) {
							g.types[m].in[graph][i] = `key: "id"`
						}
					}
					if !slices.Contains(g.types[m].in[graph], `key: "id"`) {
						g.types[m].in[graph] = append(g.types[m].in[graph], `key: "id"`)
					}
				}
			}
		}
		if len(members) > 0 && g.chance(40) {
			u.in[graph] = nil
			u.members[graph] = members
		}
	}
}

// interfaceObject adds a subgraph that knows I only as an @interfaceObject.
func (g *generator) interfaceObject() {
	i := g.types["I"]
	if len(i.in) == 0 || g.chance(60) {
		return
	}
	g.graphs = append(g.graphs, "O")
	i.in["O"] = []string{`key: "id", isInterfaceObject: true`}
	i.field("O", "id", "ID", "")
	i.field("O", "extra", "Int", "")
	for _, name := range []string{"E0", "E1", "E2"} {
		if t := g.types[name]; len(t.implements) > 0 {
			t.fields["extra"] = &fieldText{typ: "Int"}
		}
	}
}

// references adds fields of object and abstract types, with @provides.
func (g *generator) references(name string) {
	t := g.types[name]
	for _, graph := range t.with() {
		for _, f := range []string{"E1", "E2", "V", "I", "U"} {
			to := g.types[f]
			if _, ok := to.in[graph]; !ok || g.chance(70) {
				continue
			}
			g.reference(t, graph, "to"+f, f)
		}
	}
}

func (g *generator) reference(t *typeText, graph, name, to string) {
	if t.fields[name] != nil {
		if _, ok := t.fields[name].in[graph]; ok {
			return
		}
	}
	t.field(graph, name, to, g.provides(graph, to))
}

// provides may provide an external field of an entity.
func (g *generator) provides(graph, name string) string {
	t := g.types[name]
	if t.kind != "type" || name == "V" || g.chance(60) {
		return ""
	}
	f := pick(g, []string{"f0", "f1", "code"})
	if t.fields[f] == nil || len(t.resolvedIn(f)) == 0 || slices.Contains(t.resolvedIn(f), graph) {
		return ""
	}
	t.field(graph, f, "", "external: true")
	return fmt.Sprintf("provides: %q", f)
}

// requires adds fields that require an external one, which may require another.
func (g *generator) requires(name string) {
	t := g.types[name]
	for _, graph := range t.with() {
		f := pick(g, []string{"f0", "f1", "code", "v { y }"})
		top := strings.Fields(f)[0]
		if g.chance(50) || len(t.resolvedIn(top)) == 0 || slices.Contains(t.resolvedIn(top), graph) {
			continue
		}
		if top == "v" {
			v := g.types["V"]
			if len(v.resolvedIn("y")) == 0 {
				continue
			}
			v.in[graph] = nil
			v.field(graph, "y", "ID", "external: true")
		}
		t.field(graph, top, "", "external: true")
		t.field(graph, "need"+graph, "Int", fmt.Sprintf("requires: %q", f))
		if other := pick(g, t.with()); other != graph && g.chance(40) {
			t.field(other, "need"+graph, "", "external: true")
			t.field(other, "chain"+other, "Int", fmt.Sprintf("requires: %q", "need"+graph))
		}
	}
}

// overrides moves a field of two subgraphs from one to the other.
func (g *generator) overrides(name string) {
	t := g.types[name]
	for _, f := range []string{"f0", "f1"} {
		graphs := t.resolvedIn(f)
		if len(graphs) != 2 || len(t.fields[f].in) != 2 || g.chance(60) {
			continue
		}
		from, to := graphs[0], graphs[1]
		t.fields[f].in[to] = fmt.Sprintf("override: %q", strings.ToLower(from))
		if g.chance(60) {
			t.fields[f].in[to] += fmt.Sprintf(", overrideLabel: %q", pick(g, []string{"one", "two"}))
		} else {
			t.fields[f].in[from] = "usedOverridden: true"
		}
	}
}

// notEmpty adds a field where a subgraph has none of a type.
func (g *generator) notEmpty(name string) {
	t := g.types[name]
	for _, graph := range t.with() {
		if !slices.ContainsFunc(slices.Collect(maps.Values(t.fields)), func(f *fieldText) bool { _, ok := f.in[graph]; return ok }) {
			t.field(graph, "id", "ID", "")
		}
	}
}

func (g *generator) root(name, prefix string, most int) {
	t := g.typ(name, "type")
	for _, graph := range g.graphs {
		t.in[graph] = nil
		for i := range most {
			var types []string
			for _, of := range slices.Sorted(maps.Keys(g.types)) {
				if _, ok := g.types[of].in[graph]; ok && of != "Query" && of != "Mutation" {
					types = append(types, of)
				}
			}
			if len(types) == 0 || i > 0 && g.chance(50) {
				continue
			}
			to := pick(g, types)
			field := prefix + to
			if g.chance(70) {
				field += graph
			}
			g.reference(t, graph, field, to)
		}
	}
}
