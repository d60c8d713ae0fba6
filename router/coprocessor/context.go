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

// The entries of the context that mean something to the router, by the names
// that Apollo Router has for them.
const (
	entryOperationName = "apollo::supergraph::operation_name"
	entryOperationKind = "apollo::supergraph::operation_kind"
	entryClaims        = "apollo::authentication::jwt_claims"
	entryLabels        = "apollo::progressive_override::labels_to_override"
	entryAuthenticated = "apollo::authorization::authentication_required"
	entryScopes        = "apollo::authorization::required_scopes"
	entryPolicies      = "apollo::authorization::required_policies"
)

// values are what the stages of one exchange share. Subgraph stages run at the
// same time.
type values struct {
	mu      sync.Mutex
	entries map[string]json.RawMessage
	// changed are the names that the coprocessor has set since apply.
	changed map[string]bool
	// policies are those that the coprocessor has decided on.
	policies map[string]bool
}

type valuesKey struct{}

// valuesOf gives the values of an exchange. The first call is at a stage that
// runs alone, or its values are empty anyway.
func valuesOf(e *hook.Exchange) *values {
	v, _ := e.LoadOrSet(valuesKey{}, func() any { return &values{entries: map[string]json.RawMessage{}, changed: map[string]bool{}} }).(*values)
	return v
}

// all gives what the coprocessor is sent. If ask is set, that includes the policies it
// is to decide on, which replace what an earlier stage may have set.
func (v *values) all(e *hook.Exchange, ask bool) map[string]json.RawMessage {
	v.mu.Lock()
	defer v.mu.Unlock()
	set := func(name string, value any) {
		if text, err := json.Marshal(value); err == nil { // claims come from JSON
			v.entries[name] = text
		}
	}
	if e.Operation != nil {
		set(entryOperationName, e.Operation.Name)
		set(entryOperationKind, e.Operation.Kind.String())
	}
	if ask {
		undecided := map[string]*bool{}
		for _, name := range e.Operation.Requires.Policies {
			undecided[name] = nil
		}
		delete(v.entries, entryPolicies)
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
	return maps.Clone(v.entries)
}

// merge takes over what the coprocessor has set.
func (v *values) merge(entries map[string]json.RawMessage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, value := range entries {
		if string(v.entries[name]) != string(value) {
			v.entries[name] = value
			v.changed[name] = true
		}
	}
}

// decide reads the decisions on policies from the entries. What is null is not decided.
func (v *values) decide() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var decided map[string]*bool
	if text, ok := v.entries[entryPolicies]; ok {
		if err := json.Unmarshal(text, &decided); err != nil {
			return fmt.Errorf("%s does not map policies to true, false or null: %w", entryPolicies, err)
		}
	}
	v.policies = make(map[string]bool, len(decided))
	for name, holds := range decided {
		v.policies[name] = holds != nil && *holds
	}
	return nil
}

// Evaluate implements auth.PolicyEvaluator by what the coprocessor answered at
// SupergraphRequest. A policy that it left undecided does not hold, nor does any if the
// call failed.
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

// apply does what entries mean that the coprocessor has set.
func (v *values) apply(e *hook.Exchange) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.changed[entryClaims] && e.Operation == nil { // later the caller is known
		var claims map[string]any
		if json.Unmarshal(v.entries[entryClaims], &claims) == nil && claims != nil {
			e.Caller = auth.NewCaller(claims)
		}
	}
	if v.changed[entryLabels] {
		var labels []string
		if json.Unmarshal(v.entries[entryLabels], &labels) == nil {
			e.Labels = append(e.Labels, labels...)
		}
	}
	clear(v.changed)
}
