package auth

import (
	"context"
	"slices"

	"souk/internal/bytecache"
	"souk/internal/heapsize"
	"souk/router/operation"
	"souk/router/supergraph"
)

// A Policy is what a supergraph keeps from whom. It is safe for concurrent use.
type Policy struct {
	model *supergraph.Model
	// evaluate says whether a caller, perhaps nil, passes a named policy.
	evaluate func(ctx context.Context, c *Caller, policy string) bool
	empty    bool

	// needs are the different authorizations met in an operation.
	needs    *bytecache.Cache[*operation.Operation, []*supergraph.Authorization]
	variants *bytecache.Cache[variantKey, variant]
}

// A variantKey names what was made of an operation for callers who meet the same
// of its needs.
type variantKey struct {
	operation *operation.Operation
	met       string // a byte for each need
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
	// These bound what is remembered, with the operations it keeps alive.
	maxNeedsBytes   = 4 << 20
	maxVariantBytes = 8 << 20
)

// NewPolicy reads the authorization directives of a supergraph. The evaluate
// function decides on @policy; nil to go by the caller's claims policies and
// roles.
func NewPolicy(m *supergraph.Model, evaluate func(ctx context.Context, c *Caller, policy string) bool) *Policy {
	if evaluate == nil {
		evaluate = byClaims
	}
	return &Policy{model: m, evaluate: evaluate, empty: !protects(m),
		needs:    bytecache.New[*operation.Operation, []*supergraph.Authorization](maxNeedsBytes, bytecache.Observer{}),
		variants: bytecache.New[variantKey, variant](maxVariantBytes, bytecache.Observer{}),
	}
}

// Protects reports whether an operation asks for anything that an
// authorization directive of the supergraph protects.
func Protects(m *supergraph.Model, op *operation.Operation) bool {
	found := false
	f := &filter{model: m, allowed: func(*supergraph.Authorization) bool {
		found = true
		return true
	}}
	f.operation(op)
	return found
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
	needs := p.needed(op)
	if len(needs) == 0 {
		return op, nil
	}
	met := make([]byte, len(needs))
	all := true
	for i, need := range needs {
		if p.meets(ctx, c, need) {
			met[i] = 1
		} else {
			all = false
		}
	}
	if all {
		return op, nil
	}
	key := variantKey{op, string(met)}
	if v, ok := p.variants.Get(key); ok {
		return v.operation, v.denied
	}
	f := &filter{model: p.model, allowed: func(a *supergraph.Authorization) bool {
		return met[slices.Index(needs, a)] == 1
	}}
	v := variant{f.operation(op), f.denied}
	v = p.variants.Put(key, v, variantSize.Of(op, v.operation, v.denied, key.met))
	return v.operation, v.denied
}

// variantSize sizes what is remembered of an operation.
var variantSize = heapsize.NewSizer((*supergraph.Authorization)(nil))

// needed finds out what an operation needs.
func (p *Policy) needed(op *operation.Operation) []*supergraph.Authorization {
	if needs, ok := p.needs.Get(op); ok {
		return needs
	}
	var needs []*supergraph.Authorization
	// The filter asks for every authorization there is in the operation.
	f := &filter{model: p.model, allowed: func(a *supergraph.Authorization) bool {
		if !slices.Contains(needs, a) {
			needs = append(needs, a)
		}
		return true
	}}
	f.operation(op)
	return p.needs.Put(op, needs, variantSize.Of(op, needs))
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
