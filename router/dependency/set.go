package dependency

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"
	"time"

	"souk/router/telemetry"
)

// A Kind is a class of dependencies.
type Kind string

// The kinds of dependencies.
const (
	Subgraph      Kind = "subgraph"
	SubgraphURL   Kind = "subgraph_url"
	Redis         Kind = "redis"
	JWKS          Kind = "jwks"
	Supergraph    Kind = "supergraph"
	Configuration Kind = "configuration"
	Coprocessor   Kind = "coprocessor"
	Documents     Kind = "documents"
	EventSource   Kind = "event_source"
)

// Options configure a Set.
type Options struct {
	// Logger receives failures and recoveries; nil discards them.
	Logger *slog.Logger
	// Metrics count failures; nil discards them.
	Metrics *telemetry.Metrics
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// A Set holds the dependencies of a router. It is safe for concurrent use. A nil
// Set has no dependencies.
type Set struct {
	options Options
	secrets secrets

	mu     sync.Mutex
	opened map[id]*Dependency
}

type id struct {
	kind Kind
	name string
}

// NewSet returns an empty Set.
func NewSet(o Options) *Set {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.New(nil)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Set{options: o, opened: map[id]*Dependency{}}
}

// Use describes how a dependency is used.
type Use struct {
	// Effect is a log attribute: what a failure means for requests.
	Effect string
	// Settle is the time without a failure after which a success counts as
	// recovery. It is for dependencies that are used in several ways, some of
	// which can work while others fail; 0 otherwise.
	Settle time.Duration
}

// Open returns the dependency with a kind and a name and adds it if necessary. Names
// become label values of a metric, so they must come from a bounded set, such as
// the configuration. Each Open needs a Close. Opening a dependency again returns
// the same one, so it keeps its state when a new configuration opens it before the
// old one closes it.
func (s *Set) Open(kind Kind, name string, use Use) *Dependency {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := id{kind, name}
	d := s.opened[key]
	if d == nil {
		d = &Dependency{set: s, id: key, use: use, metrics: s.options.Metrics.Dependency(string(kind), name)}
		s.opened[key] = d
	}
	d.users++
	return d
}

// Hide redacts values in everything that the Set logs.
func (s *Set) Hide(values ...string) {
	if s != nil {
		s.secrets.add(values)
	}
}

// A Status is the state of a dependency.
type Status struct {
	Kind  Kind
	Name  string
	State State
	// Since is the start of the state; zero if State is Unknown.
	Since time.Time
	// Problem is the last failure, without secrets; empty if State is not Down.
	Problem string
}

// Status returns the state of each dependency, sorted by kind and name.
func (s *Set) Status() []Status {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Status, 0, len(s.opened))
	for _, d := range s.opened {
		list = append(list, d.status())
	}
	slices.SortFunc(list, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return list
}
