package satisfy

import (
	"fmt"
	"slices"
	"strings"

	"souk/router/supergraph"
)

// maxReasons bounds how many reasons an error lists: a field of a shared type can
// be out of reach of a hundred subgraphs.
const maxReasons = 12

// reasons tells why a failure cannot be resolved: for each subgraph that has the
// objects, why it does not resolve the field, and for each other subgraph that
// resolves it, why the router cannot move there.
func (r *reader) reasons(f *failure) []string {
	var list []string
	if f.field == nil {
		list = r.typeReasons(f)
	} else {
		for _, g := range r.subgraphs {
			if reason := r.fieldReason(f, g); reason != "" {
				list = append(list, reason)
			}
		}
	}
	if len(list) > maxReasons {
		rest := len(list) - maxReasons
		list = append(list[:maxReasons:maxReasons], fmt.Sprintf("and %d more of the same kinds", rest))
	}
	return list
}

// typeReasons tells why objects that come from an @interfaceObject cannot be
// narrowed to a type.
func (r *reader) typeReasons(f *failure) []string {
	t := f.objects.typ
	list := []string{fmt.Sprintf("subgraph %s knows %q only as an @interfaceObject, not its implementation %q", quoted(r.names(f.objects.known)), t.Name, f.on.Name)}
	for _, in := range t.In {
		if !in.InterfaceObject && !slices.Contains(r.names(f.objects.known), in.Subgraph.Name) {
			list = append(list, r.moveReason(f.objects, t, in))
		}
	}
	return list
}

// fieldReason tells why a subgraph does not help with a field; "" if it has nothing
// to do with it.
func (r *reader) fieldReason(f *failure, g *supergraph.Subgraph) string {
	o, field := f.objects, f.field
	here := slices.ContainsFunc(o.known.positions, func(p position) bool { return r.subgraph(p) == g })
	name := o.typ.Name + "." + field.Name
	for t := range enteredAs(o.typ) {
		declared, typ := t.Field(field.Name), t.InSubgraph(g)
		if typ == nil || declared == nil || t != o.typ && !typ.InterfaceObject {
			continue
		}
		in := declared.InSubgraph(g)
		switch {
		case in == nil:
			continue
		case !r.resolves(in, o.labels):
			return r.unresolvedReason(t.Name+"."+field.Name, in, o.labels, here)
		case in.Requires != nil || in.Contexts != nil:
			return r.conditionReason(o, t, in, t.Name+"."+field.Name)
		case !here:
			return r.moveReason(o, t, typ)
		}
		return fmt.Sprintf("subgraph %q does not resolve field %q for all objects", g.Name, name)
	}
	if here {
		return fmt.Sprintf("subgraph %q has no field %q", g.Name, name)
	}
	return ""
}

// unresolvedReason tells why a subgraph does not resolve a field that it declares.
func (r *reader) unresolvedReason(name string, in *supergraph.FieldIn, labels assignment, here bool) string {
	switch o, by := in.Overridden, in.Override; {
	case o != nil && o.Label == "":
		return fmt.Sprintf("subgraph %q does not resolve field %q: subgraph %q overrides it", in.Subgraph.Name, name, o.To.Name)
	case o != nil && labels[r.labelIndex[o.Label]] == active:
		return fmt.Sprintf("subgraph %q does not resolve field %q: subgraph %q overrides it while the label %q is active", in.Subgraph.Name, name, o.To.Name, o.Label)
	case by != nil && by.Label != "":
		return fmt.Sprintf("subgraph %q does not resolve field %q while the label %q of its @override is not active", in.Subgraph.Name, name, by.Label)
	case here:
		return fmt.Sprintf("subgraph %q declares field %q as @external and does not resolve it", in.Subgraph.Name, name)
	}
	return ""
}

// conditionReason tells which condition of a field is not met.
func (r *reader) conditionReason(o objects, t *supergraph.Type, in *supergraph.FieldIn, name string) string {
	g := in.Subgraph.Name
	switch r.required(o, t, in) {
	case noKey:
		return fmt.Sprintf("subgraph %q resolves field %q only with values that the router sends, but its type %q has no resolvable @key by which the router could send them", g, name, t.Name)
	case keyUnread:
		return r.moveReason(o, t, t.InSubgraph(in.Subgraph))
	case contextUnset:
		return fmt.Sprintf("subgraph %q resolves field %q with a value of the context %q, which no enclosing object sets", g, name, in.Contexts[0].Context)
	case contextUnread:
		return fmt.Sprintf("subgraph %q resolves field %q with a value of the context %q, which cannot be resolved in the enclosing object", g, name, in.Contexts[0].Context)
	}
	return fmt.Sprintf("subgraph %q resolves field %q only with @requires(fields: %q), which cannot be resolved from subgraph %s", g, name, in.Requires.Text, quoted(r.names(o.known)))
}

// moveReason tells why the router cannot move from the objects to a subgraph.
func (r *reader) moveReason(o objects, t *supergraph.Type, in *supergraph.TypeIn) string {
	to := fmt.Sprintf("cannot move to subgraph %q", in.Subgraph.Name)
	keys := resolvable(in)
	switch {
	case len(in.Keys) == 0:
		return fmt.Sprintf("%s: type %q has no @key there", to, t.Name)
	case len(keys) == 0:
		return fmt.Sprintf("%s: no @key of type %q is resolvable there (resolvable: false)", to, t.Name)
	}
	texts := make([]string, len(keys))
	for i, k := range keys {
		texts[i] = fmt.Sprintf("@key(fields: %q)", k.Fields.Text)
	}
	return fmt.Sprintf("%s using %s of %q: the key fields cannot be resolved from subgraph %s", to, strings.Join(texts, " or "), t.Name, quoted(r.names(o.known)))
}
