package satisfy

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A position is where objects can be read: one subgraph, with the type that it
// returns them as and what @provides lets it resolve below them. The type is an
// object type, an interface or union, or an interface that the subgraph defines
// with @interfaceObject. The number orders positions by subgraph, type and
// provision.
type position uint64

const (
	typeBits      = 24
	provisionBits = 24
)

// A set is a sorted set of positions of the same objects. Sets are interned:
// equal sets are the same pointer.
type set struct {
	id        int
	positions []position
}

// A provision is what @provides adds below a position. Provisions are interned.
type provision struct {
	index      int
	selections []operation.Selection
}

// space numbers what positions consist of, and interns sets and provisions.
type space struct {
	subgraphs  []*supergraph.Subgraph
	types      []*supergraph.Type
	typeIndex  map[*supergraph.Type]int
	provisions []*provision
	byText     map[string]*provision
	sets       map[string]*set
}

func newSpace(m *supergraph.Model) *space {
	s := &space{
		subgraphs: m.Subgraphs, types: m.Types(), typeIndex: map[*supergraph.Type]int{},
		provisions: []*provision{{}}, byText: map[string]*provision{}, sets: map[string]*set{},
	}
	for i, t := range s.types {
		s.typeIndex[t] = i
	}
	return s
}

// at is the position of a type in a subgraph.
func (s *space) at(g *supergraph.Subgraph, t *supergraph.Type, provided []operation.Selection) position {
	return position(g.Index)<<(typeBits+provisionBits) | position(s.typeIndex[t])<<provisionBits | position(s.provision(provided).index)
}

func (s *space) provision(selections []operation.Selection) *provision {
	if len(selections) == 0 {
		return s.provisions[0]
	}
	text := (&operation.Operation{Selections: selections}).Key()
	p := s.byText[text]
	if p == nil {
		p = &provision{len(s.provisions), selections}
		s.provisions = append(s.provisions, p)
		s.byText[text] = p
	}
	return p
}

func (s *space) subgraph(p position) *supergraph.Subgraph {
	return s.subgraphs[p>>(typeBits+provisionBits)]
}

func (s *space) typ(p position) *supergraph.Type {
	return s.types[p>>provisionBits&(1<<typeBits-1)]
}

func (s *space) provided(p position) []operation.Selection {
	return s.provisions[p&(1<<provisionBits-1)].selections
}

// place is the subgraph and the type of a position, without what is provided.
func (p position) place() position { return p >> provisionBits }

// interfaceObject reports whether the subgraph knows the objects only as those
// of an @interfaceObject.
func (s *space) interfaceObject(p position) bool {
	return s.typ(p).InSubgraph(s.subgraph(p)).InterfaceObject
}

// set interns a set of positions. It keeps the slice.
func (s *space) set(positions []position) *set {
	slices.Sort(positions)
	positions = slices.Compact(positions)
	var few [8 * 8]byte
	key := few[:0]
	for _, p := range positions {
		key = binary.NativeEndian.AppendUint64(key, uint64(p))
	}
	if known := s.sets[string(key)]; known != nil {
		return known
	}
	made := &set{len(s.sets), slices.Clip(positions)}
	s.sets[string(key)] = made
	return made
}

// covers reports whether everything that can be read at the positions of other
// can be read at those of a.
func (s *space) covers(a, other *set) bool {
	if a == other {
		return true
	}
	for _, p := range other.positions {
		if !s.covered(a.positions, p) {
			return false
		}
	}
	return true
}

func (s *space) covered(by []position, p position) bool {
	i, _ := slices.BinarySearchFunc(by, p.place(), func(have, place position) int { return cmp.Compare(have.place(), place) })
	for ; i < len(by) && by[i].place() == p.place(); i++ {
		if by[i] == p || s.provides(s.provided(by[i]), s.provided(p)) {
			return true
		}
	}
	return false
}

// provides reports whether a provision includes all of another.
func (s *space) provides(provided, other []operation.Selection) bool {
	for _, sel := range other {
		if !slices.ContainsFunc(provided, func(have operation.Selection) bool { return includes(s, have, sel) }) {
			return false
		}
	}
	return true
}

func includes(s *space, have, sel operation.Selection) bool {
	switch sel := sel.(type) {
	case *operation.Field:
		have, ok := have.(*operation.Field)
		return ok && have.Name == sel.Name && s.provides(have.Selections, sel.Selections)
	case *operation.InlineFragment:
		have, ok := have.(*operation.InlineFragment)
		return ok && have.TypeCondition == sel.TypeCondition && s.provides(have.Selections, sel.Selections)
	}
	return false
}

// names lists the subgraphs of a set, each once.
func (s *space) names(of *set) []string {
	var names []string
	for _, p := range of.positions {
		if name := s.subgraph(p).Name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// quoted lists names for a message: "a", "b" and "c".
func quoted(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = `"` + name + `"`
	}
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}
