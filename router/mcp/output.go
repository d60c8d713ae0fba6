package mcp

import (
	"cmp"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/vektah/gqlparser/v2/ast"
)

// maxTypeNames bounds the names of types that a schema lists for __typename.
const maxTypeNames = 100

// output returns the schema of an operation's data, or nil if the operation has more than
// maxVisited fields: agents need no schema, and each of them gets it with the list of tools.
func output(schema *ast.Schema, document *ast.QueryDocument, op *ast.OperationDefinition) *jsonschema.Schema {
	o := outputs{schemas: schemas{schema, map[string]*jsonschema.Schema{}}, fragments: document.Fragments, left: maxVisited}
	root := schema.Query
	if op.Operation == ast.Mutation {
		root = schema.Mutation
	}
	out := o.object(root, []selected{{on: root, set: op.SelectionSet}})
	if o.left < 0 {
		return nil
	}
	if len(o.named) > 0 {
		out.Defs = o.named
	}
	return out
}

// outputs makes schemas for selection sets. A field with @skip or @include may be absent. Each
// object type of an interface or a union that has other fields than the rest has a schema of its
// own.
type outputs struct {
	schemas
	fragments ast.FragmentDefinitionList
	left      int // of maxVisited
}

// A selected set is one of those that are merged for an object.
type selected struct {
	on       *ast.Definition
	set      ast.SelectionSet
	optional bool
}

// object returns the schema of an object with the fields of selection sets.
func (o *outputs) object(of *ast.Definition, sets []selected) *jsonschema.Schema {
	groups := o.groups(of, sets)
	out := make([]*jsonschema.Schema, len(groups))
	for i, types := range groups {
		if o.left < 0 {
			return &jsonschema.Schema{}
		}
		out[i] = o.fields(types, sets)
	}
	if len(out) == 1 {
		return out[0]
	}
	return &jsonschema.Schema{AnyOf: out}
}

// groups returns the possible object types of a type, grouped by the fragments that apply to them.
func (o *outputs) groups(of *ast.Definition, sets []selected) [][]string {
	possible := []string{of.Name}
	if of.IsAbstractType() {
		possible = possible[:0]
		for _, p := range o.schema.GetPossibleTypes(of) {
			if p.Kind == ast.Object {
				possible = append(possible, p.Name)
			}
		}
		slices.Sort(possible)
	}
	var groups [][]string
	at := map[string]int{}
	conditions := o.conditions(sets)
	for _, name := range possible {
		applies := make([]byte, len(conditions))
		for i, c := range conditions {
			if o.is(name, c) {
				applies[i] = 1
			}
		}
		i, known := at[string(applies)]
		if !known {
			i = len(groups)
			at[string(applies)] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], name)
	}
	if len(groups) == 0 { // no object has the type
		return [][]string{nil}
	}
	return groups
}

// conditions returns the type conditions of the fragments in selection sets of one object.
func (o *outputs) conditions(sets []selected) (names []string) {
	seen := map[string]bool{} // fragments
	var visit func(ast.SelectionSet)
	add := func(condition string, set ast.SelectionSet) {
		if condition != "" && !slices.Contains(names, condition) {
			names = append(names, condition)
		}
		visit(set)
	}
	visit = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch sel := selection.(type) {
			case *ast.InlineFragment:
				add(sel.TypeCondition, sel.SelectionSet)
			case *ast.FragmentSpread:
				if f := o.fragments.ForName(sel.Name); f != nil && !seen[sel.Name] {
					seen[sel.Name] = true
					add(f.TypeCondition, f.SelectionSet)
				}
			}
		}
	}
	for _, s := range sets {
		visit(s.set)
	}
	return names
}

// is reports whether objects of a type are of another one, too.
func (o *outputs) is(object, of string) bool {
	return object == of || slices.ContainsFunc(o.schema.PossibleTypes[of], func(p *ast.Definition) bool { return p.Name == object })
}

// A property is what selection sets have under one response key.
type property struct {
	key      string
	name     string
	typ      *ast.Type
	sets     []selected
	optional bool
}

// fields returns the schema of objects of types to which the same fragments apply.
func (o *outputs) fields(types []string, sets []selected) *jsonschema.Schema {
	c := collector{outputs: o, types: types, at: map[string]*property{}, spread: map[string]bool{}}
	for _, s := range sets {
		c.collect(s)
	}
	out := object("")
	for _, p := range c.list {
		if o.left--; o.left < 0 {
			return out
		}
		if p.name == "__typename" {
			names := &jsonschema.Schema{Type: "string"}
			if len(types) <= maxTypeNames {
				for _, name := range types {
					names.Enum = append(names.Enum, name)
				}
			}
			out.Properties[p.key] = names
		} else {
			out.Properties[p.key] = o.of(p.typ, func(of *ast.Definition) *jsonschema.Schema {
				if of.IsCompositeType() {
					return o.object(of, p.sets)
				}
				return o.leaf(of)
			})
		}
		out.PropertyOrder = append(out.PropertyOrder, p.key)
		if !p.optional {
			out.Required = append(out.Required, p.key)
		}
	}
	return out
}

// A collector merges the fields of selection sets, for objects of one group of types.
type collector struct {
	*outputs
	types []string
	list  []*property
	at    map[string]*property
	// spread are the fragments that have been collected: true if their fields are not optional.
	spread map[string]bool
}

func (c *collector) collect(s selected) {
	for _, selection := range s.set {
		switch sel := selection.(type) {
		case *ast.Field:
			c.field(s, sel)
		case *ast.InlineFragment:
			c.fragment(s, sel.TypeCondition, sel.SelectionSet, conditional(sel.Directives))
		case *ast.FragmentSpread:
			optional := s.optional || conditional(sel.Directives)
			required, known := c.spread[sel.Name]
			f := c.fragments.ForName(sel.Name)
			if f == nil || known && (required || optional) {
				continue
			}
			c.spread[sel.Name] = !optional
			c.fragment(s, f.TypeCondition, f.SelectionSet, optional)
		}
	}
}

func (c *collector) fragment(s selected, condition string, set ast.SelectionSet, optional bool) {
	on := s.on
	if condition != "" {
		if len(c.types) == 0 || !c.is(c.types[0], condition) {
			return
		}
		on = cmp.Or(c.schema.Types[condition], on)
	}
	c.collect(selected{on: on, set: set, optional: s.optional || optional})
}

func (c *collector) field(s selected, f *ast.Field) {
	key, optional := cmp.Or(f.Alias, f.Name), s.optional || conditional(f.Directives)
	p := c.at[key]
	if p == nil {
		p = &property{key: key, name: f.Name, optional: true}
		definition := s.on.Fields.ForName(f.Name)
		if definition == nil && f.Name != "__typename" {
			return // the document is valid, so this does not happen
		}
		if definition != nil {
			p.typ = definition.Type
		}
		c.at[key], c.list = p, append(c.list, p)
	}
	p.optional = p.optional && optional
	if p.typ == nil || len(f.SelectionSet) == 0 {
		return
	}
	if on := c.schema.Types[s.on.Fields.ForName(f.Name).Type.Name()]; on != nil {
		p.sets = append(p.sets, selected{on: on, set: f.SelectionSet, optional: optional})
	}
}

// conditional reports whether directives may leave a selection out.
func conditional(list ast.DirectiveList) bool {
	return list.ForName("skip") != nil || list.ForName("include") != nil
}
