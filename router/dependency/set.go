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
	Redis         Kind = "redis"
	JWKS          Kind = "jwks"
	Supergraph    Kind = "supergraph"
	Configuration Kind = "configuration"
	Coprocessor   Kind = "coprocessor"
)

// Options configure a Set.
type Options struct {
	// Logger is told of failures and recoveries; nil for nobody.
	Logger *slog.Logger
	// Metrics count failures; nil for nobody.
	Metrics *telemetry.Metrics
	// Now is the time; time.Now if nil.
	Now func() time.Time
}

// A Set is the dependencies of a router. It is safe for concurrent use. A nil
// Set has none.
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

// NewSet makes an empty Set.
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
	// Effect says, for the log, what a failure means for requests.
	Effect string
	// Settle is how long a dependency must not have failed before a success
	// counts as its recovery. It is for dependencies that are used in several
	// ways, of which some may work while others fail; 0 otherwise.
	Settle time.Duration
}

// Open gives the dependency of a kind and a name, and adds it if need be. Names
// must come from a bounded set, such as the configuration, since they are
// values of a metric's label. Each Open needs a Close; what is open several
// times is one dependency, so it keeps its state when a new configuration opens
// it before the old one closes it.
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

// Hide keeps values out of what the Set logs, wherever they occur in a cause.
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
	// Since is when it came to be in this state; zero while State is Unknown.
	Since time.Time
}

// Status gives the state of each dependency, ordered by kind and name.
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
