package oracle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Split generates a graph and splits it into two to six subgraphs with keys, value types,
// @shareable, @requires (including chains and cycles), @provides, @override, interfaces,
// unions, @interfaceObject, @inaccessible and @fromContext. Most results compose, but not
// all.
func Split(seed uint64) map[string]string {
	s := &splitter{rng: rand.New(rand.NewPCG(seed, 0x50c)), types: map[string]map[string]*typeText{}}
	s.graphs = []string{"a", "b", "c", "d", "e", "f"}[:2+s.rng.IntN(5)]
	for i := range 2 + s.rng.IntN(4) {
		s.entities = append(s.entities, fmt.Sprintf("E%d", i))
	}
	for _, e := range s.entities {
		s.placeEntity(e)
	}
	s.placeInterface()
	for _, e := range s.entities {
		s.fillEntity(e)
	}
	s.placeRequires()
	s.placeProvides()
	s.placeInterfaceObject()
	s.filled = true
	s.placeRoots("Query", 3)
	s.placeRoots("Mutation", 1)
	s.placeContexts()
	out := map[string]string{}
	for _, g := range s.graphs {
		out[g] = s.print(g)
	}
	return out
}

type splitter struct {
	rng      *rand.Rand
	graphs   []string
	entities []string
	// members are the entities that implement the interface Node, if it exists.
	members []string
	// interfaceGraphs are the subgraphs that declare Node.
	interfaceGraphs []string
	// labelGraphs are those in which Node has the field label.
	labelGraphs []string
	types       map[string]map[string]*typeText // by subgraph, by type
	owned       []ownedField
	// filled is set when entities get no more fields.
	filled bool
}

// A typeText is the SDL of a type in one subgraph.
type typeText struct {
	head   string
	fields []string
	names  map[string]bool
}

// An ownedField is a field of an entity that one subgraph resolves.
type ownedField struct {
	entity, graph, name, arguments, fieldType string
	line                                      int
}

func (s *splitter) chance(percent int) bool { return s.rng.IntN(100) < percent }

func choose[T any](s *splitter, from []T) T { return from[s.rng.IntN(len(from))] }

func (s *splitter) declare(graph, name, head string) *typeText {
	if s.types[graph] == nil {
		s.types[graph] = map[string]*typeText{}
	}
	t := s.types[graph][name]
	if t == nil {
		t = &typeText{head: head, names: map[string]bool{}}
		s.types[graph][name] = t
	}
	return t
}

func (t *typeText) add(name, text string) {
	if !t.names[name] {
		t.names[name] = true
		t.fields = append(t.fields, text)
	}
}

// placeEntity adds an entity to subgraphs with one or both keys. The first subgraph has both
// keys, so that every subgraph is reachable from every other.
func (s *splitter) placeEntity(e string) {
	graphs := slices.Clone(s.graphs)
	s.rng.Shuffle(len(graphs), func(i, j int) { graphs[i], graphs[j] = graphs[j], graphs[i] })
	two := s.chance(30)
	nested := s.chance(20)
	for i, g := range graphs[:1+s.rng.IntN(len(graphs))] {
		keys := []string{"id"}
		switch {
		case nested:
			keys = [][]string{{"id", "org { id }"}, {"id"}, {"org { id }"}, {"org { id } id"}}[min(i, 1)*s.rng.IntN(4)]
		case two:
			keys = [][]string{{"id", "code"}, {"id"}, {"code"}, {"id code"}}[min(i, 1)*s.rng.IntN(4)]
		}
		s.entityIn(g, e, keys)
	}
}

func (s *splitter) entityIn(graph, e string, keys []string) *typeText {
	if t := s.types[graph][e]; t != nil {
		return t
	}
	head := "type " + e
	for _, k := range keys {
		head += fmt.Sprintf(" @key(fields: %q", k)
		if s.filled && s.chance(40) { // only a reference
			head += ", resolvable: false"
		}
		head += ")"
	}
	t := s.declare(graph, e, head)
	all := strings.Join(keys, " ")
	if strings.Contains(all, "org") {
		t.add("org", "org: Org!")
		s.declare(graph, "Org", `type Org @key(fields: "id")`).add("id", "id: ID!")
	}
	if strings.Contains(strings.ReplaceAll(all, "org { id }", ""), "id") {
		t.add("id", "id: ID!")
	}
	if strings.Contains(all, "code") {
		t.add("code", "code: String!")
	}
	return t
}

