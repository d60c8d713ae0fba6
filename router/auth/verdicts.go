package auth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"time"

	"souk/internal/bytecache"
)

// VerdictOptions configure a VerdictCache.
type VerdictOptions struct {
	// TTL is how long a verdict is used.
	TTL time.Duration
	// Bytes bounds the memory.
	Bytes int
	// Hit and Miss are called for each policy that is looked up.
	Hit, Miss func()
	// Observer is notified of changes.
	Observer bytecache.Observer
	// Now is the clock.
	Now func() time.Time
}

// A VerdictCache keeps verdicts on policies by caller. Callers are the same if all that a token
// says of them is equal. It is safe for concurrent use. A nil VerdictCache knows nothing.
type VerdictCache struct {
	options  VerdictOptions
	verdicts *bytecache.Cache[verdictKey, verdict]
}

type verdictKey struct {
	caller [sha256.Size]byte
	policy string
}

type verdict struct {
	holds bool
	until time.Time
}

// NewVerdictCache returns an empty cache.
func NewVerdictCache(o VerdictOptions) *VerdictCache {
	return &VerdictCache{options: o, verdicts: bytecache.New[verdictKey, verdict](o.Bytes, o.Observer)}
}

// Known returns the verdicts on the policies that it knows, and the other policies.
func (v *VerdictCache) Known(c *Caller, policies []string) (known map[string]bool, unknown []string) {
	if v == nil {
		return nil, policies
	}
	id, ok := identify(c)
	if !ok {
		return nil, policies
	}
	known = make(map[string]bool, len(policies))
	now := v.options.Now()
	for _, name := range policies {
		if found, ok := v.verdicts.Get(verdictKey{id, name}); ok && now.Before(found.until) {
			v.options.Hit()
			known[name] = found.holds
			continue
		}
		v.options.Miss()
		unknown = append(unknown, name)
	}
	return known, unknown
}

// verdictBytes is the memory of an entry besides the name of its policy.
const verdictBytes = 160

// Put keeps verdicts.
func (v *VerdictCache) Put(c *Caller, verdicts map[string]bool) {
	if v == nil {
		return
	}
	id, ok := identify(c)
	if !ok {
		return
	}
	until := v.options.Now().Add(v.options.TTL)
	for name, holds := range verdicts {
		v.verdicts.Put(verdictKey{id, name}, verdict{holds, until}, len(name)+verdictBytes)
	}
}

// identify returns a hash of everything that distinguishes a caller, except the token itself. It
// reports false for a caller that cannot be compared.
func identify(c *Caller) ([sha256.Size]byte, bool) {
	if c == nil {
		return [sha256.Size]byte{}, true
	}
	text, err := json.Marshal(struct {
		Subject, Issuer         string
		Scopes, Roles, Policies []string
		Claims                  map[string]any
	}{c.Subject, c.Issuer, c.Scopes, c.Roles, c.Policies, c.Claims})
	return sha256.Sum256(text), err == nil
}

// Of returns an evaluator that asks another one only for verdicts that are not known.
func (v *VerdictCache) Of(e PolicyEvaluator) PolicyEvaluator { return &cachedEvaluator{v, e} }

type cachedEvaluator struct {
	verdicts *VerdictCache
	PolicyEvaluator
}

// Evaluate implements PolicyEvaluator. Errors are not kept.
func (e *cachedEvaluator) Evaluate(ctx context.Context, c *Caller, policies []string) (map[string]bool, error) {
	known, unknown := e.verdicts.Known(c, policies)
	if len(unknown) == 0 {
		return known, nil
	}
	passed, err := e.PolicyEvaluator.Evaluate(ctx, c, unknown)
	if err != nil {
		return nil, err
	}
	fresh := make(map[string]bool, len(unknown))
	for _, name := range unknown {
		fresh[name] = passed[name]
	}
	e.verdicts.Put(c, fresh)
	if known == nil {
		return fresh, nil
	}
	maps.Copy(known, fresh)
	return known, nil
}
