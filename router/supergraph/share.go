package supergraph

import (
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
	"souk/router/operation"
)

// A model is made anew for each supergraph, because its types refer to each other. But most types
// have the same text as before. Such a type is not parsed: it is copied, with what it has of its own,
// and what refers to other types or to subgraphs is looked up in the new model. It keeps nothing of
// the former model in memory but texts and values that do not change.

// errNotShared means that a type depends on something that has changed beyond its own text.
var errNotShared = errors.New("a type differs from that of the former supergraph")

// explicitJoin is the first minor version of the join specification with which the text of a type
// says all about its subgraphs.
const explicitJoin = 3

// An entry is a type in the SDL, which has been parsed or comes from the former model.
type entry struct {
	def    *ast.Definition
	former *Type
}

func (e entry) name() string {
	if e.former != nil {
		return e.former.Name
	}
	return e.def.Name
}

// read makes all of a model but its API schema, part by part.
func read(sdl string, former *Model, pause func()) (*reader, error) {
	parts, ok := syntax.Parts(sdl, pause)
	if !ok {
		return readWhole(sdl, pause)
	}
	frame := frameOf(parts)
	if former != nil && (former.frame == nil || *former.frame != frame || former.version < explicitJoin || len(former.Unserved) > 0) {
		former = nil
	}
	r := newReader(&ast.SchemaDocument{}, pause)
	r.former, r.texts, r.model.frame = former, map[*ast.Definition]string{}, &frame
	for _, p := range parts {
		pause()
		if old := former.sharing(p); old != nil {
			r.order = append(r.order, entry{former: old})
			continue
		}
		doc, err := p.Schema()
		if err != nil {
			return readWhole(sdl, pause)
		}
		r.doc.Merge(doc)
		for _, def := range doc.Definitions {
			r.order = append(r.order, entry{def: def})
			if p.Name != "" && shareable(def) {
				r.texts[def] = def.Position.Src.Input
			}
		}
	}
	return r, r.read()
}

// readWhole is like read for an SDL that cannot be split, and returns syntax errors.
func readWhole(sdl string, pause func()) (*reader, error) {
	doc, err := syntax.Schema(&ast.Source{Name: "supergraph", Input: sdl}, 0)
	if err != nil {
		return nil, located(err)
	}
	r := newReader(doc, pause)
	for _, def := range doc.Definitions {
		r.order = append(r.order, entry{def: def})
	}
	return r, r.read()
}

