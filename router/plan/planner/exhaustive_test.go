package planner_test

import (
	"cmp"
	"slices"

	"souk/router/operation"
	"souk/router/supergraph"
)

// fewest finds by exhaustive search the lowest number of requests, and for it the
// lowest number of levels of dependent requests, that answer a query on a supergraph.
// It shares no code with the planner: instead of choosing paths, it
// computes which facts (fields at response positions) are known after a sequence of
// requests, each of which fetches from one subgraph everything that can be fetched
// with what was known before its level. Fetching more never needs more requests, so
// the shortest sequence after which all selected facts are known is the optimum.
//
// A position of an interface or a union has facts for each object type that its objects may have:
// one field that is selected for all of them is a fact of each.
//
// For root fields of a mutation or a subscription, the first request is the only one of
// its level, and goes to the subgraph start: see starts_test.go.
type fewest struct {
	start  *supergraph.Subgraph
	root   *object
	goals  []*fact
	model  *supergraph.Model
	labels []string
	facts  int
}

// An object is a response position with an object type, or with an abstract type whose members
// are the objects by type. Only root fields have aliases.
type object struct {
	typ *supergraph.Type
	// of is the position with an abstract type that this is a member of, or nil, and parent the
	// object whose field this is.
	of, parent *object
	fields     map[string]*fact
	// name is the fact of the type name of an abstract type's objects.
	name    *fact
	members []*object
}

// A fact is the value of one field.
type fact struct {
	id    int
	field *supergraph.Field
	below *object // nil for a leaf
	// forAll is set if the operation selects the field for all types of an interface.
	forAll bool
}

func newFewest(m *supergraph.Model, root *supergraph.Type, start *supergraph.Subgraph, selections []operation.Selection, labels []string) *fewest {
	f := &fewest{model: m, start: start, labels: labels}
	f.root = f.object(root, nil)
	f.choose(f.root, selections, true)
	return f
}

// object returns the object of a field of the parent, with the facts that keys, requirements and
// context values may need.
func (f *fewest) object(t *supergraph.Type, parent *object) *object {
	o := &object{typ: t, parent: parent, fields: map[string]*fact{}}
	if t.Abstract() {
		o.name = f.newFact(nil)
		for _, member := range t.Possible {
			m := f.object(member, parent)
			m.of = o
			o.members = append(o.members, m)
		}
		return o
	}
	for _, of := range append([]*supergraph.Type{t}, t.Interfaces...) {
		for _, in := range of.In {
			for _, k := range in.Keys {
				f.choose(o, k.Fields.Selections, false)
			}
		}
	}
	for _, field := range t.Fields {
		for _, in := range field.In {
			if in.Requires != nil {
				f.choose(o, in.Requires.Selections, false)
			}
		}
	}
	for _, other := range f.model.Types() {
		for _, field := range other.Fields {
			for _, in := range field.In {
				for _, a := range in.Contexts {
					if value := a.Value(t); value != nil {
						f.choose(o, value.Selections, false)
					}
				}
			}
		}
	}
	return o
}

func (f *fewest) newFact(field *supergraph.Field) *fact {
	f.facts++
	return &fact{id: f.facts - 1, field: field}
}

// choose adds facts to an object, as goals if the client selects them.
func (f *fewest) choose(o *object, selections []operation.Selection, goals bool) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			if o.typ.Abstract() {
				for _, m := range o.members {
					x := f.field(m, sel, goals)
					x.forAll = x.forAll || goals
				}
				continue
			}
			f.field(o, sel, goals)
		case *operation.InlineFragment:
			condition := o.typ
			if sel.TypeCondition != "" {
				condition = f.model.Type(sel.TypeCondition)
			}
			if o.typ.Is(condition) {
				f.choose(o, sel.Selections, goals)
				continue
			}
			if goals {
				f.goals = append(f.goals, o.name)
			}
			for _, m := range o.members {
				if m.typ.Is(condition) {
					f.choose(m, sel.Selections, goals)
				}
			}
		}
	}
}

