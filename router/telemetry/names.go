package telemetry

import (
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	base "souk/telemetry"
)

// Names configures the values of a label that clients choose.
type Names struct {
	// Max is how many values have time series of their own, besides those in Fixed.
	Max   int
	Fixed []string
}

// other is the value of a label for everything without time series of its own.
const other = "_other"

// A chosen name is a name and a version that a client chooses.
type chosen struct{ name, version string }

// A nameSet bounds the values of labels that clients choose: those that occur most have time
// series of their own. A new value replaces the one that occurs least when it has occurred more
// often than that, so that clients that send new values all the time cannot push out those in
// use.
type nameSet struct {
	removed func(chosen)
	// joined is set if values are several joined ones, each of which is UTF-8.
	joined bool

	mu   sync.RWMutex
	most int
	// longest is the length in bytes beyond which a value has no time series.
	longest int
	fixed   map[string]bool
	known   map[chosen]*atomic.Uint64
	others  map[chosen]uint64 // how often values without time series occurred
	seen    int               // since the last decay
}

const (
	maxNameBytes  = 100
	maxOthers     = 1000
	decayInterval = 100_000 // occurrences until all counts are halved
)

func newNameSet(removed func(chosen)) *nameSet {
	return &nameSet{longest: maxNameBytes, removed: removed, known: map[chosen]*atomic.Uint64{}, others: map[chosen]uint64{}}
}

// set changes the bounds.
func (s *nameSet) set(n Names) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most, s.fixed = n.Max, map[string]bool{}
	for _, name := range n.Fixed {
		s.fixed[name] = true
	}
	for len(s.known) > s.most {
		s.evict()
	}
}

// enabled reports whether any value has time series of its own.
func (s *nameSet) enabled() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.most > 0 || len(s.fixed) > 0
}

// valid reports whether the value can be that of a label: UTF-8.
func (c chosen) valid() bool { return utf8.ValidString(c.name) && utf8.ValidString(c.version) }

// label returns the value under which an occurrence counts.
func (s *nameSet) label(c chosen) chosen {
	s.mu.RLock()
	n, known := s.known[c]
	fixed := s.fixed[c.name]
	full := s.most == 0
	s.mu.RUnlock()
	switch {
	case known:
		n.Add(1)
		return c
	case !full && len(c.name)+len(c.version) <= s.longest && (s.joined || c.valid()) && s.admit(c):
		return c
	case fixed && c.version == "":
		return c
	case fixed:
		return chosen{c.name, other}
	}
	return chosen{other, other}
}

// admit counts an occurrence of a value, and reports whether it has time series now.
func (s *nameSet) admit(c chosen) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen++; s.seen >= decayInterval {
		s.decay()
	}
	if n, ok := s.known[c]; ok {
		n.Add(1)
		return true
	}
	if len(s.others) >= maxOthers {
		s.decay()
		if len(s.others) >= maxOthers {
			clear(s.others)
		}
	}
	s.others[c]++
	count := s.others[c]
	if len(s.known) >= s.most {
		if _, least := s.least(); count <= least {
			return false
		}
		s.evict()
	}
	delete(s.others, c)
	n := new(atomic.Uint64)
	n.Store(count)
	s.known[chosen{string([]byte(c.name)), string([]byte(c.version))}] = n
	return true
}

func (s *nameSet) decay() {
	s.seen = 0
	for _, n := range s.known {
		n.Store(n.Load() / 2)
	}
	for c, n := range s.others {
		if s.others[c] = n / 2; n < 2 {
			delete(s.others, c)
		}
	}
}

// least returns the value that occurs least.
func (s *nameSet) least() (c chosen, count uint64) {
	first := true
	for k, n := range s.known {
		if now := n.Load(); first || now < count {
			c, count, first = k, now, false
		}
	}
	return c, count
}

func (s *nameSet) evict() {
	c, _ := s.least()
	delete(s.known, c)
	s.removed(c)
}

// named are the metrics by values that clients choose.
type named struct {
	operations, clients *prometheus.HistogramVec
	deprecated          *prometheus.CounterVec
	// operationCosts and clientCosts have the same names.
	operationCosts, clientCosts *prometheus.HistogramVec
	names, byClient             *nameSet
	// users are the clients of deprecated elements. They are bounded even if there are no
	// other metrics by client.
	users *nameSet
	uses  atomic.Int32
	known sync.Map // of the time series of deprecated
}

