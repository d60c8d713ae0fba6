package prove

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
)

// reads has, for each type, the composite types whose objects are read to enter it by a
// key or to meet @requires: those of fields and fragments in its field sets. provided has
// those that @provides names.
type reads map[string]readTypes

type readTypes struct{ read, provided []string }

func (r reads) add(s *schema.Schema, types []*schema.Type) {
	for _, t := range types {
		var found readTypes
		for _, d := range t.Applied {
			found.read = namedIn(s, t, d.Text("key"), found.read)
		}
		for _, f := range t.Fields {
			for _, d := range f.Applied {
				if d.Name != "join__field" {
					continue
				}
				found.read = namedIn(s, t, d.Text("requires"), found.read)
				if provides := d.Text("provides"); provides != "" {
					returned := f.Type.Base()
					if own := d.Text("type"); own != "" {
						returned = schema.ParseRef(own).Base()
					}
					found.provided = namedIn(s, s.Type(returned), provides, append(found.provided, returned))
				}
			}
		}
		if found.read != nil || found.provided != nil {
			r[t.Name] = found
		} else {
			delete(r, t.Name)
		}
	}
}

// namedIn adds the composite types that a field set on a type names. Those of flat sets
// are leaves.
func namedIn(s *schema.Schema, t *schema.Type, text string, list []string) []string {
	if !strings.ContainsAny(text, "{") {
		return list
	}
	set, err := subgraph.ParseSelection(text)
	if err != nil {
		return list
	}
	return selected(s, t, set, list)
}

func selected(s *schema.Schema, t *schema.Type, set ast.SelectionSet, list []string) []string {
	for _, sel := range set {
		next, below := t, ast.SelectionSet(nil)
		switch sel := sel.(type) {
		case *ast.Field:
			if t == nil || t.Field(sel.Name) == nil {
				continue
			}
			next, below = s.Type(t.Field(sel.Name).Type.Base()), sel.SelectionSet
		case *ast.InlineFragment:
			if sel.TypeCondition != "" {
				next = s.Type(sel.TypeCondition)
			}
			below = sel.SelectionSet
		}
		if next != nil && next.Composite() && !slices.Contains(list, next.Name) {
			list = append(list, next.Name)
		}
		list = selected(s, next, below, list)
	}
	return list
}

// changed are the differences between two supergraphs.
type changed struct {
	content  map[string]bool // types whose text differs, or that only one of them has
	possible map[string]bool // abstract types whose possible types differ
}

func (m *Memory) changes(super *Supergraph) changed {
	c := changed{map[string]bool{}, map[string]bool{}}
	before := m.before
	visibility := map[string]bool{}
	differs := func(name string) {
		c.content[name] = true
		old, now := before.Own(name), super.Own(name)
		if membership(old) != membership(now) {
			for _, t := range []*schema.Type{old, now} {
				if t != nil {
					for _, r := range t.Interfaces {
						c.possible[r.Name] = true
					}
				}
			}
			visibility[name] = true
		}
		for _, t := range []*schema.Type{old, now} {
			if t != nil && t.Abstract() {
				c.possible[name] = true
			}
		}
		if old != nil && now != nil && visible(old) != visible(now) {
			visibility[name] = true
		}
	}
	for name, text := range super.Texts {
		if before.Texts[name] != text {
			differs(name)
		}
	}
	for name := range before.Texts {
		if super.Texts[name] == "" {
			differs(name)
		}
	}
	c.spread(super, visibility)
	return c
}

// spread adds what refers to types of which more than their content has changed: unions
// with such a member, and types with a field of such a type.
func (c changed) spread(super *Supergraph, visibility map[string]bool) {
	if len(visibility) == 0 {
		return
	}
	for _, t := range super.Types {
		for _, r := range t.Members {
			if visibility[r.Name] {
				c.possible[t.Name] = true
			}
		}
		for _, f := range t.Fields {
			if visibility[f.Type.Base()] {
				c.content[t.Name] = true
			}
		}
	}
}

// membership describes what makes a type a possible type of others in each subgraph: its
// kind, the subgraphs that define it, and the interfaces that it implements in each.
func membership(t *schema.Type) string {
	if t == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprint(&b, t.Kind)
	for _, d := range t.Applied {
		switch d.Name {
		case "join__type":
			fmt.Fprint(&b, " ", d.Text("graph"))
		case "join__implements":
			fmt.Fprint(&b, " ", d.Text("graph"), " ", d.Text("interface"))
		default:
			fmt.Fprint(&b, " @", d.Name)
		}
	}
	return b.String()
}

// always is what visible returns for a type with a field that clients see.
const always = "always"

// visible describes whether clients see a type: not if all its fields are inaccessible. If
// all fields have directives without arguments, one of which may be @inaccessible, it
// returns these.
func visible(t *schema.Type) string {
	var b strings.Builder
	for _, f := range t.Fields {
		bare := false
		for _, d := range f.Applied {
			if len(d.Arguments) == 0 {
				bare = true
				b.WriteString(d.Name + " ")
			}
		}
		if !bare {
			return always
		}
		b.WriteByte('|')
	}
	return b.String()
}

