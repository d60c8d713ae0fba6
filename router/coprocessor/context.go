package coprocessor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	"souk/router/auth"
	"souk/router/hook"
)

// The entries of the context that the router reads or writes. The names are those
// of Apollo Router.
const (
	entryClaims        = "apollo::authentication::jwt_claims"
	entryLabels        = "apollo::progressive_override::labels_to_override"
	entryAuthenticated = "apollo::authorization::authentication_required"
	entryScopes        = "apollo::authorization::required_scopes"
	entryPolicies      = "apollo::authorization::required_policies"
)

// values is the context that the stages of one exchange share. Subgraph stages run
// concurrently.
type values struct {
	mu sync.Mutex
	// exchange has the entries, which hooks share.
	exchange *hook.Exchange
	// changed has the names of the entries that the coprocessor has set since apply.
	changed map[string]bool
	// policies has the decisions of the coprocessor on policies. asked are those that it is to
	// decide on, because they are not known.
	policies map[string]bool
	asked    []string
}

type valuesKey struct{}

// valuesOf returns the values of an exchange. The first call is at a stage that runs
// alone. With subgraph stages only, the values are empty at first.
func valuesOf(e *hook.Exchange) *values {
	v, _ := e.LoadOrSet(valuesKey{}, func() any { return &values{exchange: e, changed: map[string]bool{}} }).(*values)
	return v
}

// all returns the entries to send. If ask is set, they include the policies for the
// coprocessor to decide on, which replace those that an earlier stage may have set.
func (v *values) all(e *hook.Exchange, ask bool) map[string]json.RawMessage {
	v.mu.Lock()
	defer v.mu.Unlock()
	set := func(name string, value any) {
		_ = e.SetContext(name, value) // claims come from JSON
	}
	if e.Operation != nil {
		set(hook.OperationName, e.Operation.Name)
		set(hook.OperationKind, e.Operation.Kind.String())
	}
	if ask {
		undecided := map[string]*bool{}
		for _, name := range v.asked {
			undecided[name] = nil
		}
		e.DeleteContext(entryPolicies)
		if len(undecided) > 0 {
			set(entryPolicies, undecided)
		}
	}
	if e.Operation != nil && e.Operation.Requires.Authenticated {
		set(entryAuthenticated, true)
	}
	if e.Operation != nil && len(e.Operation.Requires.Scopes) > 0 {
		set(entryScopes, e.Operation.Requires.Scopes)
	}
	if e.Caller != nil && e.Caller.Claims != nil {
		set(entryClaims, e.Caller.Claims)
	}
	if entries := e.ContextValues(); entries != nil {
		return entries
	}
	return map[string]json.RawMessage{}
}

// merge adds the entries that the coprocessor has set.
func (v *values) merge(entries map[string]json.RawMessage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, value := range entries {
		if string(v.exchange.Context(name)) != string(value) {
			_ = v.exchange.SetContext(name, value) // it has been decoded from JSON
			v.changed[name] = true
		}
	}
}

// decide reads the decisions on policies from the entries, and keeps them. A policy that is null is
// undecided.
func (v *values) decide(verdicts *auth.VerdictCache) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.asked) == 0 {
		return nil
	}
	var decided map[string]*bool
	if text := v.exchange.Context(entryPolicies); text != nil {
		if err := json.Unmarshal(text, &decided); err != nil {
			return fmt.Errorf("%s does not map policies to true, false or null: %w", entryPolicies, err)
		}
	}
	fresh := make(map[string]bool, len(decided))
	for _, name := range v.asked {
		if holds := decided[name]; holds != nil {
			fresh[name] = *holds
		}
	}
	verdicts.Put(v.exchange.Caller, fresh)
	maps.Copy(v.policies, fresh)
	return nil
}

// recall takes over the decisions on policies that are known. It reports whether none are left to
// ask for.
func (v *values) recall(verdicts *auth.VerdictCache) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.policies, v.asked = verdicts.Known(v.exchange.Caller, v.exchange.Operation.Requires.Policies)
	if v.policies == nil {
		v.policies = map[string]bool{}
	}
	return len(v.asked) == 0
}

// Evaluate implements auth.PolicyEvaluator with the decisions of the coprocessor at
// SupergraphRequest. An undecided policy does not hold. If the call failed, none does.
func (c *Coprocessor) Evaluate(ctx context.Context, _ *auth.Caller, names []string) (map[string]bool, error) {
	e := hook.FromContext(ctx)
	if e == nil {
		return nil, nil
	}
	v := valuesOf(e)
	v.mu.Lock()
	defer v.mu.Unlock()
	passed := make(map[string]bool, len(names))
	for _, name := range names {
		passed[name] = v.policies[name]
	}
	return passed, nil
}

// apply applies the entries that the coprocessor has set to the exchange.
func (v *values) apply(e *hook.Exchange) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.changed[entryClaims] && e.Operation == nil { // at later stages the caller is final
		var claims map[string]any
		if json.Unmarshal(e.Context(entryClaims), &claims) == nil && claims != nil {
			e.Caller = auth.NewCaller(claims)
		}
	}
	if v.changed[entryLabels] {
		var labels []string
		if json.Unmarshal(e.Context(entryLabels), &labels) == nil {
			e.Labels = append(e.Labels, labels...)
		}
	}
	clear(v.changed)
}
