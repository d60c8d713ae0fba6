package oracle

import (
	"fmt"
	"slices"
)

// placeContexts adds an entity that is reachable only from some other entities and has
// fields with arguments from those (@context, @fromContext).
func (s *splitter) placeContexts() {
	if s.chance(40) {
		return
	}
	g := choose(s, s.graphs)
	var parents []string
	for _, e := range s.entities {
		if t := s.types[g][e]; t != nil && s.chance(70) {
			parents = append(parents, e)
		}
	}
	if len(parents) == 0 || g == "object" {
		return
	}
	told := s.declare(g, "Told", `type Told @key(fields: "id")`)
	told.add("id", "id: ID!")
	told.add("next", "next: Told")
	basis := choose(s, []string{"Int", "String"})
	set := "{ basis }"
	if s.chance(30) {
		set = ""
		for _, p := range parents {
			set += fmt.Sprintf("... on %s { basis } ", p)
		}
	}
	from := fmt.Sprintf(`@fromContext(field: "$ctx %s")`, set)
	told.add("heard", fmt.Sprintf("heard(n: Int = 1, v: %s %s): String", basis, from))
	if s.chance(40) {
		told.add("both", fmt.Sprintf("both(v: %s %s, w: %s %s): [Int]", basis, from, basis, from))
	}
	for _, p := range parents {
		s.placeContext(g, p, basis)
	}
	if other := choose(s, s.graphs); other != g && other != "object" {
		far := s.declare(other, "Told", `type Told @key(fields: "id")`)
		far.add("id", "id: ID!")
		far.add("far", "far: String")
	}
	for _, other := range s.graphs {
		for _, e := range s.entities {
			if t := s.types[other][e]; other != g && t != nil && s.chance(40) {
				t.head += ` @context(name: "ctx")` // is another context
			}
		}
	}
}

// placeContext makes an entity set the context to a value from its own subgraph or another
// one.
func (s *splitter) placeContext(g, e, basis string) {
	t := s.types[g][e]
	t.head += ` @context(name: "ctx")`
	var others []string
	for _, other := range s.graphs {
		if other != g && s.types[other][e] != nil {
			others = append(others, other)
		}
	}
	owner := g
	if len(others) > 0 && s.chance(50) {
		owner = choose(s, others)
		t.add("basis", "basis: "+basis+" @external")
	}
	s.types[owner][e].add("basis", "basis: "+basis)
	t.add("told", "told: "+choose(s, []string{"Told", "[Told]", "[Told!]!"}))
	if slices.Contains(others, owner) && s.chance(50) {
		s.declare(owner, "Told", `type Told @key(fields: "id")`).add("id", "id: ID!")
		s.types[owner][e].add("toldToo", "toldToo: [Told!]")
	}
}