// placeInterface adds the interface Node, which some entities implement in some subgraphs.
func (s *splitter) placeInterface() {
	if len(s.entities) < 2 || s.chance(30) {
		return
	}
	s.members = s.entities[:2+s.rng.IntN(len(s.entities)-1)]
	for _, g := range s.graphs {
		if s.chance(50) && (len(s.interfaceGraphs) > 0 || g != s.graphs[len(s.graphs)-1]) {
			continue
		}
		s.interfaceGraphs = append(s.interfaceGraphs, g)
		node := s.declare(g, "Node", `interface Node @key(fields: "id")`)
		node.add("id", "id: ID!")
		if s.chance(60) {
			node.add("label", "label: String")
			s.labelGraphs = append(s.labelGraphs, g)
		}
		s.declare(g, "Any", "union Any = "+strings.Join(s.members, " | "))
		for _, m := range s.members {
			t := s.entityIn(g, m, []string{"id"})
			if !strings.Contains(t.head, `@key(fields: "id")`) {
				t.head += ` @key(fields: "id")`
			}
			t.add("id", "id: ID!")
			t.head = strings.Replace(t.head, "type "+m, "type "+m+" implements Node", 1)
		}
	}
}

func (s *splitter) fillEntity(e string) {
	var graphs []string
	for _, g := range s.graphs {
		if s.types[g][e] != nil {
			graphs = append(graphs, g)
		}
	}
	for i := range 2 + s.rng.IntN(5) {
		s.addField(e, fmt.Sprintf("%s_f%d", strings.ToLower(e), i), graphs)
	}
	if slices.Contains(s.members, e) {
		s.addLabel(e, graphs)
	}
}

// addLabel adds the field label, which every implementation of Node has, to an entity. Each
// entity gets it from a random subgraph. Where Node has the field, the other subgraphs
// declare it, too.
func (s *splitter) addLabel(e string, graphs []string) {
	g := choose(s, graphs)
	shared := s.chance(40)
	for _, other := range s.labelGraphs {
		switch {
		case other == g:
		case shared:
			s.types[other][e].add("label", "label: String @shareable")
		default:
			s.types[other][e].add("label", "label: String @external")
		}
	}
	if shared {
		s.types[g][e].add("label", "label: String @shareable")
		return
	}
	s.types[g][e].add("label", "label: String")
	s.owned = append(s.owned, ownedField{entity: e, graph: g, name: "label", fieldType: "String"})
}

func (s *splitter) addField(e, name string, graphs []string) {
	g := choose(s, graphs)
	arguments := ""
	if s.chance(25) {
		arguments = choose(s, []string{"(n: Int = 3)", "(s: String)", "(n: Int, s: [String!])", "(in: Input)"})
		if strings.Contains(arguments, "Input") {
			s.declareInput(g)
		}
	}
	fieldType := s.fieldType(g)
	t := s.types[g][e]
	line := fmt.Sprintf("%s%s: %s", name, arguments, fieldType)
	leaf := strings.HasPrefix(fieldType, "Int") || strings.HasPrefix(fieldType, "String")
	other := choose(s, graphs)
	switch {
	case other != g && leaf && arguments == "" && s.chance(25):
		s.types[other][e].add(name, line+" @shareable")
		line += " @shareable"
	case other != g && leaf && arguments == "" && s.chance(15):
		s.types[other][e].add(name, line)
		line += fmt.Sprintf(" @override(from: %q)", other)
	case s.chance(8):
		line += " @inaccessible"
	default:
		s.owned = append(s.owned, ownedField{entity: e, graph: g, name: name, arguments: arguments, fieldType: fieldType, line: len(t.fields)})
	}
	t.add(name, line)
}

// fieldType generates a type and declares the types it refers to in the subgraph.
func (s *splitter) fieldType(graph string) string {
	named := choose(s, []string{"Int", "String", "String", "Int", "Color", "Value", "Boolean", "Float", "entity", "entity", "entity", "Node", "Any", "Shape", "Figure"})
	switch named {
	case "Color":
		s.declareColor(graph)
	case "Value":
		s.declareValue(graph)
	case "Shape", "Figure":
		s.declareShapes(graph)
	case "entity":
		named = choose(s, s.entities)
		s.entityIn(graph, named, []string{"id"})
	case "Node", "Any":
		if !slices.Contains(s.interfaceGraphs, graph) {
			named = "Int"
		}
	}
	return fmt.Sprintf(choose(s, []string{"%s", "%s", "%s", "%s!", "[%s]", "[%s!]!", "[[%s]]"}), named)
}