func (f *fewest) field(o *object, sel *operation.Field, goals bool) *fact {
	key := cmp.Or(sel.Alias, sel.Name)
	known := o.fields[key]
	if known == nil {
		known = f.newFact(o.typ.Field(sel.Name))
		o.fields[key] = known
	}
	if goals {
		f.goals = append(f.goals, known)
	}
	if sel.Selections != nil {
		if known.below == nil {
			known.below = f.object(known.field.Named, o)
		}
		f.choose(known.below, sel.Selections, goals)
	}
	return known
}

// A request is what a subgraph is asked, given what was known when it is sent. The first level has
// requests for root fields, later levels requests for entities.
type request struct {
	*fewest
	graph         *supergraph.Subgraph
	before, known knowledge
	first         bool
}

// ask adds what is known after the request.
func (r *request) ask() {
	r.object(r.root, nil, r.first && r.root.typ.InSubgraph(r.graph) != nil)
}

// object adds what the subgraph knows about an object and those below it. reached is set
// if the request has reached the object from above, where some selections are provided.
func (r *request) object(o *object, provided []operation.Selection, reached bool) {
	in := o.typ.InSubgraph(r.graph)
	if !o.typ.Abstract() {
		r.fields(o, provided, reached, r.jumps(o, in), r.interfaceObject(o, r.jumps))
		return
	}
	entity := o.typ.Kind == supergraph.Interface && r.jumps(o, in) // by a key of the interface
	here := reached || entity
	if here && !in.InterfaceObject {
		r.known[o.name.id] = true
	}
	for _, m := range o.members {
		object := here && in.InterfaceObject
		named := r.before[o.name.id]
		r.fields(m, provided,
			here && !object && slices.Contains(in.Possible, m.typ),
			named && r.jumps(m, m.typ.InSubgraph(r.graph)),
			named && r.interfaceObject(m, r.jumps))
		if object {
			r.ofInterfaceObject(m, o.typ, false)
		}
	}
}

// jumps reports whether the subgraph can be given an entity.
func (r *request) jumps(o *object, in *supergraph.TypeIn) bool {
	return in != nil && slices.ContainsFunc(in.Keys, func(k *supergraph.Key) bool { return k.Resolvable && o.knows(k.Fields.Selections, r.before) })
}

// interfaceObject reports whether the subgraph can be given an object as an @interfaceObject.
func (r *request) interfaceObject(o *object, can func(o *object, in *supergraph.TypeIn) bool) bool {
	return slices.ContainsFunc(o.typ.Interfaces, func(i *supergraph.Type) bool {
		in := i.InSubgraph(r.graph)
		return in != nil && in.InterfaceObject && can(o, in)
	})
}

// fields adds the fields of an object that the request has reached from above, by a key of its type,
// or by a key of an @interfaceObject.
func (r *request) fields(o *object, provided []operation.Selection, reached, jump, object bool) {
	for name, x := range o.fields {
		fi := x.field.InSubgraph(r.graph)
		resolved := fi != nil && r.resolves(fi) && (reached || jump) &&
			(fi.Requires == nil || jump && o.knows(fi.Requires.Selections, r.before)) &&
			(fi.Contexts == nil || jump && o.knowsContexts(fi, r.before))
		var below []operation.Selection
		for _, sel := range provided {
			if field := sel.(*operation.Field); reached && fi != nil && field.Name == name {
				resolved, below = true, field.Selections
			}
		}
		if fi != nil && fi.Provides != nil {
			below = slices.Concat(below, fi.Provides.Selections)
		}
		r.learn(x, below, resolved)
	}
	if object {
		for _, i := range o.typ.Interfaces {
			if in := i.InSubgraph(r.graph); in != nil && in.InterfaceObject {
				r.ofInterfaceObject(o, i, true)
			}
		}
	}
}

func (r *request) resolves(fi *supergraph.FieldIn) bool {
	return fi.Resolves(func(label string) bool { return slices.Contains(r.labels, label) })
}

