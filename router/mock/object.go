package mock

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// population is how many objects of each type with an ID there are, so that relations lead
// to the same objects again.
const population = 20

// An object is a value of an object type.
type object struct {
	typename string
	// n identifies the object. It is its ID if it has one.
	n uint64
	// given are values of its fields that are given: by a representation or by arguments.
	given map[string]any
	// page is set for a page of a list, its pageInfo and its edges. An edge has an index.
	page   *page
	index  int
	isEdge bool
}

// give sets the value of a field.
func (o *object) give(field string, value any) {
	if o.given == nil {
		o.given = map[string]any{}
	}
	o.given[field] = value
}

// hash returns a number that depends on the seed and the parts.
func (s *Subgraph) hash(parts ...any) uint64 {
	h := fnv.New64a()
	_ = binary.Write(h, binary.LittleEndian, s.seed) // it cannot fail
	for _, part := range parts {
		fmt.Fprintf(h, "\x00%v", part)
	}
	return mix(h.Sum64())
}

// mix spreads a hash over all bits (the finaliser of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// related returns the object at a field of another one. index is that of an item in a list:
// consecutive items differ.
func (s *Subgraph) related(parent *object, field, typename string, index int) *object {
	n := s.hash(parent.n, field)
	concrete := s.concrete(typename, n+uint64(index))
	if d := s.schema.types[concrete]; d != nil && d.identified() {
		n = 1 + (n+uint64(index))%population
		concrete = s.concrete(typename, n)
	} else {
		n = s.hash(n, index)
	}
	return &object{typename: concrete, n: n}
}

// concrete returns the object type of the object n of a type. Of several abstract types with
// the same members, the object has the same type. It is empty if there is none.
func (s *Subgraph) concrete(typename string, n uint64) string {
	d := s.schema.types[typename]
	if d == nil || d.kind == "OBJECT" {
		return typename
	}
	best, most := "", uint64(0)
	for _, name := range s.schema.visibleTypes(d.possible) {
		if rank := s.hash(n, name); best == "" || rank > most {
			best, most = name, rank
		}
	}
	return best
}

// entity returns the object of a representation.
func (s *Subgraph) entity(representation map[string]any) (*object, error) {
	typename, _ := representation["__typename"].(string)
	if s.schema.types[typename] == nil {
		return nil, fmt.Errorf("the representation has the __typename %q, which the schema does not define", typename)
	}
	n := identity(representation)
	given := maps.Clone(representation)
	delete(given, "__typename")
	return &object{typename: s.typeOf(typename, representation["id"], n), n: n, given: given}, nil
}

var digits = regexp.MustCompile(`\d+`)

// identity returns the number of the object with some fields: that in its id or in another
// scalar, as value.go writes it, or else a hash.
func identity(fields map[string]any) uint64 {
	names := slices.Sorted(maps.Keys(fields))
	if _, ok := fields["id"]; ok {
		names = slices.Insert(names, 0, "id")
	}
	var text strings.Builder
	for _, name := range names {
		if name == "__typename" {
			continue
		}
		encoded, _ := json.Marshal(fields[name]) // it was decoded
		text.Write(encoded)
		switch v := fields[name].(type) {
		case string:
			if found := digits.FindAllString(v, -1); len(found) > 0 {
				if n, err := strconv.ParseUint(found[len(found)-1], 10, 32); err == nil {
					return n
				}
			}
		case json.Number:
			if n, err := strconv.ParseUint(v.String(), 10, 32); err == nil {
				return n
			}
		}
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(text.String())) // it cannot fail
	return h.Sum64() % 1_000_000
}
