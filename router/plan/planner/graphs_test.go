package planner_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// A graphWriter writes a supergraph of a few object types, each in several subgraphs
// with their own keys, with randomly shareable fields, some of which require or provide
// others or are overridden. Types can have keys of several fields and of fields of other types,
// be members of a union or an interface, and set a context for a field of another. A subgraph
// may have the interface as an @interfaceObject.
type graphWriter struct {
	r             *rand.Rand
	graphs, types int
	union         bool
	// members are the types that implement the interface I, and implementing the subgraphs that
	// have it as an interface. objectIn is the subgraph that has it as an @interfaceObject, or -1.
	members, implementing []int
	objectIn              int
	// setters are the types that set a context in the subgraph contextIn, and consumer is the type
	// with a field that takes a value from it. There are none if setters is nil.
	setters             []int
	contextIn, consumer int
	// declared are the subgraphs that declare a field, by type and name.
	declared map[string][]int
	b        strings.Builder
}

const (
	graphKeys   = 3 // k0 to k2
	graphValues = 2 // r0 and r1, which others require
)

// randomGraph writes a supergraph.
func randomGraph(r *rand.Rand) string {
	w := &graphWriter{r: r, graphs: 2 + r.IntN(4), types: 1 + r.IntN(3), union: r.IntN(3) == 0, objectIn: -1, declared: map[string][]int{}}
	if r.IntN(2) == 0 {
		w.graphs = 2 + r.IntN(3) // there is more to know about objects of interfaces
		w.members = w.some(w.sequence(w.types))
		w.implementing = w.some(w.sequence(w.graphs))
		if others := without(w.sequence(w.graphs), w.implementing); len(others) > 0 && r.IntN(2) == 0 {
			w.objectIn = w.one(others)
		}
	}
	if r.IntN(3) == 0 {
		w.consumer = r.IntN(w.types)
		w.contextIn = w.one(w.home(w.consumer))
		for t := range w.types {
			if slices.Contains(w.home(t), w.contextIn) && (w.setters == nil || r.IntN(2) == 0) {
				w.setters = append(w.setters, t)
			}
		}
	}
	w.head()
	for t := range w.types {
		w.objectType(t)
	}
	if w.members != nil {
		w.interfaceType()
	}
	w.b.WriteString("type N")
	for g := range w.graphs {
		fmt.Fprintf(&w.b, " @join__type(graph: G%d)", g)
	}
	w.b.WriteString(" { id: ID }\n")
	w.roots()
	return w.b.String()
}