func (s *splitter) declareColor(graph string) {
	t := s.declare(graph, "Color", "enum Color")
	for _, v := range []string{"RED", "GREEN", "BLUE"} {
		t.add(v, v)
	}
}

func (s *splitter) declareInput(graph string) {
	t := s.declare(graph, "Input", "input Input")
	t.add("x", "x: Int")
	t.add("list", "list: [String!]")
	t.add("deep", "deep: Input")
}

func (s *splitter) declareValue(graph string) {
	t := s.declare(graph, "Value", "type Value @shareable")
	t.add("x", "x: Int")
	t.add("y", "y: String!")
	t.add("color", "color: Color")
	t.add("deep", "deep: Deep")
	d := s.declare(graph, "Deep", "type Deep @shareable")
	d.add("z", "z(n: Int = 1): Int")
	d.add("list", "list: [String]")
	s.declareColor(graph)
}

// declareShapes declares an interface and a union of value types.
func (s *splitter) declareShapes(graph string) {
	s.declare(graph, "Shape", "interface Shape").add("area", "area: Int")
	s.declare(graph, "Figure", "union Figure = Circle | Square")
	c := s.declare(graph, "Circle", "type Circle implements Shape @shareable")
	c.add("area", "area: Int")
	c.add("radius", "radius: String!")
	q := s.declare(graph, "Square", "type Square implements Shape @shareable")
	q.add("area", "area: Int")
	q.add("value", "value: Value")
	s.declareValue(graph)
}

// placeRequires adds fields that require a field of another subgraph, which may itself have
// requirements.
func (s *splitter) placeRequires() {
	fields := slices.Clone(s.owned)
	for len(fields) > 0 {
		f := fields[0]
		fields = fields[1:]
		g := choose(s, s.graphs)
		t := s.types[g][f.entity]
		if t == nil || g == f.graph || t.names[f.name] || strings.Contains(f.arguments, "Input") || !s.chance(40) {
			continue
		}
		var set string
		switch strings.Trim(f.fieldType, "[]!") {
		case "Int", "String", "Boolean", "Float":
			set = f.name
			if strings.HasPrefix(f.arguments, "(n: Int =") && s.chance(60) {
				set += fmt.Sprintf("(n: %d)", s.rng.IntN(4))
			}
		case "Value":
			s.declareValue(g)
			set = f.name + choose(s, []string{" { x }", " { x y }", " { deep { z } y }", " { deep { z(n: 2) list } }"})
		case "Shape":
			s.declareShapes(g)
			set = f.name + choose(s, []string{" { area }", " { area ... on Circle { radius } }", " { ... on Square { value { x deep { z } } area } ... on Circle { radius } }"})
		case "Figure":
			s.declareShapes(g)
			set = f.name + choose(s, []string{" { ... on Circle { radius } }", " { ... on Shape { area } ... on Square { value { y } } }"})
		case "Node", "Any":
			if !slices.Contains(s.interfaceGraphs, g) {
				continue
			}
			set = f.name + " { " + s.requiredOfMembers(g) + " }"
		default:
			continue
		}
		t.add(f.name, fmt.Sprintf("%s%s: %s @external", f.name, f.arguments, f.fieldType))
		name := "req_" + f.name + "_" + g
		t.add(name, fmt.Sprintf("%s: String @requires(fields: %q)", name, set))
		fields = append(fields, ownedField{entity: f.entity, graph: g, name: name, fieldType: "String"})
		if strings.HasPrefix(f.arguments, "(n: Int =") && !strings.Contains(set, "{") && s.chance(60) { // the same field with another argument
			name := "also_" + f.name + "_" + g
			t.add(name, fmt.Sprintf("%s: String @requires(fields: %q)", name, fmt.Sprintf("%s(n: %d)", f.name, 4+s.rng.IntN(4))))
		}
	}
}

// requiredOfMembers returns a field set on Node or Any with fields that other subgraphs
// resolve.
func (s *splitter) requiredOfMembers(g string) string {
	set := "... on Node { id }"
	for _, f := range s.owned {
		t := s.types[g][f.entity]
		leaf := f.fieldType == "Int" || f.fieldType == "String" || f.fieldType == "[String]"
		if !slices.Contains(s.members, f.entity) || f.graph == g || t.names[f.name] || !leaf || f.arguments != "" || s.chance(50) {
			continue
		}
		t.add(f.name, fmt.Sprintf("%s: %s @external", f.name, f.fieldType))
		set += fmt.Sprintf(" ... on %s { %s }", f.entity, f.name)
	}
	return set
}

