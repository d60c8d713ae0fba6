package planner_test

import (
	"souk/router/operation"
	"souk/router/supergraph"
)

// fewestRequests returns the lowest number of requests that answer an operation, and for it
// the lowest number of levels; 0 if more than the limit are needed.
func fewestRequests(m *supergraph.Model, op *operation.Operation, labels []string, limit int) (requests, levels int) {
	if op.Kind == operation.Query {
		f := newFewest(m, m.Query, nil, op.Selections, labels)
		return f.search(f.facts(), limit, limit)
	}
	s := &sequences{model: m, root: m.Root(op.Kind), fields: op.Selections, labels: labels, known: map[sequencePart][2]int{}, requests: limit + 1}
	s.visit(0, 0, 0)
	if s.requests > limit {
		return 0, 0
	}
	return s.requests, s.levels
}

// sequences visits all ways to fetch the root fields of a mutation or a subscription in
// order: a request to some subgraph for one or more of them, then the requests for entities
// that they need, then the same for the fields that follow.
type sequences struct {
	model  *supergraph.Model
	root   *supergraph.Type
	fields []operation.Selection
	labels []string
	known  map[sequencePart][2]int
	// requests and levels are those of the best way that was found.
	requests, levels int
}

type sequencePart struct{ from, to, start, limit int }

// visit goes on with the fields from an index on.
func (s *sequences) visit(from, requests, levels int) {
	if from == len(s.fields) {
		if requests < s.requests || requests == s.requests && levels < s.levels {
			s.requests, s.levels = requests, levels
		}
		return
	}
	for to := from + 1; to <= len(s.fields); to++ {
		for start := range s.model.Subgraphs {
			limit := s.requests - requests
			if to < len(s.fields) { // the others need one at least
				limit--
			}
			if more, deeper := s.part(sequencePart{from, to, start, limit}); more > 0 {
				s.visit(to, requests+more, levels+deeper)
			}
		}
	}
}

// part returns what some fields need that one subgraph fetches; 0 for more than the limit.
func (s *sequences) part(p sequencePart) (requests, levels int) {
	g := s.model.Subgraphs[p.start]
	for _, f := range s.fields[p.from:p.to] {
		if s.root.Field(f.(*operation.Field).Name).InSubgraph(g) == nil {
			return 0, 0
		}
	}
	known, ok := s.known[p]
	if !ok {
		f := newFewest(s.model, s.root, g, s.fields[p.from:p.to], s.labels)
		known[0], known[1] = f.search(f.facts(), p.limit, p.limit)
		s.known[p] = known
	}
	return known[0], known[1]
}
