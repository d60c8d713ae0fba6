package gateway

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"souk/router/supergraph"
)

// A labelSet is the set of active labels of progressive overrides: '1' or '0' for each
// label of the supergraph, in order. It is a string so that it can be part of a cache
// key. It is empty if the supergraph has no labels.
type labelSet string

// labels determines the active labels of progressive overrides for an operation. One
// random number decides all percentages: an operation that is within 5 percent is also
// within 10 percent.
func (x *exchange) labels() labelSet {
	known := x.snapshot.model.Labels
	if len(known) == 0 {
		return ""
	}
	given := x.givenLabels()
	at := 100 * x.random()
	on := make([]byte, len(known))
	for i, l := range known {
		on[i] = '0'
		if l.Percent >= 0 && at < l.Percent || l.Percent < 0 && slices.Contains(given, l.Name) {
			on[i] = '1'
		}
	}
	return labelSet(on)
}

// givenLabels returns the labels that the configuration, the request header and hooks
// activate by name.
func (x *exchange) givenLabels() []string {
	c := x.config.OverrideLabels
	given := slices.Clone(c.Active)
	if c.Header != "" {
		for _, value := range x.r.Header.Values(http.CanonicalHeaderKey(c.Header)) {
			for name := range strings.SplitSeq(value, ",") {
				given = append(given, strings.TrimSpace(name))
			}
		}
	}
	if x.options.Labels != nil {
		given = append(given, x.options.Labels(x.r)...)
	}
	if x.hooked != nil {
		given = append(given, x.hooked.Labels...)
	}
	return given
}

func (x *exchange) random() float64 {
	if x.options.Random != nil {
		return x.options.Random()
	}
	return rand.Float64()
}

// names returns the names of the active labels. s must belong to m.
func (s labelSet) names(m *supergraph.Model) []string {
	var on []string
	for i := range s {
		if s[i] == '1' {
			on = append(on, m.Labels[i].Name)
		}
	}
	return on
}

// in converts a set from one supergraph to another. Labels that only the other one has
// are inactive.
func (s labelSet) in(from, to *supergraph.Model) labelSet {
	if len(to.Labels) == 0 {
		return ""
	}
	names := s.names(from)
	on := make([]byte, len(to.Labels))
	for i, l := range to.Labels {
		on[i] = '0'
		if slices.Contains(names, l.Name) {
			on[i] = '1'
		}
	}
	return labelSet(on)
}
