package planner_test

import (
	"cmp"
	"math/bits"
	"slices"

	"souk/router/operation"
	"souk/router/plan/planner"
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
//
// One fragment may be deferred. Then requests are for one of two payloads. Those for the initial one are
// no more, and on no more levels, than without the fragment. They do not fetch what only the deferred one
// selects, unless no request for an entity in the fragment can. What the deferred payload needs they may
// fetch, and its own requests may repeat theirs for that.
type fewest struct {
	start  *supergraph.Subgraph
	root   *object
	goals  []*fact
	model  *supergraph.Model
	labels []string
	facts  int
	// deferred is the payload that goals are added for: 0 or 1. payloads is 2 if there are any for 1.
	// fragment is the object that the deferred fragment is on.
	deferred, payloads int
	fragment           *object
	// around are the positions with an abstract type that fields are chosen below for all types of.
	around []*object
	// initial is what the initial payload may cost, if there is another.
	initial planner.Cost
	// anything is set if requests for the initial payload may fetch anything.
	anything bool
}

// An object is a response position with an object type, or with an abstract type whose members
// are the objects by type. Only root fields have aliases.
type object struct {
	typ *supergraph.Type
	// of is the position with an abstract type that this is a member of, or nil, and parent the
	// object whose field this is.
	of, parent *object
	fields     map[string]*fact
	// at is the fact that the object is below; nil for the root. inside is set if the deferred
	// fragment is on the object, or selects it.
	at     *fact
	inside bool
	// reached are the subgraphs that may return objects of an abstract type in a field.
	reached map[*supergraph.Subgraph]bool
	// name is the fact of the type name of an abstract type's objects.
	name    *fact
	members []*object
}

// A fact is the value of one field.
type fact struct {
	id    int
	field *supergraph.Field
	below *object // nil for a leaf
	// forAll is set if the payload in selects the field for all types of an interface.
	forAll bool
	// goal is set if the operation selects it, for the payload in, and later if the deferred fragment does.
	// early is set if a request for an earlier payload may deliver it, and own if an entity
	// request for its object can, which is then preferred to one for an object around it. inPlace is
	// set if what is selected below it needs a request for an earlier payload.
	goal, later, early, own, inPlace bool
	in                               int
	// keyOfType is set if it is part of a key of one type of an interface, but not of the interface.
	keyOfType bool
	of        *object // whose field it is
	// condition is set if a key or a requirement may need it.
	condition bool
	// forAllOf are the positions with an abstract type around it for all types of which the
	// operation selects it, each with the first payload that does.
	forAllOf map[*object]int
}

// selects notes that the operation selects a fact.
func (f *fewest) selects(x *fact) {
	if !x.goal {
		x.goal, x.in = true, f.deferred
		f.goals = append(f.goals, x)
	}
	x.in = min(x.in, f.deferred)
	x.later = x.later || f.deferred > 0
}

func newFewest(m *supergraph.Model, root *supergraph.Type, start *supergraph.Subgraph, selections []operation.Selection, labels []string) *fewest {
	f := &fewest{model: m, start: start, labels: labels, payloads: 1}
	f.root = f.object(root, nil)
	f.choose(f.root, selections, true)
	if f.payloads > 1 {
		f.allowEarly()
	}
	return f
}

// object returns the object of a field of the parent, with the facts that keys, requirements and
// context values may need.
func (f *fewest) object(t *supergraph.Type, parent *object) *object {
	o := &object{typ: t, parent: parent, fields: map[string]*fact{}}
	if t.Abstract() {
		o.name = f.newFact(nil)
		o.name.of, o.name.early = o, true
		o.reached = map[*supergraph.Subgraph]bool{}
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
	return &fact{id: f.facts - 1, field: field, forAllOf: map[*object]int{}}
}

// choose adds facts to an object, as goals if the client selects them.
func (f *fewest) choose(o *object, selections []operation.Selection, goals bool) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			if o.typ.Abstract() {
				f.around = append(f.around, o)
				defer func(before []*object) { f.around = before }(f.around[:len(f.around)-1])
				for _, m := range o.members {
					x := f.field(m, sel, goals)
					x.forAll = goals && f.deferred == x.in || x.forAll && (!goals || f.deferred >= x.in)
				}
				continue
			}
			f.field(o, sel, goals)
		case *operation.InlineFragment:
			if sel.Defer != nil {
				f.deferred, f.payloads, f.fragment = 1, 2, o
				o.inside = true
				f.choose(o, sel.Selections, goals)
				f.deferred = 0
				continue
			}
			condition := o.typ
			if sel.TypeCondition != "" {
				condition = f.model.Type(sel.TypeCondition)
			}
			if o.typ.Is(condition) {
				f.choose(o, sel.Selections, goals)
				continue
			}
			if goals {
				f.selects(o.name)
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
		known.of = o
		o.fields[key] = known
	}
	if goals {
		f.selects(known)
		for _, all := range f.around {
			if in, ok := known.forAllOf[all]; !ok || f.deferred < in {
				known.forAllOf[all] = f.deferred
			}
		}
	} else {
		known.condition = true
	}
	if sel.Selections != nil {
		if known.below == nil {
			known.below = f.object(known.field.Named, o)
			known.below.at = known
		}
		known.below.inside = known.below.inside || goals && f.deferred > 0
		f.choose(known.below, sel.Selections, goals)
	}
	return known
}

// fact returns the fact that an object is below; nil for the root.
func (o *object) fact() *fact {
	if o.of != nil {
		return o.of.at
	}
	return o.at
}

// isInside reports whether the deferred fragment is on an object, or selects it, or needs it for
// a key of one.
func (o *object) isInside() bool {
	return o.inside || o.of != nil && o.of.isInside() || o.of == nil && o.at != nil && !o.at.goal && o.parent.isInside()
}

// payload returns the first payload that selects an object, or the one around it.
func (o *object) payload() int {
	switch at := o.fact(); {
	case at == nil:
		return 0
	case !at.goal:
		return o.parent.payload()
	default:
		return at.in
	}
}

// allowEarly finds the facts that requests for the initial payload may deliver, with what is below them, though
// only the deferred one selects them: parts of keys, and what no entity request finds.
func (f *fewest) allowEarly() {
	known := f.all()
	for again := true; again; {
		again = false
		f.allowEarlyBelow(f.root, nil, known[1], nil)
		delivered := f.all()[f.payloads]
		for _, x := range f.goals { // rather than that there is no plan
			for missing := !delivered[x.id]; missing && x != nil && x.in > 0; x = x.of.fact() {
				again = again || !x.inPlace
				x.inPlace = true
			}
		}
	}
}

// allowEarlyBelow does this for an object and those below it. inPlace, unless nil, is an object around it of an
// abstract type, for all types of which requests for the initial payload may deliver what the fragment selects.
func (f *fewest) allowEarlyBelow(o *object, at *fact, known knowledge, inPlace *object) {
	for range 2 { // what is in place for one type only then is for all
		for _, m := range o.members {
			f.allowEarlyBelow(m, at, known, inPlace)
		}
	}
	for _, x := range o.fields {
		switch {
		case at == nil || !x.goal || x.in == 0:
		case inPlace != nil && x.forAllOf[inPlace] > 0:
			x.early, x.own = true, false
		case at.in > 0:
			x.early = at.early || x.inPlace
		case x.inPlace:
			x.early, x.own = true, false
		case isKey(o.typ, x.field.Name):
			x.early, x.keyOfType = true, o.of != nil && !isKey(o.of.typ, x.field.Name)
		default:
			around := o
			if o.of != nil {
				around = o.of
			}
			x.own = f.isFoundFrom(around, o, x, known)
			x.early = !x.own && !f.isFoundFrom(f.fragment, o, x, known)
		}
		if x.below != nil {
			below := inPlace
			if o.of != nil && x.in == 0 && x.forAllOf[o.of] > 0 && o.of.hasInPlace(x.field.Name) {
				below = o.of
			}
			f.allowEarlyBelow(x.below, x, known, below)
		}
	}
}

// hasInPlace reports whether requests for the initial payload may deliver a field of objects of one type for the
// deferred one.
func (o *object) hasInPlace(name string) bool {
	return slices.ContainsFunc(o.members, func(m *object) bool {
		x := m.fields[name]
		return x != nil && x.goal && x.in > 0 && x.early && !isKey(m.typ, name)
	})
}

// isFoundFrom reports whether an entity request for an object can fetch a field of it or of one below it. If the
// field is selected for objects of all types, and a subgraph that returns them has it for all, it is one
// for objects of all types.
func (f *fewest) isFoundFrom(from, o *object, x *fact, known knowledge) bool {
	known = slices.Clone(known)
	known[x.id] = false
	if o.of != nil && x.forAll && f.hasForAll(o.of, x.field.Name) {
		known[o.of.name.id] = false
	}
	for _, g := range f.model.Subgraphs {
		after := f.nothing()[1:]
		(&request{f, g, 1, known, after, false}).object(from, nil, arrival{})
		if after[1][x.id] {
			return true
		}
	}
	return false
}

// hasForAll reports whether a subgraph that returns objects of an interface has a field for all of them.
func (f *fewest) hasForAll(o *object, name string) bool {
	for _, g := range f.model.Subgraphs {
		r := request{fewest: f, graph: g}
		field := o.typ.Field(name)
		if field == nil || !o.reached[g] || field.InSubgraph(g) == nil || !r.resolves(field.InSubgraph(g)) {
			continue
		}
		if !slices.ContainsFunc(o.typ.InSubgraph(g).Possible, func(t *supergraph.Type) bool {
			fi := t.Field(name).InSubgraph(g)
			return !o.typ.InSubgraph(g).InterfaceObject && (fi == nil || !r.resolves(fi) || fi.Requires != nil)
		}) {
			return true
		}
	}
	return false
}

// all is what is known for each payload after as many requests as there may be.
func (f *fewest) all() []knowledge {
	known := f.nothing()
	for level := 0; ; level++ {
		next := f.nothing()
		for p := range known {
			copy(next[p], known[p])
		}
		for p := range f.payloads {
			for _, g := range f.model.Subgraphs {
				f.ask(g, p, known, next, level == 0 && (f.start == nil || f.start == g && p == 0))
			}
		}
		if slices.EqualFunc(known, next, slices.Equal) {
			return known
		}
		known = next
	}
}

// nothing is what is known for each payload before the first request, and then what is delivered.
func (f *fewest) nothing() []knowledge {
	known := make([]knowledge, f.payloads+1)
	for p := range known {
		known[p] = make(knowledge, f.facts)
	}
	return known
}

// A request is what a subgraph is asked for a payload, given what was known when it is sent. The first
// level has requests for root fields, later levels requests for entities.
type request struct {
	*fewest
	graph   *supergraph.Subgraph
	payload int
	before  knowledge
	// after is what is known for the payload and for later ones, and then what is delivered.
	after []knowledge
	first bool
}

// An arrival says how a request reaches an object.
type arrival struct {
	// above is set if the request selects the object in a field of one around it, and entity if it is
	// for the object itself.
	above, entity bool
	// again is set if a request for the deferred payload reaches it as one for the initial payload may.
	again bool
	// reached is set if it reaches objects of all types in either way.
	reached bool
	// untyped are the positions of objects of an @interfaceObject around it that the request selects it for
	// without knowing their types.
	untyped []untyped
}

// An untyped is a position of objects that a subgraph has as an @interfaceObject. keys are the parts of keys of
// it that the request may select below.
type untyped struct {
	of   *object
	keys []operation.Selection
}

// mayFetch reports whether a request may select a field without knowing the types of objects around it: it is
// selected for all types, or part of a key.
func (r *request) mayFetch(o *object, x *fact, at arrival) bool {
	if in := o.typ.InSubgraph(r.graph); in != nil && isKeyIn(in, x.field.Name) {
		return true
	}
	return !slices.ContainsFunc(at.untyped, func(u untyped) bool {
		in, forAll := x.forAllOf[u.of]
		inPlace := forAll && (in <= r.payload || x.early)
		return !inPlace && keyField(u.keys, x.field.Name) == nil
	})
}

// below is what is untyped below a field.
func below(list []untyped, x *fact) (below []untyped) {
	for _, u := range list {
		narrowed := untyped{of: u.of}
		if field := keyField(u.keys, x.field.Name); field != nil {
			narrowed.keys = field.Selections
		}
		below = append(below, narrowed)
	}
	return below
}

// keyField is the field of that name among parts of keys, or nil.
func keyField(selections []operation.Selection, name string) *operation.Field {
	for _, sel := range selections {
		if field := sel.(*operation.Field); field.Name == name {
			return field
		}
	}
	return nil
}

func (a arrival) any() bool { return a.above || a.entity || a.again }

// asEntity adds that the request is for an object.
func (r *request) asEntity(o *object, a arrival) arrival {
	if r.payload == 0 || o.isInside() {
		a.entity = true
	}
	a.untyped, a.again = nil, a.again || r.payload > 0
	return a
}

// ask adds what is known after a request to a subgraph for a payload.
func (f *fewest) ask(g *supergraph.Subgraph, payload int, before, after []knowledge, first bool) {
	r := &request{f, g, payload, before[payload], after[payload:], first}
	var at arrival
	if r.first && r.root.typ.InSubgraph(r.graph) != nil {
		at = arrival{above: payload == 0 || r.root.isInside(), again: payload > 0, reached: true}
	}
	r.object(r.root, nil, at)
}

// know notes that the request fetches a fact, for later payloads, too, if later is set. It may be for
// keys and requirements only. A request that repeats one for the initial payload delivers what that may.
func (r *request) know(x *fact, later, again bool) {
	for i, known := range r.after {
		if i == 1 && len(r.after) > 2 && !later {
			continue
		}
		delivers := x.in == r.payload && (!again || x.early) || x.in > r.payload && (x.early || r.anything)
		known[x.id] = known[x.id] || i+1 < len(r.after) || !x.goal || delivers
	}
}

// object adds what the subgraph knows about an object and those below it, where some selections may be
// provided if the request has reached it from above.
func (r *request) object(o *object, provided []operation.Selection, at arrival) {
	in := o.typ.InSubgraph(r.graph)
	if !o.typ.Abstract() {
		r.fields(o, provided, at, r.jumps(o, in), r.interfaceObject(o, r.jumps))
		return
	}
	if at.any() {
		o.reached[r.graph] = true
	}
	if o.typ.Kind == supergraph.Interface && r.jumps(o, in) { // by a key of the interface
		at = r.asEntity(o, at)
		at.reached = true
	}
	if at.any() && !in.InterfaceObject {
		r.know(o.name, true, !at.above && !at.entity)
	}
	for _, m := range o.members {
		here := at
		if at.any() && (in.InterfaceObject || !slices.Contains(in.Possible, m.typ)) {
			here = arrival{}
		}
		named := r.before[o.name.id]
		r.fields(m, provided, here,
			named && r.jumps(m, m.typ.InSubgraph(r.graph)),
			named && r.interfaceObject(m, r.jumps))
		if at.any() && in.InterfaceObject {
			r.ofInterfaceObject(m, o.typ, at, false)
		}
	}
}

// jumps reports whether the subgraph can be given an entity, by a request of a payload that selects it.
func (r *request) jumps(o *object, in *supergraph.TypeIn) bool {
	return in != nil && o.payload() <= r.payload && slices.ContainsFunc(in.Keys, func(k *supergraph.Key) bool { return k.Resolvable && o.knows(k.Fields.Selections, r.before) })
}

// interfaceObject reports whether the subgraph can be given an object as an @interfaceObject.
func (r *request) interfaceObject(o *object, can func(o *object, in *supergraph.TypeIn) bool) bool {
	return slices.ContainsFunc(o.typ.Interfaces, func(i *supergraph.Type) bool {
		in := i.InSubgraph(r.graph)
		return in != nil && in.InterfaceObject && can(o, in)
	})
}

// fields adds the fields of an object that the request reaches, also by a key of its type if jump is set,
// and by a key of an @interfaceObject if object is.
func (r *request) fields(o *object, provided []operation.Selection, at arrival, jump, object bool) {
	here := at
	if jump {
		here = r.asEntity(o, at)
	}
	for name, x := range o.fields {
		fi := x.field.InSubgraph(r.graph)
		if at.untyped != nil && !jump && !r.mayFetch(o, x, at) { // once the types are known, perhaps
			r.learn(o, x, nil, arrival{})
			continue
		}
		resolved := fi != nil && r.resolves(fi) &&
			(fi.Requires == nil || jump && o.knows(fi.Requires.Selections, r.before)) &&
			(fi.Contexts == nil || jump && o.knowsContexts(fi, r.before))
		to := here
		if fi != nil && (fi.Requires != nil || fi.Contexts != nil) {
			to = r.asEntity(o, arrival{})
		}
		var below []operation.Selection
		for _, sel := range provided {
			if field := sel.(*operation.Field); fi != nil && field.Name == name && at.any() {
				if !resolved {
					to = at
				}
				resolved, below = true, field.Selections
			}
		}
		if fi != nil && fi.Provides != nil {
			below = slices.Concat(below, fi.Provides.Selections)
		}
		if !resolved {
			to = arrival{}
		}
		r.learn(o, x, below, to)
	}
	if object {
		for _, i := range o.typ.Interfaces {
			if in := i.InSubgraph(r.graph); in != nil && in.InterfaceObject {
				r.ofInterfaceObject(o, i, r.asEntity(o, arrival{}), true)
			}
		}
	}
}

// learn adds what is known if the request can fetch a field of an object that it reaches.
func (r *request) learn(o *object, x *fact, provided []operation.Selection, at arrival) {
	fetches := (at.above || at.entity) && r.fetches(o, x, at)
	again := at.any() && r.payload > 0 && r.repeats(o, x, at)
	if fetches || again {
		r.know(x, at.above || o.payload() <= r.payload, !fetches)
	}
	if x.below != nil && (fetches || again || r.before[x.id]) {
		r.object(x.below, provided, arrival{above: fetches, again: r.payload > 0 && (fetches || again), reached: fetches || again, untyped: below(at.untyped, x)})
	}
}

// fetches reports whether the request may fetch a fact. One for the deferred payload fetches what the fragment
// selects, for an entity rather than for an object around it.
func (r *request) fetches(o *object, x *fact, at arrival) bool {
	switch {
	case !x.goal || r.anything:
		return true
	case r.payload == 0:
		return r.repeats(o, x, at)
	case o == r.root && x.in == 0, x.own && !at.entity:
		return false
	}
	return x.below == nil || x.later
}

// repeats reports whether a request for the initial payload may fetch a fact. It does not fetch
// objects that only the deferred one selects, unless a key has them.
func (r *request) repeats(o *object, x *fact, at arrival) bool {
	switch {
	case !x.goal || x.in == 0:
		return true
	case x.early: // for objects of all types: not for an entity of one
		return at.reached || !x.forAll || x.keyOfType || o.of == nil
	}
	return o != r.root && (x.below == nil || x.condition)
}

func (r *request) resolves(fi *supergraph.FieldIn) bool {
	return fi.Resolves(func(label string) bool { return slices.Contains(r.labels, label) })
}

// ofInterfaceObject adds the fields of an object that the subgraph knows by an @interfaceObject. If
// it may be of any type, fields are fetched that are part of a key, or selected for objects of all types.
func (r *request) ofInterfaceObject(o *object, i *supergraph.Type, at arrival, entity bool) {
	for name, x := range o.fields {
		f := i.Field(name)
		if f == nil {
			continue
		}
		fi := f.InSubgraph(r.graph)
		forAll := x.forAll && (x.in <= r.payload || x.early)
		if x.keyOfType && x.in > 0 { // a request for the initial payload may fetch it for one type only
			forAll = x.forAll && r.payload > 0 && (at.above || at.entity)
		}
		to := at
		if !entity {
			u := untyped{of: o.of}
			for _, k := range i.InSubgraph(r.graph).Keys {
				u.keys = append(u.keys, k.Fields.Selections...)
			}
			to.untyped = append(slices.Clip(to.untyped), u)
		}
		if fi != nil && r.resolves(fi) && (entity || forAll || isKeyIn(i.InSubgraph(r.graph), name)) {
			r.learn(o, x, nil, to)
		}
	}
}

// isKey reports whether a field is part of a key of a type.
func isKey(t *supergraph.Type, name string) bool {
	return slices.ContainsFunc(t.In, func(in *supergraph.TypeIn) bool { return isKeyIn(in, name) })
}

func isKeyIn(in *supergraph.TypeIn, name string) bool {
	return slices.ContainsFunc(in.Keys, func(k *supergraph.Key) bool {
		return slices.ContainsFunc(k.Fields.Selections, func(sel operation.Selection) bool { return sel.(*operation.Field).Name == name })
	})
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
		known           []knowledge // by payload
		requests, level int
		initial         int // the requests for the initial payload
	}
	type visited struct {
		requests, level, initial int
		known                    string
	}
	best := state{requests: limit + 1}
	seen := map[visited]bool{}
	queue := []state{{known: f.nothing()}}
	graphs := len(f.model.Subgraphs)
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if !slices.ContainsFunc(f.goals, func(x *fact) bool { return !s.known[f.payloads][x.id] }) {
			if cmp.Or(cmp.Compare(s.requests, best.requests), cmp.Compare(s.level, best.level)) < 0 {
				best = s
			}
			continue
		}
		if s.level == most {
			continue
		}
		// The next level may have requests to any set of subgraphs, for any payload.
		for set := 1; set < 1<<(graphs*f.payloads); set++ {
			initial := bits.OnesCount(uint(set & (1<<graphs - 1)))
			switch {
			case f.start != nil && s.level == 0 && set&(1<<graphs-1) != 1<<f.start.Index,
				f.start != nil && s.level == 0 && initial < bits.OnesCount(uint(set)),
				f.payloads > 1 && initial > 0 && (s.initial+initial > f.initial.InitialRequests || s.level >= f.initial.InitialLevels),
				s.requests+bits.OnesCount(uint(set)) > min(limit, best.requests):
				continue
			}
			next := state{known: f.nothing(), requests: s.requests, level: s.level + 1, initial: s.initial + initial}
			at := visited{level: next.level, initial: next.initial}
			for p := range next.known {
				copy(next.known[p], s.known[p])
			}
			for i := range graphs * f.payloads {
				if set&(1<<i) != 0 {
					f.ask(f.model.Subgraphs[i%graphs], i/graphs, s.known, next.known, s.level == 0)
					next.requests++
				}
			}
			at.requests = next.requests
			for _, known := range next.known {
				at.known += known.key()
			}
			if seen[at] {
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
