package gateway

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"souk/router/supergraph"
)

// labelSet says which labels of progressive overrides are on for a request:
// for each of the supergraph's, in their order, '1' or '0'. It is empty for a
// supergraph without labels.
type labelSet string

// labels decides which labels of progressive overrides are on for an
// operation. One random number decides on all percentages, so that what is
// moved at 5 percent is among what is moved at 10.
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

// givenLabels are those that configuration, the request's header and the hook
// turn on by name.
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

// names gives the labels that are on, of those a supergraph has.
func (s labelSet) names(m *supergraph.Model) []string {
	var on []string
	for i := range s {
		if s[i] == '1' {
			on = append(on, m.Labels[i].Name)
		}
	}
	return on
}

// in gives the set as it is for another supergraph. What that has more is off.
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