// update brings the field sets up to date that name changed types, or are applied to
// them.
func (r reads) update(s *schema.Schema, c changed) {
	var again []*schema.Type
	for name := range c.content {
		if t := s.Own(name); t != nil {
			again = append(again, t)
		} else {
			delete(r, name)
		}
	}
	for name, types := range r {
		stale := func(other string) bool { return c.content[other] }
		if t := s.Own(name); t != nil && !c.content[name] && (slices.ContainsFunc(types.read, stale) || slices.ContainsFunc(types.provided, stale)) {
			again = append(again, t)
		}
	}
	r.add(s, again)
}

// affected returns the types that have changed, and those of which visiting an object
// reads something that has changed.
func (m *Memory) affected(c changed, before *schema.Schema) map[string]bool {
	affected := map[string]bool{}
	f := &finder{super: m.before.Schema, before: before, reads: m.reads, changed: c, entries: map[string]bool{}}
	for _, t := range f.super.Types {
		if t.Composite() && (c.content[t.Name] || f.reaches(t) || m.arrivesAsChanged(t, f)) {
			affected[t.Name] = true
		}
	}
	return affected
}

// arrivesAsChanged reports whether subgraphs return objects of a type as another type
// that has changed.
func (m *Memory) arrivesAsChanged(t *schema.Type, f *finder) bool {
	if !t.Abstract() {
		return false
	}
	return slices.ContainsFunc(m.proof.Types(t.Name), func(name string) bool {
		other := f.super.Own(name)
		return other == nil || f.changed.content[name] || f.reaches(other)
	})
}

// A finder finds changes in what visiting objects of a type reads.
type finder struct {
	super, before *schema.Schema
	reads         reads
	changed       changed
	entries       map[string]bool // of walkers
}

// reaches reports whether visiting an object of a type reads something that has changed:
//
//   - of the type, and of its interfaces with keys or interface objects, which tell how
//     the objects can be entered, all content
//   - the possible types of the type, and of those that its fields have
//   - of the types that its field sets, and those of its interfaces, name, and of their
//     possible types, the same in turn
//
// An abstract type whose objects can be entered is like one that a field set names.
func (f *finder) reaches(t *schema.Type) bool {
	if len(f.changed.possible) > 0 && f.leadsToPossible(t) {
		return true
	}
	found := false
	w := &walker{super: f.super, before: f.before, reads: f.reads, seen: map[string]bool{}, entries: f.entries}
	w.visit = func(name string) {
		found = found || f.changed.content[name] || f.changed.possible[name]
	}
	w.start(t)
	return found
}

// leadsToPossible reports whether the possible types have changed of a type, or of one
// that its fields have.
func (f *finder) leadsToPossible(t *schema.Type) bool {
	if f.changed.possible[t.Name] {
		return true
	}
	for _, field := range t.Fields {
		if f.changed.possible[field.Type.Base()] {
			return true
		}
		for _, d := range field.Applied {
			if own := d.Text("type"); own != "" && f.changed.possible[schema.ParseRef(own).Base()] {
				return true
			}
		}
	}
	return false
}

// A walker visits the types of which visiting an object of a type reads content.
type walker struct {
	super, before *schema.Schema // before may be nil
	reads         reads
	seen          map[string]bool
	entries       map[string]bool // results of entered
	visit         func(name string)
}

// start visits what visiting objects of a type reads. Those of an abstract type are read
// themselves if they can be entered.
func (w *walker) start(t *schema.Type) {
	w.walk(t, w.entered(t.Name) || slices.ContainsFunc(t.Interfaces, func(r *schema.Reference) bool { return w.entered(r.Name) }))
}

// walk visits a type and what it leads to. If objects is set, objects of any of its
// possible types may be read. Interfaces count if objects can be entered by their keys,
// or as an interface object, now or before.
func (w *walker) walk(t *schema.Type, objects bool) {
	objects = objects && t.Abstract()
	mark := t.Name
	if objects {
		mark += "*"
	}
	if w.seen[mark] {
		return
	}
	w.seen[mark] = true
	w.visit(t.Name)
	for _, i := range t.Interfaces {
		if of := w.super.Own(i.Name); of != nil && w.entered(i.Name) {
			w.walk(of, false)
		}
	}
	for _, name := range w.reads[t.Name].read {
		if read := w.super.Own(name); read != nil {
			w.walk(read, true)
		} else {
			w.visit(name)
		}
	}
	if objects {
		for _, possible := range w.super.Possible(t) {
			w.walk(possible, true)
		}
	}
}

func (w *walker) entered(name string) bool {
	is, known := w.entries[name]
	if !known {
		is = entered(w.super.Own(name)) || w.before != nil && entered(w.before.Own(name))
		w.entries[name] = is
	}
	return is
}

// entered reports whether objects of a type can be entered by a key, or as an interface
// object.
func entered(t *schema.Type) bool {
	return t != nil && slices.ContainsFunc(t.Applied, func(d *schema.Directive) bool {
		return d.Name == "join__type" && (d.Argument("key") != nil || d.Argument("isInterfaceObject") != nil)
	})
}
