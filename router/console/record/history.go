package record

import "time"

// A Change is one difference between two schemas or configurations.
type Change struct {
	Kind   string // added, removed or changed
	What   string // such as Product.price, or a key of the configuration
	Detail string
}

// A Reload is an attempt to replace the supergraph or the configuration.
type Reload struct {
	Time     time.Time
	Kind     string // supergraph or configuration
	Outcome  string // applied, refused or unchanged
	Reason   string // why it was refused
	Duration time.Duration
	Changes  []Change
	// More is the number of further changes.
	More int
}

// Reloaded records a reload. It does nothing if r is nil.
func (r *Recorder) Reloaded(one Reload) {
	if r == nil {
		return
	}
	one.Reason = clip(one.Reason, maxDocument)
	if n := len(one.Changes) - maxChanges; n > 0 {
		one.Changes, one.More = append([]Change(nil), one.Changes[:maxChanges]...), n
	}
	for i := range one.Changes {
		c := &one.Changes[i]
		c.What, c.Detail = clip(c.What, 2*maxName), clip(c.Detail, maxMessage)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reloads = appendBounded(r.reloads, one, maxReloads)
}

// Reloads returns the latest reloads, the latest first.
func (r *Recorder) Reloads() []Reload {
	r.mu.Lock()
	defer r.mu.Unlock()
	return reversed(r.reloads)
}

// An Invalidation removed entities from the entity cache.
type Invalidation struct {
	Time              time.Time
	Type, Key, Reason string
	Count             int
	// Times is how often it came. Equal invalidations within repeatedWithin are one: an event
	// can be delivered twice, and one cause can have several events.
	Times int
}

const repeatedWithin = time.Second

// Invalidated records an invalidation. It does nothing if r is nil.
func (r *Recorder) Invalidated(one Invalidation) {
	if r == nil {
		return
	}
	one.Type, one.Key, one.Times = clip(one.Type, maxName), clip(one.Key, maxName), 1
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.invalidations {
		before := &r.invalidations[i]
		if one.Time.Sub(before.Time).Abs() <= repeatedWithin && before.Type == one.Type && before.Key == one.Key && before.Reason == one.Reason && before.Count == one.Count {
			before.Times++
			return
		}
	}
	r.invalidations = appendBounded(r.invalidations, one, maxInvalidation)
}

// Invalidations returns the latest invalidations, the latest first.
func (r *Recorder) Invalidations() []Invalidation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return reversed(r.invalidations)
}

func appendBounded[T any](list []T, one T, most int) []T {
	if len(list) == most {
		copy(list, list[1:])
		list = list[:most-1]
	}
	return append(list, one)
}

func reversed[T any](list []T) []T {
	out := make([]T, len(list))
	for i, one := range list {
		out[len(list)-1-i] = one
	}
	return out
}
