package auth

import (
	"context"
	"fmt"
	"slices"

	"souk/internal/bytecache"
	"souk/internal/heapsize"
	"souk/router/internal/panics"
	"souk/router/operation"
	"souk/router/supergraph"
)

// A Policy enforces the authorization directives of a supergraph. It is safe for
// concurrent use.
type Policy struct {
	model     *supergraph.Model
	evaluator PolicyEvaluator
	empty     bool

	needs    *bytecache.Cache[*operation.Operation, needs]
	variants *bytecache.Cache[variantKey, variant]
}

// A PolicyEvaluator evaluates the policies in @policy. It must be safe for concurrent
// use.
type PolicyEvaluator interface {
	// Evaluate returns which of the named policies the caller satisfies. The caller is
	// nil if the request is anonymous. A policy that is not in the result is not
	// satisfied. Evaluate is called once for each operation that has fields with
	// @policy. An error rejects the operation with status 503.
	Evaluate(ctx context.Context, c *Caller, policies []string) (map[string]bool, error)
}

// Requirements is what the authorization directives of an operation mention. Some
// of it may be an alternative to other parts: it is what a decision may depend on, not
// what a caller must have.
type Requirements struct {
	// Authenticated is set if a field has @authenticated.
	Authenticated bool
	// Scopes and Policies have the distinct names in @requiresScopes and @policy,
	// sorted. They must not be modified.
	Scopes, Policies []string
}

// needs are the authorizations that an operation requires.
type needs struct {
	Requirements
	// all has the distinct authorizations in the operation.
	all []*supergraph.Authorization
}

// A variantKey identifies the filtered operation for all callers who meet the same of
// its needs.
type variantKey struct {
	operation *operation.Operation
	met       string // a byte for each need
}

type variant struct {
	operation *operation.Operation
	denied    []Denied
}

// Denied describes a field that a caller may not access.
type Denied struct {
	// Field is "Type.field".
	Field   string
	Message string
	// Line and Column are the position of the field in the document, from 1.
	Line, Column int
}

const (
	// These bound the caches in bytes, including the operations that they keep alive.
	maxNeedsBytes   = 4 << 20
	maxVariantBytes = 8 << 20
)

// NewPolicy returns the Policy for a supergraph. The evaluator evaluates @policy. If it
// is nil, a caller satisfies the policies named in the token's policies and roles
// claims.
func NewPolicy(m *supergraph.Model, evaluator PolicyEvaluator) *Policy {
	if evaluator == nil {
		evaluator = byClaims{}
	}
	return &Policy{model: m, evaluator: evaluator, empty: !protects(m),
		needs:    bytecache.New[*operation.Operation, needs](maxNeedsBytes, bytecache.Observer{}),
		variants: bytecache.New[variantKey, variant](maxVariantBytes, bytecache.Observer{}),
	}
}

// Protects reports whether an operation selects a type or field with an authorization
// directive.
func Protects(m *supergraph.Model, op *operation.Operation) bool {
	found := false
	f := &filter{model: m, allowed: func(*supergraph.Authorization) bool {
		found = true
		return true
	}}
	f.operation(op)
	return found
}

// byClaims is a PolicyEvaluator that looks policies up in the token's policies and roles
// claims.
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

// protects reports whether a supergraph has any authorization directive.
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

// Filter returns the operation that a caller may run. The caller is nil if the request
// is anonymous. If the caller may access all fields, the result is op itself.
// Otherwise it is a copy in which the other fields are marked as Denied, and the second
// result lists them.
//
// For the same operation and the same permissions, Filter returns the same pointer while
// it is cached, so that plans can be cached by pointer. The error is from the
// PolicyEvaluator.
func (p *Policy) Filter(ctx context.Context, op *operation.Operation, c *Caller) (*operation.Operation, []Denied, error) {
	if p.empty {
		return op, nil, nil
	}
	needs := p.needed(op)
	if len(needs.all) == 0 {
		return op, nil, nil
	}
	var passed map[string]bool
	if len(needs.Policies) > 0 {
		err := panics.Catch(func() (err error) {
			passed, err = p.evaluator.Evaluate(ctx, c, slices.Clone(needs.Policies))
			return err
		})
		if err != nil {
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

// Requirements returns what the directives of an operation mention.
func (p *Policy) Requirements(op *operation.Operation) Requirements {
	if p.empty {
		return Requirements{}
	}
	return p.needed(op).Requirements
}

// variantSize measures cache entries. It does not count authorizations, which belong to
// the supergraph.
var variantSize = heapsize.NewSizer((*supergraph.Authorization)(nil))

// needed returns the authorizations that an operation requires, from a cache or by
// walking it.
func (p *Policy) needed(op *operation.Operation) needs {
	if known, ok := p.needs.Get(op); ok {
		return known
	}
	var n needs
	// The filter calls allowed for every authorization in the operation.
	f := &filter{model: p.model, allowed: func(a *supergraph.Authorization) bool {
		if !slices.Contains(n.all, a) {
			n.all = append(n.all, a)
			n.Authenticated = n.Authenticated || a.Authenticated
			n.Scopes = append(n.Scopes, slices.Concat(a.Scopes...)...)
			n.Policies = append(n.Policies, slices.Concat(a.Policies...)...)
		}
		return true
	}}
	f.operation(op)
	for _, names := range []*[]string{&n.Scopes, &n.Policies} {
		slices.Sort(*names)
		*names = slices.Compact(*names)
	}
	return p.needs.Put(op, n, variantSize.Of(op, n))
}

// meets reports whether a caller satisfies an authorization: each of its three
// directives must be satisfied. passed has the results for @policy.
func meets(c *Caller, passed map[string]bool, a *supergraph.Authorization) bool {
	if a.Authenticated && c == nil {
		return false
	}
	if len(a.Scopes) > 0 && (c == nil || !anyOf(a.Scopes, func(scope string) bool { return slices.Contains(c.Scopes, scope) })) {
		return false
	}
	return len(a.Policies) == 0 || anyOf(a.Policies, func(policy string) bool { return passed[policy] })
}

// anyOf reports whether all names in at least one of the alternatives hold: the outer
// list is OR, the inner lists are AND, as in @requiresScopes(scopes: [[...], [...]]).
func anyOf(alternatives [][]string, holds func(string) bool) bool {
	return slices.ContainsFunc(alternatives, func(all []string) bool {
		return !slices.ContainsFunc(all, func(name string) bool { return !holds(name) })
	})
}
