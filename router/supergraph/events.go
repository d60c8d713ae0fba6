package supergraph

import (
	"errors"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
	"souk/router/operation"
)

const (
	// eventsSpec is the beginning of the URLs of the specification of event streams, and
	// eventsVersion the version that the router supports.
	eventsSpec    = "https://souk.dev/events/"
	eventsVersion = "v1.0"
	// eventStream is the name of its directive in the specification.
	eventStream = "eventStream"
)

// An EventStream is the stream of a message broker that feeds a subscription field
// (@eventStream). The subgraph itself is not asked for the subscription.
type EventStream struct {
	// Provider is the name of the broker in the router's configuration.
	Provider string
	// Topic is the template of the name of the stream, such as "orders.{args.id}".
	Topic string
	// Filter is the condition that events must meet, or "".
	Filter string
	// Payload are the fields that each event holds. Nil means all that the subgraph has.
	Payload *FieldSet
	// Line and Column are the position of the directive in the supergraph.
	Line, Column int
}

// readEvents reads the event streams of the fields of the subscription type.
func (r *reader) readEvents() error {
	for _, def := range r.doc.Definitions {
		for _, fd := range def.Fields {
			if d := r.directive(fd.Directives, eventStream); d != nil {
				if err := r.readEventStream(r.types[def.Name], fd.Name, d); err != nil {
					return place(d.Position, "%s.%s: @%s: %w", def.Name, fd.Name, d.Name, err)
				}
			}
		}
	}
	for _, g := range r.model.Subgraphs {
		g.EventsOnly = r.eventsOnly(g)
	}
	if s := r.model.Subscription; s != nil {
		for _, f := range s.Fields {
			if f.Events != nil && f.Events.Payload == nil && !f.In[0].Subgraph.EventsOnly {
				if err := r.keyPayload(f); err != nil {
					return place(&ast.Position{Line: f.Events.Line, Column: f.Events.Column}, "%s.%s: @%s: %w", s.Name, f.Name, eventStream, err)
				}
			}
		}
	}
	return nil
}

func (r *reader) readEventStream(t *Type, name string, d *ast.Directive) error {
	f := t.Field(name)
	e := &EventStream{Provider: stringArgument(d, "provider"), Topic: stringArgument(d, "topic"), Filter: stringArgument(d, "filter")}
	e.Line, e.Column = syntax.At(d.Position)
	switch {
	case t != r.model.Subscription:
		return errors.New("only fields of the subscription type can have an event stream")
	case e.Provider == "":
		return errors.New("the argument provider is missing; it names an entry of event_sources.providers in the router's configuration")
	case e.Topic == "":
		return errors.New(`the argument topic is missing; it is the name of the stream, such as "orders.{args.id}"`)
	case !f.Named.Composite():
		return place(nil, "the field is of the type %s; it must be an object type, an interface or a union", f.Type)
	case strings.HasPrefix(f.Type, "["):
		return place(nil, "the field is of the type %s; an event is a single object", f.Type)
	case len(f.In) != 1:
		return place(nil, "the field is in %d subgraphs; an event stream belongs to one", len(f.In))
	}
	if text := stringArgument(d, "payload"); text != "" {
		set, err := r.fieldSet(text, f.Named)
		if err != nil {
			return place(nil, "argument payload: %w", err)
		}
		if err := checkPayload(f.Named, set); err != nil {
			return err
		}
		e.Payload = set
	}
	f.annotated().Events = e
	return nil
}

// eventsOnly reports whether a subgraph has nothing but event streams: then it needs no
// server.
func (r *reader) eventsOnly(g *Subgraph) bool {
	streams := false
	for _, t := range r.types {
		in := t.InSubgraph(g)
		if in == nil {
			continue
		}
		if slices.ContainsFunc(in.Keys, func(k *Key) bool { return k.Resolvable }) {
			return false
		}
		if t != r.model.Query && t != r.model.Mutation && t != r.model.Subscription {
			continue
		}
		for _, f := range t.Fields {
			switch fi := f.InSubgraph(g); {
			case fi == nil || fi.External:
			case f.Events == nil:
				return false
			default:
				streams = true
			}
		}
	}
	return streams
}

// keyPayload sets the payload of a stream of a subgraph that has a server: each event holds
// the first key of the type by which that server resolves entities, and the router fetches
// everything else.
func (r *reader) keyPayload(f *Field) error {
	g := f.In[0].Subgraph
	var selections []operation.Selection
	for _, t := range f.Named.Possible {
		in := t.InSubgraph(g)
		if in == nil {
			continue
		}
		i := slices.IndexFunc(in.Keys, func(k *Key) bool { return k.Resolvable })
		if i < 0 {
			return place(nil, "the type %s has no @key in the subgraph %s by which the router could fetch what an event does not hold; add a @key, or name the fields that each event holds in the argument payload", t.Name, g.Name)
		}
		selections = append(selections, &operation.InlineFragment{TypeCondition: t.Name, Selections: in.Keys[i].Fields.Selections})
	}
	f.Events.Payload = &FieldSet{Selections: selections}
	return nil
}

// checkPayload makes sure that the fields of events include a key, if the type has one.
func checkPayload(t *Type, set *FieldSet) error {
	for _, o := range t.Possible {
		var keys []string
		found := false
		for _, in := range o.In {
			for _, k := range in.Keys {
				found = found || includes(o, set.Selections, k.Fields.Selections)
				keys = append(keys, k.Fields.Text)
			}
		}
		if len(keys) > 0 && !found {
			slices.Sort(keys)
			return place(nil, "argument payload: %q has no key of the type %s, so the router could not fetch its other fields; add one of: %s", set.Text, o.Name, strings.Join(slices.Compact(keys), ", "))
		}
	}
	return nil
}

// includes reports whether a payload has all fields of a key of an object type.
func includes(t *Type, payload, key []operation.Selection) bool {
	for _, sel := range key {
		field, ok := sel.(*operation.Field)
		if !ok {
			return false
		}
		below, ok := selected(t, payload, field.Name)
		if !ok || len(field.Selections) > 0 && !includes(t.Field(field.Name).Named, below, field.Selections) {
			return false
		}
	}
	return true
}

// selected returns what is selected below a field of an object type.
func selected(t *Type, selections []operation.Selection, name string) (below []operation.Selection, ok bool) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *operation.Field:
			if sel.Name == name {
				below, ok = append(below, sel.Selections...), true
			}
		case *operation.InlineFragment:
			if sel.TypeCondition != "" && sel.TypeCondition != t.Name && !slices.ContainsFunc(t.Interfaces, func(i *Type) bool { return i.Name == sel.TypeCondition }) {
				continue
			}
			if inner, found := selected(t, sel.Selections, name); found {
				below, ok = append(below, inner...), true
			}
		}
	}
	return below, ok
}