// placeProvides adds fields that provide a field of another subgraph.
func (s *splitter) placeProvides() {
	for _, f := range slices.Clone(s.owned) {
		g := choose(s, s.graphs)
		target, parent := s.types[g][f.entity], s.types[g][choose(s, s.entities)]
		if target == nil || parent == nil || g == f.graph || target.names[f.name] || f.arguments != "" || !s.chance(25) {
			continue
		}
		if named := strings.Trim(f.fieldType, "[]!"); named != "Int" && named != "String" {
			continue
		}
		owner := s.types[f.graph][f.entity]
		for i, line := range owner.fields {
			if strings.HasPrefix(line, f.name+":") {
				owner.fields[i] = line + " @shareable"
			}
		}
		target.add(f.name, fmt.Sprintf("%s: %s @external", f.name, f.fieldType))
		name := "prov_" + f.name + "_" + g
		if slices.Contains(s.members, f.entity) && slices.Contains(s.interfaceGraphs, g) && s.chance(50) {
			parent.add(name, fmt.Sprintf("%s: %s @provides(fields: \"... on %s { %s }\")", name, choose(s, []string{"Node", "[Any]"}), f.entity, f.name))
			continue
		}
		parent.add(name, fmt.Sprintf("%s: %s @provides(fields: %q)", name, choose(s, []string{f.entity, "[" + f.entity + "]"}), f.name))
	}
}

// placeInterfaceObject adds a subgraph that defines Node as an @interfaceObject.
func (s *splitter) placeInterfaceObject() {
	if len(s.interfaceGraphs) == 0 || s.chance(50) {
		return
	}
	g := "object"
	s.graphs = append(s.graphs, g)
	t := s.declare(g, "Node", `type Node @key(fields: "id") @interfaceObject`)
	t.add("id", "id: ID!")
	t.add("extra", "extra: "+choose(s, []string{"Int", "String!", "[Int]"}))
	t.add("extraArg", "extraArg(n: Int = 2): String")
	s.declareValue(g)
	t.add("extraValue", "extraValue: Value")
	if len(s.labelGraphs) > 0 && s.chance(60) {
		t.add("label", "label: String @external")
		t.add("extraOfLabel", `extraOfLabel: String @requires(fields: "label")`)
	}
}

func (s *splitter) placeRoots(root string, most int) {
	for _, g := range s.graphs {
		for i := range s.rng.IntN(most + 1) {
			name := fmt.Sprintf("%s_%s%d", strings.ToLower(root), g, i)
			s.declare(g, root, "type "+root).add(name, name+choose(s, []string{"", "", "(n: Int)", "(s: String = \"x\")"})+": "+s.rootType(g))
		}
	}
	if root == "Query" {
		e := choose(s, s.entities)
		for _, g := range s.graphs {
			if s.types[g][e] != nil && s.types[g][e].names["id"] {
				s.declare(g, root, "type "+root).add("shared", "shared: "+e+" @shareable")
			}
		}
		// Make sure that some entities are reachable.
		first := s.graphs[0]
		s.declare(first, root, "type "+root).add("first", "first: ["+s.rootEntity(first)+"!]")
	}
}

func (s *splitter) rootType(g string) string {
	if g == "object" {
		return choose(s, []string{"Node", "[Node]", "[Node!]!"})
	}
	return s.fieldType(g)
}

func (s *splitter) rootEntity(g string) string {
	e := choose(s, s.entities)
	s.entityIn(g, e, []string{"id"})
	return e
}

func (s *splitter) print(graph string) string {
	var out strings.Builder
	out.WriteString(`extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@requires", "@provides", "@external", "@shareable", "@override", "@inaccessible", "@interfaceObject", "@context", "@fromContext"])` + "\n")
	names := make([]string, 0, len(s.types[graph]))
	for name := range s.types[graph] {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		t := s.types[graph][name]
		out.WriteString("\n" + t.head)
		if len(t.fields) > 0 {
			out.WriteString(" {\n  " + strings.Join(t.fields, "\n  ") + "\n}")
		}
		out.WriteString("\n")
	}
	return out.String()
}
