package config

import (
	"cmp"
	"fmt"
	"maps"
	"time"
)

// bounds are a lower bound, the upper one, and what may lie between, in this order: none may be above the
// next. If only one of two that contradict each other is given, the other one, a default, gives way. If
// both are, that is an error.
//
// A bound of a part and one of the whole are not such a pair: a bound of the part above that of the whole,
// such as max_idle_connections above max_connections, only has no effect. They are if what the part may
// have then cannot be stored or sent.
type bounds[T cmp.Ordered] []setting[T]

// A setting is one of the values.
type setting[T cmp.Ordered] struct {
	key       string // its path
	at        *T
	is        T    // 0 in the configuration means the default
	given     bool // by the user
	inherited bool // from the settings for all subgraphs
}

// settle lets defaults give way to what is given. They are in order before, and so they are afterwards.
func (a bounds[T]) settle() {
	for i, r := range a {
		if r.given {
			continue
		}
		for _, lower := range a[:i] {
			if lower.given {
				r.is = max(r.is, lower.is)
			}
		}
		for _, upper := range a[i+1:] {
			if upper.given {
				r.is = min(r.is, upper.is)
			}
		}
		*r.at = r.is
	}
}

// check adds two values that are given and contradict each other. Two that a subgraph inherits are
// reported where they are set.
func (a bounds[T]) check(add addFunc) {
	for i, lower := range a {
		for j := len(a) - 1; j > i; j-- {
			upper := a[j]
			if !lower.given || !upper.given || lower.is <= upper.is || lower.inherited && upper.inherited {
				continue
			}
			// What lies between bounds is to change, and what a subgraph has of its own.
			at, other, relation, want := upper, lower, "less", "more"
			if upper.inherited || i > 0 && !lower.inherited {
				at, other, relation, want = lower, upper, "more", "less"
			}
			add(true, at.key, fmt.Sprintf("%s is %v, %s than %s, which is %v; set it to %v or %s, or change %s", at.key, at.is, relation, other.key, other.is, other.is, want, other.key), other.key)
			return
		}
	}
}

// settings reads values. source may be nil: then what is not the default is given.
type settings struct{ source *Source }

// of returns a value.
func of[T cmp.Ordered](r settings, key string, at *T, preset T) setting[T] {
	var zero T
	given := *at != zero && *at != preset
	if r.source != nil && *at != zero {
		given = r.source.Given(key) || r.source.Overridden(key)
	}
	return setting[T]{key: key, at: at, is: cmp.Or(*at, preset), given: given}
}

// inherit returns a value of a subgraph, which may be that of all of them.
func inherit[T cmp.Ordered](r settings, key string, at *T, all setting[T]) setting[T] {
	if own := of(r, key, at, *at); *at != *new(T) {
		own.given = true
		return own
	}
	return setting[T]{key: all.key, at: at, is: all.is, given: all.given, inherited: true}
}

// adaptive returns the limits of a block. all is nil, or has those that it inherits.
func (r settings) adaptive(block string, a *AdaptiveLimit, preset AdaptiveLimit, all bounds[int]) bounds[int] {
	block += ".adaptive_limit."
	if all != nil {
		return bounds[int]{inherit(r, block+"min", &a.Min, all[0]), inherit(r, block+"initial", &a.Initial, all[1]), inherit(r, block+"max", &a.Max, all[2])}
	}
	return bounds[int]{of(r, block+"min", &a.Min, preset.Min), of(r, block+"initial", &a.Initial, preset.Initial), of(r, block+"max", &a.Max, preset.Max)}
}

// stream returns the delays between attempts to open a stream.
func (r settings) stream(block string, s *SubgraphStream, preset SubgraphStream, all bounds[time.Duration]) bounds[time.Duration] {
	if all != nil {
		return bounds[time.Duration]{inherit(r, block+".interval", &s.Interval, all[0]), inherit(r, block+".max_interval", &s.MaxInterval, all[1])}
	}
	return bounds[time.Duration]{of(r, block+".interval", &s.Interval, preset.Interval), of(r, block+".max_interval", &s.MaxInterval, preset.MaxInterval)}
}

// eachBounds calls numbers and durations with all bounds of a configuration. The maps of single subgraphs
// are replaced, with what the functions change.
func (c *Config) eachBounds(source *Source, numbers func(bounds[int]), durations func(bounds[time.Duration])) {
	r, preset := settings{source}, Default()
	t, s := &c.TrafficShaping, &c.Subscriptions
	numbers(r.adaptive("traffic_shaping.router", &t.Router.AdaptiveLimit, preset.TrafficShaping.Router.AdaptiveLimit, nil))

	limits := r.adaptive("traffic_shaping.all", &t.All.AdaptiveLimit, preset.TrafficShaping.All.AdaptiveLimit, nil)
	t.Subgraphs = maps.Clone(t.Subgraphs)
	for name, one := range t.Subgraphs {
		numbers(r.adaptive("traffic_shaping.subgraphs."+name, &one.AdaptiveLimit, AdaptiveLimit{}, limits))
		t.Subgraphs[name] = one
	}
	numbers(limits)

	delays := r.stream("subscriptions.all", &s.All, preset.Subscriptions.All, nil)
	s.Subgraphs = maps.Clone(s.Subgraphs)
	for name, one := range s.Subgraphs {
		durations(r.stream("subscriptions.subgraphs."+name, &one, SubgraphStream{}, delays))
		s.Subgraphs[name] = one
	}
	durations(delays)

	e, u, f, i := &c.EventSources, &c.Telemetry.UsageExport, &c.FileUploads, &c.Idempotency
	durations(bounds[time.Duration]{
		of(r, "event_sources.interval", &e.Interval, preset.EventSources.Interval),
		of(r, "event_sources.max_interval", &e.MaxInterval, preset.EventSources.MaxInterval),
	})
	durations(bounds[time.Duration]{
		of(r, "telemetry.usage_export.interval", &u.Interval, preset.Telemetry.UsageExport.Interval),
		of(r, "telemetry.usage_export.rotate", &u.Rotate, preset.Telemetry.UsageExport.Rotate),
	})
	numbers(bounds[int]{
		of(r, "file_uploads.max_file_bytes", &f.MaxFileBytes, preset.FileUploads.MaxFileBytes),
		of(r, "file_uploads.max_total_bytes", &f.MaxTotalBytes, preset.FileUploads.MaxTotalBytes),
	})
	numbers(bounds[int]{
		of(r, "idempotency.max_response_bytes", &i.MaxResponseBytes, preset.Idempotency.MaxResponseBytes),
		of(r, "idempotency.max_bytes", &i.MaxBytes, preset.Idempotency.MaxBytes),
	})
}

// checkBounds adds lower bounds that are above the upper ones.
func (c *Config) checkBounds(source *Source, add addFunc) {
	checked := *c
	checked.eachBounds(source, func(a bounds[int]) { a.check(add) }, func(a bounds[time.Duration]) { a.check(add) })
}

// Settled returns the configuration in which no lower bound is above the upper one because of a
// default: adaptive_limit.max: 2 alone means that adaptive_limit.min is 2, too.
func (c Config) Settled() Config {
	c.eachBounds(nil, bounds[int].settle, bounds[time.Duration].settle)
	return c
}
