package auth

import (
	"context"
	"fmt"
	"slices"

	"souk/internal/bytecache"
	"souk/internal/heapsize"
	"souk/router/operation"
	"souk/router/supergraph"
)

// A Policy is what a supergraph keeps from whom. It is safe for concurrent use.
type Policy struct {
	model     *supergraph.Model
	evaluator PolicyEvaluator
	empty     bool

	needs    *bytecache.Cache[*operation.Operation, needs]
	variants *bytecache.Cache[variantKey, variant]
}

// A PolicyEvaluator decides on @policy. It is safe for concurrent use.
type PolicyEvaluator interface {
	// Evaluate says which of the named policies a caller passes, nil for nobody
	// known. A policy that the result does not have is not passed. It is called
	// once for each operation with fields that need policies. An error refuses
	// the operation, with 503.
	Evaluate(ctx context.Context, c *Caller, policies []string) (map[string]bool, error)
}

// needs are what an operation asks of its caller.
type needs struct {
	// all are the different authorizations met in the operation.
	all []*supergraph.Authorization
	// policies are the names in their @policy, in order.
	policies []string
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

// NewPolicy reads the authorization directives of a supergraph. The evaluator
// decides on @policy; nil to go by the caller's claims policies and roles.
func NewPolicy(m *supergraph.Model, evaluator PolicyEvaluator) *Policy {
	if evaluator == nil {
		evaluator = byClaims{}
	}
	return &Policy{model: m, evaluator: evaluator, empty: !protects(m),
		needs:    bytecache.New[*operation.Operation, needs](maxNeedsBytes, bytecache.Observer{}),
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

// byClaims passes the policies that the token's claims policies and roles name.
type byClaims struct{}

// Evaluate implements PolicyEvaluator.
func (byClaims) Evaluate(_ context.Context, c *Caller, policies []string) (map[string]bool, error) {
	if c == nil {
		return nil, nil
	}
	passed := make(map[string]bool, len(policies))
	for _, name := range policies {
		passed[name] = slices.Contains(c.Policies, name) || slices.Contains(c.Roles, name)
	}
	return passed, nil
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
// and rights it is the same pointer, so that plans can be kept by it. An error is
// the evaluator's.
func (p *Policy) Filter(ctx context.Context, op *operation.Operation, c *Caller) (*operation.Operation, []Denied, error) {
	if p.empty {
		return op, nil, nil
	}
	needs := p.needed(op)
	if len(needs.all) == 0 {
		return op, nil, nil
	}
	var passed map[string]bool
	if len(needs.policies) > 0 {
		var err error
		if passed, err = p.evaluator.Evaluate(ctx, c, slices.Clone(needs.policies)); err != nil {
			return nil, nil, fmt.Errorf("evaluating policies: %w", err)
		}
	}
	met := make([]byte, len(needs.all))
	all := true
	for i, need := range needs.all {
		if meets(c, passed, need) {
			met[i] = 1
		} else {
			all = false
		}
	}
	if all {
		return op, nil, nil
	}
	key := variantKey{op, string(met)}
	if v, ok := p.variants.Get(key); ok {
		return v.operation, v.denied, nil
	}
	f := &filter{model: p.model, allowed: func(a *supergraph.Authorization) bool {
		return met[slices.Index(needs.all, a)] == 1
	}}
	v := variant{f.operation(op), f.denied}
	v = p.variants.Put(key, v, variantSize.Of(op, v.operation, v.denied, key.met))
	return v.operation, v.denied, nil
}

// variantSize sizes what is remembered of an operation.
var variantSize = heapsize.NewSizer((*supergraph.Authorization)(nil))

// needed finds out what an operation needs.
func (p *Policy) needed(op *operation.Operation) needs {
	if known, ok := p.needs.Get(op); ok {
		return known
	}
	var n needs
	// The filter asks for every authorization there is in the operation.
	f := &filter{model: p.model, allowed: func(a *supergraph.Authorization) bool {
		if !slices.Contains(n.all, a) {
			n.all = append(n.all, a)
			n.policies = append(n.policies, slices.Concat(a.Policies...)...)
		}
		return true
	}}
	f.operation(op)
	slices.Sort(n.policies)
	n.policies = slices.Compact(n.policies)
	return p.needs.Put(op, n, variantSize.Of(op, n))
}

// meets says whether a caller has what a type or field asks for; each of the
// three directives must be satisfied.
func meets(c *Caller, passed map[string]bool, a *supergraph.Authorization) bool {
	if a.Authenticated && c == nil {
		return false
	}
	if len(a.Scopes) > 0 && (c == nil || !anyOf(a.Scopes, func(scope string) bool { return slices.Contains(c.Scopes, scope) })) {
		return false
	}
	return len(a.Policies) == 0 || anyOf(a.Policies, func(policy string) bool { return passed[policy] })
}

// anyOf says whether all names of one of the alternatives hold.
func anyOf(alternatives [][]string, holds func(string) bool) bool {
	return slices.ContainsFunc(alternatives, func(all []string) bool {
		return !slices.ContainsFunc(all, func(name string) bool { return !holds(name) })
	})
}
