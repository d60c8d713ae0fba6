package planner

import (
	"slices"
	"strings"

	"souk/router/supergraph"
)

// Sets of object types are slices sorted by name, as in the model. A set may
// have thousands of types, so all operations on them take linear time at most.

func byName(a, b *supergraph.Type) int { return strings.Compare(a.Name, b.Name) }

// has reports whether a type is in a set.
func has(types []*supergraph.Type, t *supergraph.Type) bool {
	_, found := slices.BinarySearchFunc(types, t, byName)
	return found
}

// intersect returns the types that are in both sets. The result is never nil.
func intersect(a, b []*supergraph.Type) []*supergraph.Type {
	out := make([]*supergraph.Type, 0, min(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch c := byName(a[0], b[0]); {
		case c < 0:
			a = a[1:]
		case c > 0:
			b = b[1:]
		default:
			out = append(out, a[0])
			a, b = a[1:], b[1:]
		}
	}
	return out
}

func typeNames(types []*supergraph.Type) []string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Name
	}
	return names
}
