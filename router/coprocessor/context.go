package coprocessor

import (
	"encoding/json"
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
)

// values are what the stages of one exchange share. Subgraph stages run at the
// same time.
type values struct {
	mu      sync.Mutex
	entries map[string]json.RawMessage
	// changed are the names that the coprocessor has set since apply.
	changed map[string]bool
}

type valuesKey struct{}

// valuesOf gives the values of an exchange. The first call is at a stage that
// runs alone, or its values are empty anyway.
func valuesOf(e *hook.Exchange) *values {
	v, _ := e.LoadOrSet(valuesKey{}, func() any { return &values{entries: map[string]json.RawMessage{}, changed: map[string]bool{}} }).(*values)
	return v
}

// all gives what the coprocessor is sent.
func (v *values) all(e *hook.Exchange) map[string]json.RawMessage {
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
