package planner

import (
	"sync"

	"souk/router/supergraph"
)

// responseTypes has what the layouts of responses state of types. It is the same for all operations,
// and made for the types that operations use.
type responseTypes struct{ known sync.Map } // *supergraph.Type to *responseType

// A responseType is a type as clients see it.
type responseType struct {
	possible   []*supergraph.Type
	names      []string // of possible
	enumValues []string
}

func (r *responseTypes) of(t *supergraph.Type) *responseType {
	if known, ok := r.known.Load(t); ok {
		return known.(*responseType)
	}
	made := &responseType{}
	for _, o := range t.Possible {
		if !o.Inaccessible {
			made.possible = append(made.possible, o)
		}
	}
	made.names = typeNames(made.possible)
	if t.Kind == supergraph.Enum {
		made.enumValues = []string{}
		for _, v := range t.EnumValues {
			if !v.Inaccessible {
				made.enumValues = append(made.enumValues, v.Name)
			}
		}
	}
	known, _ := r.known.LoadOrStore(t, made)
	return known.(*responseType)
}