// frameOf returns a digest of all parts but types, and of the types that describe the supergraph
// itself, such as join__Graph.
func frameOf(parts []syntax.Part) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, p := range parts {
		if p.Name == "" || strings.Contains(p.Name, "__") {
			_, _ = io.WriteString(h, p.Text+"\n") // a hash never fails
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// sharing returns the type with the text of a part, or nil if a new model must not share it.
func (m *Model) sharing(p syntax.Part) *Type {
	if m == nil || p.Name == "" {
		return nil
	}
	t := m.types[p.Name]
	if t == nil || t.text != p.Text || t == m.Query || t == m.Mutation || t == m.Subscription {
		return nil
	}
	return t
}

// shareable reports whether the text of a type says all that a model has of it: unions have members
// by subgraph, and contexts are found by the types that set them.
func shareable(def *ast.Definition) bool {
	if def.Kind == ast.Union {
		return false
	}
	named := func(name string) func(*ast.Directive) bool {
		return func(d *ast.Directive) bool {
			return strings.Contains(d.Name, name) || d.Arguments.ForName("contextArguments") != nil
		}
	}
	return !slices.ContainsFunc(def.Directives, named("context")) && !slices.ContainsFunc(def.Fields, func(f *ast.FieldDefinition) bool {
		return slices.ContainsFunc(f.Directives, named("context"))
	})
}

// taken calls a function for each type from the former model, with its copy.
func (r *reader) taken(each func(old, t *Type) error) error {
	if r.former == nil {
		return nil
	}
	for _, e := range r.order {
		if e.former == nil {
			continue
		}
		if err := each(e.former, r.types[e.former.Name]); err != nil {
			return err
		}
		r.pause()
	}
	return nil
}

// takeTypes copies types, without their fields and what refers to other types.
func (r *reader) takeTypes() error {
	return r.taken(func(old, t *Type) error {
		if t != nil {
			return errNotShared // it is defined twice
		}
		c := *old
		c.taken = true
		c.Interfaces, c.implements, c.Possible, c.api = nil, nil, nil, ""
		if moved, changed := r.moved(old.Directives); changed {
			said := *old.annotations
			said.Directives, c.annotations = moved, &said
		}
		all := make([]TypeIn, len(old.In))
		c.In = make([]*TypeIn, len(old.In))
		for i, in := range old.In {
			all[i] = TypeIn{Subgraph: r.same(in.Subgraph), InterfaceObject: in.InterfaceObject, Keys: takeKeys(in.Keys)}
			c.In[i] = &all[i]
		}
		c.EnumValues = make([]*EnumValue, len(old.EnumValues))
		for i, v := range old.EnumValues {
			c.EnumValues[i] = &EnumValue{Name: v.Name, Inaccessible: v.Inaccessible, In: r.sameAll(v.In)}
		}
		c.fields = nil
		c.Fields = make([]*Field, len(old.Fields))
		r.types[c.Name] = &c
		return nil
	})
}

// same returns the subgraph in place of one of the former model. The frame has all subgraphs.
func (r *reader) same(g *Subgraph) *Subgraph { return r.model.Subgraphs[g.Index] }

func (r *reader) sameAll(list []*Subgraph) []*Subgraph {
	var all []*Subgraph
	for _, g := range list {
		all = append(all, r.same(g))
	}
	return all
}

// takeKeys returns keys for a copy of a type. Those that select no fields of other types are shared:
// they have nothing of a model.
func takeKeys(keys []*Key) []*Key {
	if !slices.ContainsFunc(keys, func(k *Key) bool { return !k.Fields.flat() }) {
		return keys
	}
	copied := make([]*Key, len(keys))
	for i, k := range keys {
		copied[i] = &Key{Fields: k.Fields, Resolvable: k.Resolvable}
	}
	return copied
}

// moved returns directives with the subgraphs of the new model, and whether there are any.
func (r *reader) moved(list []Directive) (moved []Directive, changed bool) {
	if !slices.ContainsFunc(list, func(d Directive) bool { return d.Subgraphs != nil }) {
		return list, false
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Subgraphs = r.sameAll(list[i].Subgraphs)
	}
	return list, true
}

// renewed returns the type in place of one of the former model, or nil if it is of another kind.
func (r *reader) renewed(old *Type) *Type {
	if t := r.types[old.Name]; t != nil && t.Kind == old.Kind {
		return t
	}
	return nil
}

// takeImplements sets the interfaces of copied types.
func (r *reader) takeImplements() error {
	return r.taken(func(old, t *Type) error {
		t.Interfaces = make([]*Type, 0, len(old.Interfaces))
		t.implements = make([]implementation, 0, len(old.implements))
		for _, i := range old.Interfaces {
			t.Interfaces = append(t.Interfaces, r.renewed(i))
		}
		for _, i := range old.implements {
			var g *Subgraph
			if i.graph != nil {
				g = r.same(i.graph)
			}
			t.implements = append(t.implements, implementation{g, r.renewed(i.of)})
		}
		if slices.Contains(t.Interfaces, nil) || slices.ContainsFunc(t.implements, func(i implementation) bool { return i.of == nil }) {
			return errNotShared
		}
		return nil
	})
}

// takeFields copies the fields of copied types. Types whose visibility has changed change the API
// schema of others, so that nothing is shared.
func (r *reader) takeFields() error {
	err := r.taken(func(old, t *Type) error {
		all := make([]Field, len(old.Fields))
		for i, f := range old.Fields {
			all[i] = *f
			if err := r.takeField(&all[i], f, t); err != nil {
				return err
			}
			t.Fields[i] = &all[i]
		}
		t.index()
		return nil
	})
	if err != nil || r.former == nil {
		return err
	}
	for name, old := range r.former.types {
		r.pause()
		if t := r.types[name]; t != nil && t.visible() != old.visible() {
			return errNotShared
		}
	}
	return nil
}

// takeField completes a copy of a field.
func (r *reader) takeField(f, old *Field, parent *Type) error {
	f.Parent, f.Named = parent, r.renewed(old.Named)
	if f.Named == nil {
		return errNotShared
	}
	if moved, changed := r.moved(old.Directives); changed {
		said := *old.fieldAnnotations
		said.Directives, f.fieldAnnotations = moved, &said
	}
	var err error
	if f.Arguments, err = r.takeArguments(old.Arguments); err != nil {
		return err
	}
	var plain bool
	if f.In, plain = r.common.in(f, old.In, old.Named, r.model.Subgraphs); plain {
		return nil
	}
	all := make([]FieldIn, len(old.In))
	f.In = make([]*FieldIn, len(old.In))
	for i, in := range old.In {
		all[i] = *in
		f.In[i] = &all[i]
		n := f.In[i]
		n.Subgraph, n.Named = r.same(in.Subgraph), r.renewed(in.Named)
		if n.Named == nil {
			return errNotShared
		}
		if o := in.Override; o != nil {
			r.overrides = true
			n.Override = &Override{From: r.same(o.From), To: n.Subgraph, Label: o.Label}
		}
	}
	for _, n := range f.In {
		if o := n.Overridden; o != nil {
			n.Overridden = f.InSubgraph(r.same(o.To)).Override
		}
	}
	return nil
}

// takeArguments copies the arguments of a field, once for all fields that share them.
func (r *reader) takeArguments(old []*Argument) ([]*Argument, error) {
	if len(old) == 0 {
		return nil, nil
	}
	if list := r.common.taken[old[0]]; list != nil {
		return list, nil
	}
	all := make([]Argument, len(old))
	list := make([]*Argument, len(old))
	for i, a := range old {
		all[i] = *a
		if all[i].Named = r.renewed(a.Named); all[i].Named == nil {
			return nil, errNotShared
		}
		list[i] = &all[i]
	}
	r.common.taken[old[0]] = list
	return list, nil
}

// takeFieldSets checks the field sets of copied types, and reads those again that select fields of
// other types.
func (r *reader) takeFieldSets() error {
	renew := func(set **FieldSet, on *Type) (err error) {
		if *set != nil && (!on.taken || !(*set).flat()) {
			*set, err = r.fieldSet((*set).Text, on)
		}
		return err
	}
	return r.taken(func(_, t *Type) error {
		for _, in := range t.In {
			for _, k := range in.Keys {
				if err := renew(&k.Fields, t); err != nil {
					return err
				}
			}
		}
		for _, f := range t.Fields {
			for _, in := range f.In {
				if err := errors.Join(renew(&in.Requires, t), renew(&in.Provides, in.Named)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// flat reports whether all selections are fields without selections.
func (s *FieldSet) flat() bool {
	return !slices.ContainsFunc(s.Selections, func(sel operation.Selection) bool {
		f, ok := sel.(*operation.Field)
		return !ok || len(f.Selections) > 0
	})
}
