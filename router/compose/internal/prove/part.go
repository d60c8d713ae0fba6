package prove

import (
	"slices"
	"strings"

	"souk/router/compose/internal/schema"
)

// A part is a part of a supergraph: some types as a whole and, of others, the outlines
// that they refer to.
type part struct {
	super   *schema.Schema
	reads   reads
	whole   map[string]bool
	entries map[string]bool // of walkers
}

func newPart(super *schema.Schema, r reads) *part {
	return &part{super, r, map[string]bool{}, map[string]bool{}}
}

// include includes a type as a whole, with the types that visiting its objects reads.
func (p *part) include(name string) {
	t := p.super.Own(name)
	if t == nil {
		return
	}
	w := &walker{super: p.super, reads: p.reads, seen: map[string]bool{}, entries: p.entries}
	w.visit = func(name string) {
		p.whole[name] = true
		for _, other := range p.reads[name].provided { // their field sets refer to them
			p.whole[other] = true
		}
	}
	w.start(t)
}

// schema returns the part as a supergraph.
func (p *part) schema() *schema.Schema {
	o := &outline{super: p.super, part: schema.New(), whole: p.whole}
	o.part.Node, o.part.Roots = p.super.Node, p.super.Roots
	o.part.AdoptDirectives(p.super)
	for _, t := range p.super.Types {
		if p.whole[t.Name] || strings.Contains(t.Name, "__") {
			o.part.Adopt(t)
		}
	}
	for _, root := range p.super.Roots {
		o.add(root)
	}
	for name := range p.whole {
		if t := p.super.Own(name); t != nil {
			o.addReferences(t)
		}
	}
	o.fill()
	return o.part
}

// An outline adds to a part the types that others refer to: their kinds, the subgraphs
// that define them, and which of them are possible types of others. They have no fields.
type outline struct {
	super, part *schema.Schema
	whole       map[string]bool
	added       []*schema.Type // of super
}

func (o *outline) add(name string) {
	t := o.super.Own(name)
	if t == nil || o.part.Own(name) != nil {
		return
	}
	if len(t.Fields) > 0 && visible(t) != always { // perhaps all fields are inaccessible, so that the type is too
		o.part.Adopt(t)
		o.addReferences(t)
		return
	}
	roots := o.part.Roots
	o.part.AddType(t.Kind, name)
	o.part.Roots = roots
	o.added = append(o.added, t)
}

// addReferences adds the types that a whole type refers to. The possible types of
// abstract ones matter where objects arrive as those: of the type itself, of those that
// several subgraphs return for a field, and of those that one returns in place of
// another.
func (o *outline) addReferences(t *schema.Type) {
	for _, r := range slices.Concat(t.Interfaces, t.Members) {
		o.add(r.Name)
	}
	o.addPossible(t.Name)
	for _, f := range t.Fields {
		o.add(f.Type.Base())
		for _, a := range f.Arguments {
			o.add(a.Type.Base())
		}
		joins := f.Of("join__field")
		if len(joins) != 1 && (len(joins) > 0 || len(t.Of("join__type")) > 1) {
			o.addPossible(f.Type.Base())
		}
		for _, d := range joins {
			if own := d.Text("type"); own != "" {
				o.add(schema.ParseRef(own).Base())
				o.addPossible(schema.ParseRef(own).Base())
			}
		}
	}
}

func (o *outline) addPossible(name string) {
	t := o.super.Own(name)
	if t == nil || !t.Abstract() {
		return
	}
	for _, possible := range o.super.Possible(t) {
		o.add(possible.Name)
	}
}

// fill gives the outlines the references to types that are part, too. Those of whole
// types are in the part.
func (o *outline) fill() {
	for _, t := range o.added {
		to := o.part.Own(t.Name)
		for _, r := range t.Interfaces {
			if o.part.Own(r.Name) != nil {
				to.Interfaces = append(to.Interfaces, r)
			}
		}
		for _, r := range t.Members {
			if o.part.Own(r.Name) != nil {
				to.Members = append(to.Members, r)
			}
		}
		for _, d := range t.Applied {
			if d = o.applied(d); d != nil {
				to.Apply(d)
			}
		}
	}
}

// applied returns what an outline has of an application: no key, and nothing that refers
// to a type that is not in the part.
func (o *outline) applied(d *schema.Directive) *schema.Directive {
	switch d.Name {
	case "join__type":
		return &schema.Directive{Name: d.Name, Arguments: slices.DeleteFunc(slices.Clone(d.Arguments), func(a schema.Argument) bool {
			return a.Name != "graph" && a.Name != "isInterfaceObject"
		})}
	case "join__implements":
		if o.part.Own(d.Text("interface")) == nil {
			return nil
		}
	case "join__unionMember":
		if o.part.Own(d.Text("member")) == nil {
			return nil
		}
	}
	return d
}
