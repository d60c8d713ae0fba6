package planner_test

import (
	"cmp"
	"fmt"
	"slices"

	"souk/router/operation"
	"souk/router/supergraph"
)

// fewest finds by exhaustive search the lowest number of requests, and for it the
// lowest number of levels of dependent requests, that answer a query on a supergraph
// of object types and unions. It shares no code with the planner: instead of choosing paths, it
// computes which facts (fields at response positions) are known after a sequence of
// requests, each of which fetches from one subgraph everything that can be fetched
// with what was known before its level. Fetching more never needs more requests, so
// the shortest sequence after which all selected facts are known is the optimum.
//
// For root fields of a mutation or a subscription, the first request is the only one of
// its level, and goes to the subgraph start: see starts_test.go.
type fewest struct {
	start  *supergraph.Subgraph
	root   *object
	goals  []*fact
	model  *supergraph.Model
	labels []string
}

// An object is a response position with an object type, or with a union whose members
// are objects. A fact is the value of one of its fields. Only root fields have aliases.
type object struct {
	typ     *supergraph.Type
	fields  map[string]*fact
	members []*object
}

type fact struct {
	id    int
	field *supergraph.Field // nil for the type name of a union's member
	below *object           // nil for a leaf
}

func newFewest(m *supergraph.Model, root *supergraph.Type, start *supergraph.Subgraph, selections []operation.Selection, labels []string) *fewest {
	f := &fewest{model: m, start: start, labels: labels}
	count := 0
	f.root = f.object(root, selections, &count, &f.goals)
	return f
}

// object has the facts that are selected at a position and those that keys and
// requirements of its type may need.
func (f *fewest) object(t *supergraph.Type, selections []operation.Selection, count *int, goals *[]*fact) *object {
	o := &object{typ: t, fields: map[string]*fact{}}
	if t.Abstract() {
		f.members(o, selections, count, goals)
		return o
	}
	f.choose(o, selections, count, goals)
	for _, in := range t.In {
		for _, k := range in.Keys {
			f.choose(o, k.Fields.Selections, count, nil)
		}
	}
	for _, field := range t.Fields {
		for _, in := range field.In {
			if in.Requires != nil {
				f.choose(o, in.Requires.Selections, count, nil)
			}
		}
	}
	return o
}

// choose adds facts to an object.
func (f *fewest) choose(o *object, selections []operation.Selection, count *int, goals *[]*fact) {
	for _, sel := range selections {
		field := sel.(*operation.Field)
		key := cmp.Or(field.Alias, field.Name)
		if o.fields[key] == nil {
			o.fields[key] = &fact{id: *count, field: o.typ.Field(field.Name)}
			*count++
		}
		known := o.fields[key]
		if goals != nil {
			*goals = append(*goals, known)
		}
		switch {
		case field.Selections == nil:
		case known.below == nil:
			known.below = f.object(known.field.Named, field.Selections, count, goals)
		default:
			f.choose(known.below, field.Selections, count, goals)
		}
	}
}

// members adds the members of a union, each of which is selected on at most once.
func (f *fewest) members(o *object, selections []operation.Selection, count *int, goals *[]*fact) {
	name := &fact{id: *count}
	*count++
	o.fields["__typename"] = name
	if goals != nil {
		*goals = append(*goals, name)
	}
	for _, sel := range selections {
		fragment := sel.(*operation.InlineFragment)
		o.members = append(o.members, f.object(f.model.Type(fragment.TypeCondition), fragment.Selections, count, goals))
	}
}

// ask returns what is known after a request to a subgraph, given what was known when
// it was sent. The first level has requests for root fields, later levels requests
// for entities.
func (f *fewest) ask(g *supergraph.Subgraph, before, known knowledge, first bool) knowledge {
	known = slices.Clone(known)
	f.learn(g, f.root, before, known, nil, first && f.root.typ.InSubgraph(g) != nil)
	return known
}

// learn adds what a subgraph knows about an object and those below it. reached is set
// if the request has reached the object from above, where some selections are provided.
func (f *fewest) learn(g *supergraph.Subgraph, o *object, before, known knowledge, provided []operation.Selection, reached bool) {
	in := o.typ.InSubgraph(g)
	if o.typ.Abstract() {
		if reached {
			known[o.fields["__typename"].id] = true
		}
		for _, m := range o.members {
			f.learn(g, m, before, known, nil, reached && in != nil && slices.Contains(in.Possible, m.typ))
		}
		return
	}
	jump := in != nil && slices.ContainsFunc(in.Keys, func(k *supergraph.Key) bool { return k.Resolvable && o.knows(k.Fields.Selections, before) })
	for name, x := range o.fields {
		fi := x.field.InSubgraph(g)
		resolved := fi != nil && fi.Resolves(func(label string) bool { return slices.Contains(f.labels, label) }) &&
			(fi.Requires == nil && (reached || jump) || fi.Requires != nil && jump && o.knows(fi.Requires.Selections, before))
		var below []operation.Selection
		for _, sel := range provided {
			if field := sel.(*operation.Field); reached && fi != nil && field.Name == name {
				resolved, below = true, field.Selections
			}
		}
		if fi != nil && fi.Provides != nil {
			below = slices.Concat(below, fi.Provides.Selections)
		}
		if resolved {
			known[x.id] = true
		}
		if x.below != nil && (resolved || before[x.id]) {
			f.learn(g, x.below, before, known, below, resolved)
		}
	}
}

func (o *object) knows(selections []operation.Selection, known knowledge) bool {
	for _, sel := range selections {
		field := sel.(*operation.Field)
		x := o.fields[field.Name]
		if x == nil || !known[x.id] || field.Selections != nil && !x.below.knows(field.Selections, known) {
			return false
		}
	}
	return true
}

// knowledge is the set of known facts by ID.
type knowledge []bool

func (k knowledge) key() string { return fmt.Sprint([]bool(k)) }

// search returns the fewest requests within a number of levels, and the fewest levels
// for them. requests is 0 if more than the limit are needed.
func (f *fewest) search(facts, limit, most int) (requests, levels int) {
	type state struct {
		known           knowledge
		requests, level int
	}
	done := func(k knowledge) bool {
		return !slices.ContainsFunc(f.goals, func(x *fact) bool { return !k[x.id] })
	}
	best := state{requests: limit + 1}
	seen := map[string]bool{}
	queue := []state{{known: make(knowledge, facts)}}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if done(s.known) {
			if s.requests < best.requests || s.requests == best.requests && s.level < best.level {
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
			next := state{known: s.known, requests: s.requests, level: s.level + 1}
			for i, g := range f.model.Subgraphs {
				if set&(1<<i) != 0 {
					next.known = f.ask(g, s.known, next.known, s.level == 0)
					next.requests++
				}
			}
			key := fmt.Sprint(next.requests, next.level, next.known.key())
			if next.requests > min(limit, best.requests) || seen[key] {
				continue
			}
			seen[key] = true
			queue = append(queue, next)
		}
	}
	if best.requests > limit {
		return 0, 0
	}
	return best.requests, best.level
}

func (f *fewest) facts() int {
	n := 0
	var count func(o *object)
	count = func(o *object) {
		for _, x := range o.fields {
			n = max(n, x.id+1)
			if x.below != nil {
				count(x.below)
			}
		}
		for _, m := range o.members {
			count(m)
		}
	}
	count(f.root)
	return n
}