// deprecatedClients is how many clients of deprecated elements have time series, and
// maxDeprecatedUses how many time series there are.
const (
	deprecatedClients = 20
	maxDeprecatedUses = 2000
)

func newNamed(r prometheus.Registerer, buckets []float64) *named {
	n := &named{
		operations: namedDuration.WithBuckets(buckets).NewHistogram(r), clients: clientDuration.WithBuckets(buckets).NewHistogram(r),
		deprecated:     deprecatedUse.NewCounter(r),
		operationCosts: namedCost.NewHistogram(r), clientCosts: clientCost.NewHistogram(r),
	}
	n.names = newNameSet(func(c chosen) {
		gone := prometheus.Labels{"graphql_operation_name": c.name}
		n.operations.DeletePartialMatch(gone)
		n.operationCosts.DeletePartialMatch(gone)
	})
	n.byClient = newNameSet(func(c chosen) {
		gone := prometheus.Labels{"client_name": c.name, "client_version": c.version}
		n.clients.DeletePartialMatch(gone)
		n.clientCosts.DeletePartialMatch(gone)
	})
	n.users = newNameSet(func(c chosen) {
		gone := n.deprecated.DeletePartialMatch(prometheus.Labels{"client_name": c.name, "client_version": c.version})
		n.uses.Add(-int32(gone))
		n.known.Range(func(key, _ any) bool {
			if key.(deprecatedKey).client == c {
				n.known.Delete(key)
			}
			return true
		})
	})
	n.users.set(Names{Max: deprecatedClients})
	return n
}

type deprecatedKey struct {
	coordinate string
	client     chosen
}

// SetNames sets which operations and clients have time series of their own.
func (m *Metrics) SetNames(operations, clients Names) {
	m.named.names.set(operations)
	m.named.byClient.set(clients)
}

// ByOperation reports whether there are metrics by the name of operations, and ByClient whether
// there are any by client.
func (m *Metrics) ByOperation() bool { return m.named.names.enabled() }

// ByClient reports whether there are metrics by client.
func (m *Metrics) ByClient() bool { return m.named.byClient.enabled() }

// NamedOperation observes the duration in seconds of operations by name.
func (m *Metrics) NamedOperation(name, kind string, outcome Outcome) prometheus.Observer {
	return m.named.operations.WithLabelValues(m.named.names.label(chosen{name: name}).name, kind, string(outcome))
}

// Client observes the duration in seconds of operations by client.
func (m *Metrics) Client(name, version string, outcome Outcome) prometheus.Observer {
	c := m.named.byClient.label(chosen{name, version})
	return m.named.clients.WithLabelValues(c.name, c.version, string(outcome))
}

// Deprecated counts operations of a client that use a deprecated element. Coordinates must come
// from the schema.
func (m *Metrics) Deprecated(coordinate, client, version string) prometheus.Counter {
	n := m.named
	key := deprecatedKey{coordinate, n.users.label(chosen{client, version})}
	if _, known := n.known.Load(key); !known {
		if n.uses.Load() >= maxDeprecatedUses {
			return n.deprecated.WithLabelValues(other, other, other)
		}
		if _, known = n.known.LoadOrStore(key, true); !known {
			n.uses.Add(1)
		}
	}
	return n.deprecated.WithLabelValues(coordinate, key.client.name, key.client.version)
}

var (
	namedDuration = base.Metric{
		Name: "souk_router_named_operation_duration_seconds", Kind: base.Histogram, Buckets: base.DurationBuckets(),
		Help:   "Duration of an operation by its name (telemetry.operation_metrics). Names without time series of their own are counted as _other.",
		Labels: []string{"graphql_operation_name", "graphql_operation_type", "outcome"},
	}
	clientDuration = base.Metric{
		Name: "souk_router_client_operation_duration_seconds", Kind: base.Histogram, Buckets: base.DurationBuckets(),
		Help:   "Duration of an operation by client (telemetry.client_metrics). Clients without time series of their own are counted as _other.",
		Labels: []string{"client_name", "client_version", "outcome"},
	}
	deprecatedUse = base.Metric{
		Name: "souk_router_deprecated_use_total", Kind: base.Counter,
		Help:   "Operations that use a deprecated field, argument, input field or enum value, by its coordinate and client. The 20 clients with the most uses have time series of their own, others are counted as _other.",
		Labels: []string{"coordinate", "client_name", "client_version"},
	}
	accessLogDropped = base.Metric{
		Name: "souk_router_access_log_dropped_total", Kind: base.Counter,
		Help: "Lines of the access log that were dropped because standard output was too slow.",
	}
)