// sequence returns 0 to n-1.
func (w *graphWriter) sequence(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

func without(list, some []int) []int {
	return slices.DeleteFunc(slices.Clone(list), func(i int) bool { return slices.Contains(some, i) })
}

func (w *graphWriter) one(list []int) int { return list[w.r.IntN(len(list))] }

// some returns at least one of a list, in order.
func (w *graphWriter) some(list []int) (out []int) {
	if len(list) == 0 {
		return nil
	}
	for _, i := range w.r.Perm(len(list))[:1+w.r.IntN(len(list))] {
		out = append(out, list[i])
	}
	slices.Sort(out)
	return out
}

// home returns the subgraphs that have a type.
func (w *graphWriter) home(t int) []int {
	if w.objectIn >= 0 && slices.Contains(w.members, t) {
		return without(w.sequence(w.graphs), []int{w.objectIn})
	}
	return w.sequence(w.graphs)
}

// both returns what is in both lists.
func both(a, b []int) []int { return without(a, without(a, b)) }

// field writes a field of a type.
func (w *graphWriter) field(on, name, typ string, in []int, extra map[int]string) {
	fmt.Fprintf(&w.b, "  %s: %s", name, typ)
	for _, g := range in {
		fmt.Fprintf(&w.b, " @join__field(graph: G%d%s)", g, extra[g])
	}
	if len(in) == 0 { // only an @interfaceObject has it
		w.b.WriteString(" @join__field")
	}
	w.b.WriteString("\n")
	w.declared[on+"."+name] = in
}

func (w *graphWriter) head() {
	w.b.WriteString(`schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION) @link(url: "https://specs.apollo.dev/context/v0.1", for: SECURITY) { query: Query mutation: Mutation subscription: Subscription }` + "\nscalar context__ContextFieldValue\nenum join__Graph {\n")
	for g := range w.graphs {
		fmt.Fprintf(&w.b, "  G%d @join__graph(name: \"g%d\", url: \"http://g%d\")\n", g, g, g)
	}
	w.b.WriteString("}\n")
	if !w.union {
		return
	}
	w.b.WriteString("union U")
	for g := range w.graphs {
		if g == w.objectIn {
			continue
		}
		fmt.Fprintf(&w.b, " @join__type(graph: G%d)", g)
		for t := range w.types {
			fmt.Fprintf(&w.b, ` @join__unionMember(graph: G%d, member: "T%d")`, g, t)
		}
	}
	w.b.WriteString(" = T0")
	for t := 1; t < w.types; t++ {
		fmt.Fprintf(&w.b, " | T%d", t)
	}
	w.b.WriteString("\n")
}

// objectType writes the type with a number.
func (w *graphWriter) objectType(t int) {
	home, name := w.home(t), fmt.Sprintf("T%d", t)
	fmt.Fprintf(&w.b, "type %s", name)
	if slices.Contains(w.members, t) {
		w.b.WriteString(" implements I")
		for _, g := range w.implementing {
			fmt.Fprintf(&w.b, ` @join__implements(graph: G%d, interface: "I")`, g)
		}
	}
	if slices.Contains(w.setters, t) {
		fmt.Fprintf(&w.b, ` @context(name: "g%d__c")`, w.contextIn)
	}
	keyed, below := w.keys(t)
	w.b.WriteString(" {\n")
	if slices.Contains(w.members, t) { // an interface has at least one field
		keyed[0] = w.also(keyed[0], w.implementing)
	}
	for k := range graphKeys {
		w.field(name, fmt.Sprintf("k%d", k), "ID", w.also(keyed[k], w.some(home)), nil)
	}
	for f := range 3 + w.r.IntN(3) {
		in, extra := w.some(home), map[int]string{}
		if w.r.IntN(2) == 0 {
			in = in[:1]
		}
		if w.r.IntN(4) == 0 {
			extra[in[0]] = fmt.Sprintf(`, requires: "r%d"`, w.r.IntN(graphValues))
		}
		w.field(name, fmt.Sprintf("f%d", f), "Int", in, extra)
	}
	for f := range graphValues {
		w.value(t, f)
	}
	for f := range w.types {
		in, extra := w.some(both(home, w.home(f))), map[int]string{}
		if w.r.IntN(4) == 0 {
			extra[in[0]] = fmt.Sprintf(`, provides: "r%d"`, w.r.IntN(graphValues))
		}
		w.field(name, fmt.Sprintf("t%d", f), fmt.Sprintf("T%d", f), in, extra)
	}
	if in := without(home, []int{w.objectIn}); w.union && w.r.IntN(2) == 0 {
		w.field(name, "u", "U", w.some(in), nil)
	}
	if in := both(home, w.implementing); w.members != nil && len(in) > 0 && w.r.IntN(2) == 0 {
		w.field(name, "i", "I", w.some(in), nil)
	}
	if below != nil {
		w.field(name, "n", "N", w.also(below, w.some(home)), nil)
	}
	if w.objectIn >= 0 && slices.Contains(w.members, t) {
		w.field(name, "x", "Int", nil, nil)
	}
	if w.setters != nil && t == w.consumer {
		w.field(name, "c", "Int", []int{w.contextIn}, map[int]string{w.contextIn: fmt.Sprintf(`, contextArguments: [{context: "g%d__c", name: "a", type: "Int", selection: " { r0 }"}]`, w.contextIn)})
	}
	w.b.WriteString("}\n")
}

// also returns a list with more.
func (w *graphWriter) also(list, more []int) []int {
	list = append(slices.Clone(list), without(more, list)...)
	slices.Sort(list)
	return list
}

// keys writes the keys of a type, and returns the subgraphs that have each key field, and those
// that have one in the field n.
func (w *graphWriter) keys(t int) (keyed [graphKeys][]int, below []int) {
	for _, g := range w.home(t) {
		has := false
		key := func(text string, fields ...int) {
			fmt.Fprintf(&w.b, ` @join__type(graph: G%d, key: "%s")`, g, text)
			for _, k := range fields {
				keyed[k] = w.also(keyed[k], []int{g})
			}
			has = true
		}
		for k := range graphKeys {
			// An @interfaceObject needs a key of all types.
			if w.r.IntN(3) == 0 || k == 0 && w.objectIn >= 0 && slices.Contains(w.members, t) && slices.Contains(w.implementing, g) {
				key(fmt.Sprintf("k%d", k), k)
			}
		}
		if w.r.IntN(6) == 0 {
			key("k0 k1", 0, 1)
		}
		if w.r.IntN(8) == 0 { // a key in another object
			key("n { id }")
			below = append(below, g)
		}
		if !has {
			fmt.Fprintf(&w.b, " @join__type(graph: G%d)", g)
		}
	}
	return keyed, below
}

// value writes a field that others require or provide, or take from a context.
func (w *graphWriter) value(t, f int) {
	in, extra := w.some(w.home(t)), map[int]string{}
	switch from := w.one(in); w.r.IntN(8) {
	case 0: // another subgraph takes it over
		if by := w.one(in); by != from {
			extra[by] = fmt.Sprintf(`, override: "g%d", overrideLabel: "l"`, from)
			extra[from] = `, overrideLabel: "l"`
		}
	case 1: // another subgraph has it where it is provided
		if len(in) > 1 {
			extra[from] = ", external: true"
		}
	}
	w.field(fmt.Sprintf("T%d", t), fmt.Sprintf("r%d", f), "Int", in, extra)
}

// interfaceType writes the interface. In each subgraph it has the fields that all of its types have there.
func (w *graphWriter) interfaceType() {
	w.b.WriteString("interface I")
	for _, g := range w.implementing {
		fmt.Fprintf(&w.b, " @join__type(graph: G%d", g)
		if w.objectIn >= 0 {
			w.b.WriteString(`, key: "k0"`)
		}
		w.b.WriteString(")")
	}
	if w.objectIn >= 0 {
		fmt.Fprintf(&w.b, ` @join__type(graph: G%d, key: "k0", isInterfaceObject: true)`, w.objectIn)
	}
	w.b.WriteString(" {\n")
	names := map[string]string{"k0": "ID", "k1": "ID", "f0": "Int", "f1": "Int", "r0": "Int", "r1": "Int"}
	for t := range w.types {
		names[fmt.Sprintf("t%d", t)] = fmt.Sprintf("T%d", t)
	}
	for _, name := range sortedKeys(names) {
		in := w.implementing
		for _, t := range w.members {
			in = both(in, w.declared[fmt.Sprintf("T%d.%s", t, name)])
		}
		object := w.objectIn >= 0 && (name == "k0" || w.r.IntN(4) == 0)
		if strings.HasPrefix(name, "t") && slices.Contains(w.members, int(name[1]-'0')) {
			object = false // the subgraph does not have the type
		}
		if object {
			in = w.also(in, []int{w.objectIn})
		}
		if len(in) > 0 {
			w.field("I", name, names[name], in, nil)
		}
	}
	if w.objectIn >= 0 {
		w.field("I", "x", "Int", []int{w.objectIn}, nil)
	}
	w.b.WriteString("}\n")
}

func sortedKeys(m map[string]string) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// roots writes the root types, which have the same fields.
func (w *graphWriter) roots() {
	before := w.b.Len()
	w.b.WriteString("type Query")
	for g := range w.graphs {
		fmt.Fprintf(&w.b, " @join__type(graph: G%d)", g)
	}
	w.b.WriteString(" {\n")
	for t := range w.types {
		w.field("Query", fmt.Sprintf("t%d", t), fmt.Sprintf("T%d", t), w.some(w.home(t)), nil)
	}
	if w.union {
		w.field("Query", "u", "U", w.some(without(w.sequence(w.graphs), []int{w.objectIn})), nil)
	}
	if w.members != nil {
		w.field("Query", "i", "I", w.some(w.also(w.implementing, without([]int{w.objectIn}, []int{-1}))), nil)
	}
	w.b.WriteString("}\n")
	query := w.b.String()[before:]
	for _, root := range []string{"Mutation", "Subscription"} {
		w.b.WriteString(strings.Replace(query, "Query", root, 1))
	}
}

// randomQuery selects fields at random, each at most once in a selection set.
func randomQuery(r *rand.Rand, schema *ast.Schema, t *ast.Definition, depth int) string {
	var b strings.Builder
	b.WriteString("{")
	if t.IsAbstractType() {
		for i, member := range schema.GetPossibleTypes(t) {
			if i == 0 && t.Kind == ast.Union || r.IntN(2) == 0 {
				b.WriteString(" ... on " + member.Name + randomQuery(r, schema, member, depth))
			}
		}
	}
	if t.Kind == ast.Union {
		return b.String() + "}"
	}
	fields := slices.Clone(visible(t.Fields))
	r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	for i, f := range fields[:1+r.IntN(min(5, len(fields)))] {
		named := schema.Types[f.Type.Name()]
		switch {
		case !named.IsCompositeType():
			b.WriteString(" " + f.Name)
		case depth < 2:
			b.WriteString(" " + f.Name + randomQuery(r, schema, named, depth+1))
		case i == 0:
			b.WriteString(" __typename")
		}
	}
	return b.String() + "}"
}
