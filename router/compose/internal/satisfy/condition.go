package satisfy

import "souk/router/supergraph"

// A verdict says whether the conditions of a field are met: that it can be
// resolved by a request of its own, which sends a key, what @requires names, and
// the values of context arguments.
type verdict uint8

const (
	satisfied      verdict = iota
	noKey                  // the type has no resolvable key in the subgraph
	keyUnread              // no key can be read
	requiredUnread         // what @requires names cannot be read
	contextUnset           // no enclosing object sets the context
	contextUnread          // the value in the enclosing object cannot be read
	circular               // the conditions lead back to the field
)

// A condition is a field with conditions, at some objects.
type condition struct {
	in *supergraph.FieldIn
	of *supergraph.Type
	objects
}

// known is the verdict on a condition, with the undecided labels it may depend on.
type known struct {
	verdict
	matter []int
}

// required tells whether the conditions are met of a field that a subgraph
// resolves, entered as a type of the objects. Verdicts are remembered if they do
// not depend on what is being looked for.
func (r *reader) required(o objects, of *supergraph.Type, in *supergraph.FieldIn) verdict {
	if !r.resolves(in, o.labels) {
		return noKey
	}
	if r.requiring[in] {
		r.circles++
		return circular
	}
	key := condition{in, of, o}
	if k, ok := r.conditions[key]; ok {
		r.note(k.matter...)
		return k.verdict
	}
	r.requiring[in] = true
	circles, outer := r.circles, r.lowest
	r.lowest = r.depth + 1
	var k known
	k.matter = r.noted(func() { k.verdict = r.judge(o, of, in) })
	if r.circles == circles && r.lowest > r.depth {
		r.conditions[key] = k
	}
	r.lowest = min(outer, r.lowest)
	delete(r.requiring, in)
	return k.verdict
}

func (r *reader) judge(o objects, of *supergraph.Type, in *supergraph.FieldIn) verdict {
	keys := resolvable(of.InSubgraph(in.Subgraph))
	if len(keys) == 0 {
		return noKey
	}
	if r.usableKey(o, jump{of.InSubgraph(in.Subgraph), of, keys}) == nil {
		return keyUnread
	}
	if in.Requires != nil && !r.reads(o, in.Requires.Selections, in.Subgraph) {
		return requiredUnread
	}
	for _, a := range in.Contexts {
		switch o.contexts.value(r.sources.index[a]) {
		case contextFound:
		case contextMissing:
			return contextUnset
		default:
			return contextUnread
		}
	}
	return satisfied
}