// ofInterfaceObject adds the fields of an object that the subgraph knows by an @interfaceObject. If
// it may be of any type, fields are fetched that are part of a key, or selected for objects of all types.
func (r *request) ofInterfaceObject(o *object, i *supergraph.Type, entity bool) {
	for name, x := range o.fields {
		f := i.Field(name)
		if f == nil {
			continue
		}
		fi := f.InSubgraph(r.graph)
		if fi != nil && r.resolves(fi) && (entity || x.forAll || isKey(i.InSubgraph(r.graph), name)) {
			r.learn(x, nil, true)
		}
	}
}

func isKey(in *supergraph.TypeIn, name string) bool {
	return slices.ContainsFunc(in.Keys, func(k *supergraph.Key) bool {
		return slices.ContainsFunc(k.Fields.Selections, func(sel operation.Selection) bool { return sel.(*operation.Field).Name == name })
	})
}

func (r *request) learn(x *fact, provided []operation.Selection, resolved bool) {
	if resolved {
		r.known[x.id] = true
	}
	if x.below != nil && (resolved || r.before[x.id]) {
		r.object(x.below, provided, resolved)
	}
}

// knows reports whether the fields of an object are known, for an abstract type of all its members.
func (o *object) knows(selections []operation.Selection, known knowledge) bool {
	if o.typ.Abstract() {
		return !slices.ContainsFunc(o.members, func(m *object) bool { return !m.knows(selections, known) })
	}
	for _, sel := range selections {
		field := sel.(*operation.Field)
		x := o.fields[field.Name]
		if x == nil || !known[x.id] || field.Selections != nil && !x.below.knows(field.Selections, known) {
			return false
		}
	}
	return true
}

// knowsContexts reports whether the values are known that a field takes from the nearest objects above.
func (o *object) knowsContexts(fi *supergraph.FieldIn, known knowledge) bool {
	for _, a := range fi.Contexts {
		p := o.parent
		for p != nil && a.Value(p.typ) == nil {
			p = p.parent
		}
		if p == nil || p.of != nil && !known[p.of.name.id] || !p.knows(a.Value(p.typ).Selections, known) {
			return false
		}
	}
	return true
}

// knowledge is the set of known facts by ID.
type knowledge []bool

func (k knowledge) key() string {
	out := make([]byte, len(k)/8+1)
	for i, known := range k {
		if known {
			out[i/8] |= 1 << (i % 8)
		}
	}
	return string(out)
}

// search returns the fewest requests within a number of levels, and the fewest levels
// for them. requests is 0 if more than the limit are needed.
func (f *fewest) search(limit, most int) (requests, levels int) {
	type state struct {
		known           knowledge
		requests, level int
	}
	type visited struct {
		requests, level int
		known           string
	}
	best := state{requests: limit + 1}
	seen := map[visited]bool{}
	queue := []state{{known: make(knowledge, f.facts)}}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if !slices.ContainsFunc(f.goals, func(x *fact) bool { return !s.known[x.id] }) {
			if cmp.Or(cmp.Compare(s.requests, best.requests), cmp.Compare(s.level, best.level)) < 0 {
				best = s
			}
			continue
		}
		if s.level == most {
			continue
		}
		// The next level may have requests to any set of subgraphs.
		for set := 1; set < 1<<len(f.model.Subgraphs); set++ {
			if f.start != nil && s.level == 0 && set != 1<<f.start.Index {
				continue
			}
			next := state{known: slices.Clone(s.known), requests: s.requests, level: s.level + 1}
			for i, g := range f.model.Subgraphs {
				if set&(1<<i) != 0 {
					(&request{f, g, s.known, next.known, s.level == 0}).ask()
					next.requests++
				}
			}
			at := visited{next.requests, next.level, next.known.key()}
			if next.requests > min(limit, best.requests) || seen[at] {
				continue
			}
			seen[at] = true
			queue = append(queue, next)
		}
	}
	if best.requests > limit {
		return 0, 0
	}
	return best.requests, best.level
}
