package cache

import (
	"context"
	"slices"

	"souk/router/internal/jsonscan"
	"souk/router/plan"
	"souk/router/supergraph"
)

// maxMutated bounds the entities of a type that one response to a mutation invalidates. If there
// are more, it invalidates the whole type.
const maxMutated = 500

// Mutated implements execute.EntityCache: it invalidates the entities in the response to a
// mutation, except those that are reached through another entity: an order that is placed changes,
// but the products of its lines are only referred to. If that fails, Redis is not used until a new epoch has started.
func (v *View) Mutated(ctx context.Context, selected plan.Selections, data []byte) {
	c := v.cache
	if !c.options.Mutations || v.model.Mutation == nil {
		return
	}
	m := mutated{view: v, keys: map[string][]string{}}
	m.object(v.model.Mutation, selected, data)
	if len(m.types) == 0 {
		return
	}
	list := make([]Invalidation, 0, len(m.types))
	for _, typ := range m.types {
		keys := m.keys[typ]
		if len(keys) > maxMutated {
			keys = nil
		}
		list = append(list, Invalidation{Type: typ, Keys: keys})
	}
	if err := c.invalidate(ctx, "mutation", list); err != nil {
		c.options.Logger.WarnContext(ctx, "entity cache: continuing without Redis, because entities that a mutation has changed could not be invalidated", "error", err)
	}
}

// A mutated collects the entities in the response to a mutation.
type mutated struct {
	view  *View
	types []string            // in the order of their first entity
	keys  map[string][]string // by type
}

// object reads an object of a type, or of one of its possible types.
func (m *mutated) object(t *supergraph.Type, list plan.Selections, object []byte) {
	if name := string(typename(object)); name != "" {
		if actual := m.view.model.Type(name); actual != nil {
			t = actual
		}
	}
	members := jsonscan.NewReader(object, jsonscan.MaxDepth)
	// A subgraph can send anything: what cannot be read has no entities.
	_ = members.Object(func(key []byte) error {
		value, err := members.Value()
		if err != nil {
			return err
		}
		for _, s := range m.fields(nil, t, list, key) {
			m.value(t, s, value)
		}
		return nil
	})
}

// fields appends the selected fields of a type that have a response key.
func (m *mutated) fields(found []*plan.SelectedField, t *supergraph.Type, list plan.Selections, key []byte) []*plan.SelectedField {
	for _, selection := range list {
		switch s := selection.(type) {
		case *plan.SelectedField:
			if s.ResponseKey == string(key) {
				found = append(found, s)
			}
		case *plan.InlineFragment:
			if on := m.view.model.Type(s.On); on == nil || on == t || t.Abstract() || slices.Contains(on.Possible, t) {
				found = m.fields(found, t, s.Selections, key)
			}
		}
	}
	return found
}

// value reads the value of a field of an object of a type.
func (m *mutated) value(t *supergraph.Type, s *plan.SelectedField, value []byte) {
	if len(s.Selections) == 0 {
		if t.Entity() {
			m.key(t, s.Name, value)
		}
		return
	}
	if f := t.Field(s.Name); f != nil && f.Named != nil && !t.Entity() {
		m.objects(f.Named, s.Selections, value)
	}
}

// objects reads an object or lists of them.
func (m *mutated) objects(t *supergraph.Type, list plan.Selections, value []byte) {
	switch jsonscan.KindOf(value) {
	case jsonscan.KindObject:
		m.object(t, list, value)
	case jsonscan.KindArray:
		elements := jsonscan.NewReader(value, jsonscan.MaxDepth)
		_ = elements.Array(func(int) error {
			element, err := elements.Value()
			if err == nil {
				m.objects(t, list, element)
			}
			return err
		})
	}
}

// key notes an entity, if a field is the one that identifies entities of its type. The object of
// an interface (@interfaceObject) can be of any of its possible types.
func (m *mutated) key(t *supergraph.Type, field string, value []byte) {
	types := []*supergraph.Type{t}
	if t.Abstract() {
		types = t.Possible
	}
	for _, t := range types {
		o := &m.view.cache.options
		if o.keyField(t.Name) != field || slices.Contains(o.MutationsExcept, t.Name) {
			continue
		}
		var key string
		switch jsonscan.KindOf(value) {
		case jsonscan.KindString:
			key = string(jsonscan.Text(value))
		case jsonscan.KindNumber:
			key = string(value)
		default:
			continue
		}
		if _, ok := m.keys[t.Name]; !ok {
			m.types = append(m.types, t.Name)
		}
		if keys := m.keys[t.Name]; len(keys) <= maxMutated && !slices.Contains(keys, key) {
			m.keys[t.Name] = append(keys, key)
		}
	}
}
