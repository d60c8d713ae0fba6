package supergraph

import (
	"reflect"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
	"souk/router/operation"
)

func (r *reader) readFields() error {
	for _, def := range r.doc.Definitions {
		if r.machinery(def.Name) {
			continue
		}
		t := r.types[def.Name]
		all := make([]Field, len(def.Fields))
		for i, fd := range def.Fields {
			if t.Field(fd.Name) != nil {
				return place(fd.Position, "the field %s.%s is defined twice", t.Name, fd.Name)
			}
			if err := r.readField(&all[i], t, fd); err != nil {
				return err
			}
			t.Fields = append(t.Fields, &all[i])
			if t.fields != nil {
				t.fields[fd.Name] = &all[i]
			}
			t.index()
		}
		r.pause()
	}
	return r.takeFields()
}

func (r *reader) readField(f *Field, t *Type, fd *ast.FieldDefinition) error {
	*f = Field{
		Parent:           t,
		Name:             fd.Name,
		Type:             r.common.text(fd.Type.String()),
		Named:            r.types[fd.Type.Name()],
		Inaccessible:     r.directive(fd.Directives, "inaccessible") != nil,
		fieldAnnotations: unannotatedField,
	}
	said := fieldAnnotations{ListSize: r.listSize(fd.Directives)}
	said.Cost, said.Directives, said.Tags = r.cost(fd.Directives), r.applied(fd.Directives), r.tags(fd.Directives)
	if r.authorizes(fd.Directives) {
		var err error
		if said.Authorization, err = r.authorization(t.Name+"."+f.Name, fd.Directives); err != nil {
			return err
		}
	}
	if !reflect.ValueOf(said).IsZero() {
		f.fieldAnnotations = &said
	}
	if f.Named == nil {
		return place(fd.Position, "the field %s.%s is of the type %s, which is not defined", t.Name, f.Name, fd.Type.Name())
	}
	if input := f.Named.Kind == InputObject; input != (t.Kind == InputObject) && f.Named.Kind != Scalar && f.Named.Kind != Enum {
		return place(fd.Position, "the field %s.%s is of the type %s, which mixes input and output", t.Name, f.Name, f.Named.Name)
	}
	for _, a := range fd.Arguments {
		named := r.types[a.Type.Name()]
		if named == nil {
			return place(a.Position, "the argument %s of %s.%s is of the type %s, which is not defined", a.Name, t.Name, f.Name, a.Type.Name())
		}
		argument := &Argument{
			Name: a.Name, Type: r.common.text(a.Type.String()), Named: named,
			Inaccessible: r.directive(a.Directives, "inaccessible") != nil,
			Cost:         r.cost(a.Directives),
		}
		if a.DefaultValue != nil {
			argument.Default = literal(a.DefaultValue)
		}
		f.Arguments = append(f.Arguments, argument)
	}
	f.Arguments = r.common.sameArguments(f.Arguments)
	pending := len(r.later)
	if err := r.readFieldIn(f, fd); err != nil {
		return err
	}
	if len(r.later) == pending && !r.apart { // otherwise, something is set later
		if in, plain := r.common.in(f, f.In, f.Named, r.model.Subgraphs); plain {
			f.In = in
		}
	}
	return nil
}

// readFieldIn sets f.In: the subgraphs named by the join__field directives or,
// if there are none, all subgraphs that define the parent type.
func (r *reader) readFieldIn(f *Field, fd *ast.FieldDefinition) error {
	if r.directive(fd.Directives, "join__field") == nil {
		all := make([]FieldIn, len(f.Parent.In))
		f.In = make([]*FieldIn, len(all))
		for i, t := range f.Parent.In {
			all[i] = FieldIn{Subgraph: t.Subgraph, Type: f.Type, Named: f.Named}
			f.In[i] = &all[i]
		}
		return nil
	}
	all := make([]FieldIn, 0, len(fd.Directives))
	f.In = make([]*FieldIn, 0, len(fd.Directives))
	var used, overriding []*ast.Directive
	for _, d := range fd.Directives {
		if r.federated(d.Name) != "join__field" {
			continue
		}
		g, err := r.graph(d)
		if err != nil {
			return err
		}
		if g == nil {
			continue
		}
		if f.Parent.InSubgraph(g) == nil {
			return place(d.Position, "%s.%s is in the subgraph %s, which does not define the type %s", f.Parent.Name, f.Name, g.Name, f.Parent.Name)
		}
		all = append(all, FieldIn{Subgraph: g, Type: f.Type, Named: f.Named, External: boolArgument(d, "external", false)})
		fi := &all[len(all)-1]
		i, twice := slices.BinarySearchFunc(f.In, g, func(in *FieldIn, g *Subgraph) int { return in.Subgraph.Index - g.Index })
		if twice {
			f.In[i] = fi
		} else {
			f.In = slices.Insert(f.In, i, fi)
		}
		if err := r.readJoinField(f, fi, d); err != nil {
			return err
		}
		if stringArgument(d, "override") != "" {
			overriding = append(overriding, d)
		}
		if boolArgument(d, "usedOverridden", false) {
			used = append(used, d)
		}
	}
	r.readOverrides(f, overriding)
	for _, d := range used {
		if fi := f.InSubgraph(r.graphs[stringArgument(d, "graph")]); fi.Overridden == nil {
			fi.External = true // overridden, but by which subgraph is unknown
		}
	}
	return nil
}

