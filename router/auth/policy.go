package auth

import (
	"context"
	"slices"
	"sync"

	"souk/router/operation"
	"souk/router/supergraph"
)

// A Policy is what a supergraph keeps from whom. It is safe for concurrent use.
type Policy struct {
	model *supergraph.Model
	// evaluate says whether a caller, perhaps nil, passes a named policy.
	evaluate func(ctx context.Context, c *Caller, policy string) bool
	empty    bool

	mu       sync.RWMutex
	compiled map[*operation.Operation]*compiled
}

// compiled is what an operation asks for, and what was made of it so far.
type compiled struct {
	// needs are the different authorizations met in the operation.
	needs []*supergraph.Authorization

	mu       sync.RWMutex
	variants map[string]variant // by which needs are met: a byte for each
}

type variant struct {
	operation *operation.Operation
	denied    []Denied
}

// Denied is a field that was kept from a caller.
type Denied struct {
	// Field is "Type.field" as the operation asks for it.
	Field   string
	Message string
	// Line and Column are its place in the document.
	Line, Column int
}

const (
	// These bound what is remembered; what is beyond is made anew.
	maxCompiled = 4096
	maxVariants = 64
)

// NewPolicy reads the authorization directives of a supergraph. The evaluate
// function decides on @policy; nil to go by the caller's claims policies and
// roles.
func NewPolicy(m *supergraph.Model, evaluate func(ctx context.Context, c *Caller, policy string) bool) *Policy {
	if evaluate == nil {
		evaluate = byClaims
	}
	return &Policy{model: m, evaluate: evaluate, empty: !protects(m), compiled: map[*operation.Operation]*compiled{}}
}

func byClaims(_ context.Context, c *Caller, policy string) bool {
	return c != nil && (slices.Contains(c.Policies, policy) || slices.Contains(c.Roles, policy))
}

// protects says whether a supergraph has any authorization directive.
func protects(m *supergraph.Model) bool {
	for _, t := range m.Types() {
		if needed(&t.Authorization) || slices.ContainsFunc(t.Fields, func(f *supergraph.Field) bool { return needed(&f.Authorization) }) {
			return true
		}
	}
	return false
}

func needed(a *supergraph.Authorization) bool {
	return a.Authenticated || len(a.Scopes) > 0 || len(a.Policies) > 0
}

// Filter gives the operation that a caller, nil for nobody known, may run: the
// same one if nothing is kept from them, or one in which the fields they may
// not have are marked as Denied, with a list of these. For the same operation
// and rights it is the same pointer, so that plans can be kept by it.
func (p *Policy) Filter(ctx context.Context, op *operation.Operation, c *Caller) (*operation.Operation, []Denied) {
	if p.empty {
		return op, nil
	}
	known := p.compile(op)
	if len(known.needs) == 0 {
		return op, nil
	}
	met := make([]byte, len(known.needs))
	all := true
	for i, need := range known.needs {
		if p.meets(ctx, c, need) {
			met[i] = 1
		} else {
			all = false
		}
	}
	if all {
		return op, nil
	}
	known.mu.RLock()
	v, ok := known.variants[string(met)]
	known.mu.RUnlock()
	if ok {
		return v.operation, v.denied
	}
	f := &filter{model: p.model, allowed: func(a *supergraph.Authorization) bool {
		return met[slices.Index(known.needs, a)] == 1
	}}
	v = variant{f.operation(op), f.denied}
	known.mu.Lock()
	defer known.mu.Unlock()
	if other, ok := known.variants[string(met)]; ok {
		return other.operation, other.denied
	}
	if len(known.variants) < maxVariants {
		known.variants[string(met)] = v
	}
	return v.operation, v.denied
}

// compile finds out what an operation needs.
func (p *Policy) compile(op *operation.Operation) *compiled {
	p.mu.RLock()
	known, ok := p.compiled[op]
	p.mu.RUnlock()
	if ok {
		return known
	}
	known = &compiled{variants: map[string]variant{}}
	// The filter asks for every authorization there is in the operation.
	f := &filter{model: p.model, allowed: func(a *supergraph.Authorization) bool {
		if !slices.Contains(known.needs, a) {
			known.needs = append(known.needs, a)
		}
		return true
	}}
	f.operation(op)
	p.mu.Lock()
	defer p.mu.Unlock()
	if other, ok := p.compiled[op]; ok {
		return other
	}
	if len(p.compiled) >= maxCompiled {
		clear(p.compiled)
	}
	p.compiled[op] = known
	return known
}

// meets says whether a caller has what a type or field asks for; each of the
// three directives must be satisfied.
func (p *Policy) meets(ctx context.Context, c *Caller, a *supergraph.Authorization) bool {
	if a.Authenticated && c == nil {
		return false
	}
	if len(a.Scopes) > 0 && (c == nil || !anyOf(a.Scopes, func(scope string) bool { return slices.Contains(c.Scopes, scope) })) {
		return false
	}
	return len(a.Policies) == 0 || anyOf(a.Policies, func(policy string) bool { return p.evaluate(ctx, c, policy) })
}

// anyOf says whether all names of one of the alternatives hold.
func anyOf(alternatives [][]string, holds func(string) bool) bool {
	return slices.ContainsFunc(alternatives, func(all []string) bool {
		return !slices.ContainsFunc(all, func(name string) bool { return !holds(name) })
	})
}
