package merge

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
)

// A Memory is what a merge that succeeds leaves for the next one: its types, which the
// next one takes over if nothing that they are merged from has changed.
//
// What a type is merged from is its definition in each subgraph, and facts that hold for
// the whole supergraph. A merge takes no type over if those facts differ: the subgraphs
// and their order, the linked specifications and their names, the directives that are
// part of the supergraph, and the root types. If an error comes up, it merges everything
// anew, so that all errors are the same and in the same order. These types are always
// merged:
//
//   - those that a changed subgraph defines, or has defined
//   - interfaces, whose merging looks at all implementations
//   - enums, which depend on how all other types use them
//   - objects with an interface that is an interface object anywhere, since what
//     interface objects resolve becomes a part of them
//   - those that compared different types of a field, if it changes which types are
//     subtypes of which
//   - those with a message that shows a default value, if input types or enums change
//
// The hints about a type are part of the memory, so that they come in the same order.
type Memory struct {
	subgraphs        []*subgraph.Subgraph
	circumstances    string
	specs            map[string]*subgraph.DirectiveSpec // of merged directives
	interfaceObjects map[string][]int
	roots            [3]string
	directives       string
	types            map[string]*merging
}

// A merging is how a type has been merged.
type merging struct {
	typ     *schema.Type
	hints   []*report.Hint
	applied []*report.Hint  // from merging its directives
	enums   []enumReference // in order
	related bool            // it was asked which types are subtypes
	literal bool            // a default value was printed
}

// An enumReference is the use of an enum as the type of a field or an argument.
type enumReference struct {
	enum, coordinate string
	input            bool
}

// recall finds the types of another merge that can be taken over, and remembers the
// facts that decide about it the next time.
func (m *merger) recall(before *Memory) {
	m.collectFields()
	now := m.memory
	now.circumstances, now.specs, now.interfaceObjects = m.circumstances(), map[string]*subgraph.DirectiveSpec{}, m.interfaceObjects
	for name, d := range m.merged {
		now.specs[name] = d.spec
	}
	if before == nil {
		return
	}
	m.useless = before.circumstances != now.circumstances || !maps.Equal(before.specs, now.specs) || m.connects()
	m.reused = map[*schema.Type]*merging{}
	touched, relations, inputs := changes(before.subgraphs, m.subgraphs)
	if inputs && m.directivesTakeInputs() {
		m.useless = true
	}
	if m.useless {
		return
	}
	now.roots, now.directives = before.roots, before.directives
	abstracted := func(r *schema.Reference) bool {
		return len(before.interfaceObjects[r.Name])+len(m.interfaceObjects[r.Name]) > 0
	}
	m.recalled = func(kind schema.Kind, name string) *merging {
		b := before.types[name]
		if b == nil || b.typ.Kind != kind || touched[name] || kind == schema.Interface || kind == schema.Enum ||
			b.related && relations || b.literal && inputs || slices.ContainsFunc(b.typ.Interfaces, abstracted) {
			return nil
		}
		return b
	}
}

// circumstances describes the facts that all types depend on.
func (m *merger) circumstances() string {
	var b strings.Builder
	b.WriteString(m.super.Print())
	fmt.Fprintf(&b, "\n%q %q %v %q %v", m.names, m.inaccessible, m.authorization, slices.Sorted(maps.Keys(m.joined)), m.composed.byGraph)
	return b.String()
}

// connects reports whether a subgraph links the specification of connectors, which types
// may link too.
func (m *merger) connects() bool {
	return slices.ContainsFunc(m.subgraphs, func(s *subgraph.Subgraph) bool { return s.Links.Find(subgraph.ConnectIdentity) != nil })
}

// directivesTakeInputs reports whether a directive that is part of the supergraph has an
// argument of a type that a subgraph defines.
func (m *merger) directivesTakeInputs() bool {
	for graph, s := range m.subgraphs {
		for _, d := range s.Schema.Directives {
			if m.isMergedDefinition(graph, d) && slices.ContainsFunc(d.Arguments, func(a *schema.Field) bool { return !schema.BuiltIn(a.Type.Base()) }) {
				return true
			}
		}
	}
	return false
}

// checkRoots and checkDirectives check facts that are known only when they are merged.
func (m *merger) checkRoots() {
	m.useless = m.reused != nil && m.memory.roots != m.super.Roots
	m.memory.roots = m.super.Roots
}

func (m *merger) checkDirectives() {
	var b strings.Builder
	for _, d := range m.super.Directives {
		b.WriteString(m.super.PrintDirective(d) + "\n")
	}
	m.useless = m.reused != nil && m.memory.directives != b.String()
	m.memory.directives = b.String()
}

// addType adds a type to the supergraph: one that is taken over, or one without content.
func (m *merger) addType(kind schema.Kind, name string) {
	if m.recalled != nil {
		if before := m.recalled(kind, name); before != nil {
			m.super.Adopt(before.typ)
			m.reused[before.typ] = before
			return
		}
	}
	m.super.AddType(kind, name)
}

// repeat does for a type that is taken over what merging it did beside.
func (m *merger) repeat(b *merging) {
	m.memory.types[b.typ.Name] = b
	m.hints = append(m.hints, b.hints...)
	for _, e := range b.enums {
		m.useEnum(e.enum, e.coordinate, e.input)
	}
	m.recorded = append(m.recorded, recorded{of: b, reused: true})
}

// literal prints the default value of an element.
func (m *merger) literal(f *schema.Field) string {
	if m.current != nil {
		m.current.literal = true
	}
	return f.Default.Print(f.Type, m.super)
}

// changes compares subgraphs of the same names. It returns the types that changed ones
// define, and whether it differs which types are subtypes of others, and which input
// types and enums there are.
func changes(before, now []*subgraph.Subgraph) (touched map[string]bool, relations, inputs bool) {
	touched = map[string]bool{}
	for i := range min(len(before), len(now)) {
		if before[i] == now[i] {
			continue
		}
		for _, s := range []*subgraph.Subgraph{before[i], now[i]} {
			for _, t := range s.Schema.Types {
				touched[t.Name] = true
			}
		}
		relations = relations || relationsOf(before[i]) != relationsOf(now[i])
		inputs = inputs || inputsOf(before[i]) != inputsOf(now[i])
	}
	return touched, relations, inputs
}

// relationsOf describes which types are subtypes of others.
func relationsOf(s *subgraph.Subgraph) string {
	var b strings.Builder
	for _, t := range s.Schema.Types {
		if len(t.Interfaces)+len(t.Members) > 0 || t.Kind == schema.Interface || t.Kind == schema.Union {
			fmt.Fprintf(&b, "%s %d", t.Name, kindOf(s, t))
			for _, r := range slices.Concat(t.Interfaces, t.Members) {
				b.WriteString(" " + r.Name)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// inputsOf prints the input types, enums and scalars.
func inputsOf(s *subgraph.Subgraph) string {
	var b strings.Builder
	for _, t := range s.Schema.Types {
		if t.IsInput() {
			b.WriteString(s.Schema.PrintType(t) + "\n")
		}
	}
	return b.String()
}