// readOverrides connects the fields that override others with these.
func (r *reader) readOverrides(f *Field, joins []*ast.Directive) {
	for _, d := range joins {
		from := r.model.Subgraph(stringArgument(d, "override"))
		if from == nil {
			continue // an override of an unknown subgraph has no effect
		}
		fi := f.InSubgraph(r.graphs[stringArgument(d, "graph")])
		r.overrides = true
		fi.Override = &Override{From: from, To: fi.Subgraph, Label: stringArgument(d, "overrideLabel")}
		if in := f.InSubgraph(from); in != nil {
			in.Overridden = fi.Override
		}
	}
}

func (r *reader) readJoinField(f *Field, fi *FieldIn, d *ast.Directive) error {
	if text := stringArgument(d, "type"); text != "" {
		named, err := r.namedIn(text)
		if err != nil {
			return place(d.Position, "%s.%s: %w", f.Parent.Name, f.Name, err)
		}
		fi.Type, fi.Named = text, named
	}
	set := func(argument string, on *Type, to **FieldSet) {
		text := stringArgument(d, argument)
		if text == "" {
			return
		}
		r.later = append(r.later, func() (err error) {
			if *to, err = r.fieldSet(text, on); err != nil {
				return place(d.Position, "%s.%s, argument %s for the subgraph %s: %w", f.Parent.Name, f.Name, argument, fi.Subgraph.Name, err)
			}
			return nil
		})
	}
	set("requires", f.Parent, &fi.Requires)
	set("provides", fi.Named, &fi.Provides)
	if contexts := d.Arguments.ForName("contextArguments"); contexts != nil {
		for _, c := range contexts.Value.Children {
			fi.Contexts = append(fi.Contexts, r.readContextArgument(f, c.Value))
		}
	}
	return nil
}

// namedIn returns the named type in the text of a type, such as Product in
// "[Product!]!".
func (r *reader) namedIn(text string) (*Type, error) {
	doc, err := syntax.Schema(&ast.Source{Input: "type T{f:" + text + "}"}, 0)
	if err != nil || len(doc.Definitions) != 1 || len(doc.Definitions[0].Fields) != 1 {
		return nil, place(nil, "%q is not a type", text)
	}
	name := doc.Definitions[0].Fields[0].Type.Name()
	if r.types[name] == nil {
		return nil, place(nil, "the type %s is not defined", name)
	}
	return r.types[name], nil
}

// addKeyFields adds the fields of a key to the subgraph with the key. Join v0.1
// records only the subgraph that owns a field.
func (r *reader) addKeyFields() {
	var add func(t *Type, g *Subgraph, selections []operation.Selection)
	add = func(t *Type, g *Subgraph, selections []operation.Selection) {
		for _, sel := range selections {
			field, ok := sel.(*operation.Field)
			if !ok {
				continue
			}
			f := t.Field(field.Name)
			if f == nil {
				continue // __typename
			}
			if f.InSubgraph(g) == nil {
				f.In = append(slices.Clip(f.In), &FieldIn{Subgraph: g, Type: f.Type, Named: f.Named})
				slices.SortFunc(f.In, func(a, b *FieldIn) int { return a.Subgraph.Index - b.Subgraph.Index })
			}
			add(f.Named, g, field.Selections)
		}
	}
	for _, t := range r.types {
		for _, in := range t.In {
			for _, key := range in.Keys {
				add(t, in.Subgraph, key.Fields.Selections)
			}
		}
	}
}

// markRequired marks the fields that an @interfaceObject requires as external in
// its subgraph. Not every composition does so for the fields of an interface.
func (r *reader) markRequired() {
	if len(r.model.InterfaceObjects) == 0 {
		return
	}
	for _, t := range r.types {
		r.pause()
		for _, f := range t.Fields {
			for _, in := range f.In {
				if known := t.InSubgraph(in.Subgraph); in.Requires != nil && known.InterfaceObject {
					markLeaves(t, known, in.Requires)
				}
			}
		}
	}
}

func markLeaves(t *Type, known *TypeIn, required *FieldSet) {
	for _, sel := range required.Selections {
		leaf, ok := sel.(*operation.Field)
		if !ok || len(leaf.Selections) > 0 || known.hasInKey(leaf.Name) {
			continue
		}
		f := t.Field(leaf.Name)
		i := slices.IndexFunc(f.In, func(in *FieldIn) bool { return in.Subgraph == known.Subgraph })
		if i >= 0 && f.In[i].Requires == nil && !f.In[i].External {
			in := *f.In[i]
			in.External = true
			f.In = slices.Clone(f.In) // others may share the list
			f.In[i] = &in
		}
	}
}

// hasInKey reports whether a field is at the top level of a key.
func (t *TypeIn) hasInKey(name string) bool {
	return slices.ContainsFunc(t.Keys, func(k *Key) bool {
		return slices.ContainsFunc(k.Fields.Selections, func(sel operation.Selection) bool {
			f, ok := sel.(*operation.Field)
			return ok && f.Name == name
		})
	})
}
