package router

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"souk/internal/hostcheck"
	"souk/router/console"
	"souk/router/console/page"
	"souk/router/console/record"
	"souk/router/gateway/config"
	"souk/router/operation"
	"souk/router/subgraph"
	routertelemetry "souk/router/telemetry"
)

// addConsole serves the console on the admin port if it is enabled.
func (r *Router) addConsole(mux *http.ServeMux) error {
	if !r.config.HasConsole() {
		return nil
	}
	c := r.config
	// For a configuration file, config.Check has reported this with its position.
	if c.Admin.Console.Token == "" && !c.Dev {
		return errors.New("admin.console.enabled needs admin.console.token; only development mode (dev) serves the console without a token")
	}
	o := console.Options{
		Gateway:    r.gateway,
		Public:     http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.public.ServeHTTP(w, req) }),
		Recorder:   r.shared.recorder,
		Page:       page.New(console.Prefix),
		Events:     r.events(),
		Token:      c.Admin.Console.Token,
		Dev:        c.Dev,
		Hosts:      hostcheck.New(c.Admin.Listen),
		PublicPort: r.publicPort,
		Metrics:    r.options.Telemetry.Registry,
		Breaker: func(name string) bool {
			enabled := c.TrafficShaping.Of(name).CircuitBreaker.Enabled
			return enabled == nil || *enabled
		},
		Dependencies: r.dependencies,
		Path:         c.Endpoint().Path(),
		SubgraphURLs: func(name, url string) []console.SubgraphURL {
			return shownURLs(name, c.OverrideSubgraphURLs.Of(name, url))
		},
		Limits:  consoleLimits(c),
		Version: r.options.Version,
		Started: r.shared.started,

		MaxBodyBytes: int64(c.Limits.MaxBodyBytes),
	}
	o.CacheBytes.Documents, o.CacheBytes.Plans, o.CacheBytes.Persisted = c.Caches.Documents, c.Caches.Plans, c.Caches.Persisted
	o.EntityCache, o.Prometheus = r.cache != nil, c.Admin.Console.Prometheus
	if c.Playground.Enabled || c.Dev {
		o.PlaygroundPath = c.Playground.Path
	}
	if r.canary != nil {
		o.Canary = r.canaryState
	}
	mux.Handle(console.Prefix, console.New(o))
	mux.Handle("GET "+console.Prefix[:len(console.Prefix)-1], http.RedirectHandler(console.Prefix, http.StatusFound))
	return nil
}

// record returns the recorder of all routers, which it creates for the first one that has a
// console.
func (r *Router) record() *record.Recorder {
	s := r.shared
	if s.recorder == nil {
		s.recorder = record.New(record.Options{Gauges: r.gauges})
	}
	sample := r.config.Admin.Console.Sample
	if r.config.Dev { // every response of the playground has a trace
		sample = 1
	}
	s.recorder.SetSample(sample)
	return s.recorder
}

// Refused records that a new configuration could not be read, so that the console shows why
// it is not in use. began is when reading it began.
func (l *Reloadable) Refused(began time.Time, err error) {
	l.changing.Lock()
	defer l.changing.Unlock()
	l.recordReload(began, nil, nil, err)
}

// recordReload records an attempt to change the configuration. l.changing must be held.
func (l *Reloadable) recordReload(began time.Time, old, next *config.Config, err error) {
	one := record.Reload{Time: began, Kind: "configuration", Outcome: "applied", Duration: time.Since(began)}
	if err != nil {
		one.Outcome, one.Reason = "refused", err.Error()
	} else {
		for _, c := range config.Diff(old, next) {
			change := record.Change{Kind: "changed", What: c.Key, Detail: c.Old + " → " + c.New}
			if c.Old == c.New {
				change.Detail = "a secret"
			}
			one.Changes = append(one.Changes, change)
		}
		routes := digests(l.options.Routes)
		one.Changes = append(one.Changes, changedRoutes(l.routes, routes)...)
		l.routes = routes
		if len(one.Changes) == 0 {
			one.Outcome = "unchanged"
		}
	}
	l.shared.recorder.Reloaded(one)
}

// digests returns the digests of the files with REST routes, by name.
func digests(files fs.FS) map[string][sha256.Size]byte {
	out := map[string][sha256.Size]byte{}
	if files == nil {
		return out
	}
	names, _ := fs.Glob(files, "*.graphql") // the pattern is valid
	for _, name := range names {
		if text, err := fs.ReadFile(files, name); err == nil { // reading the routes reports errors
			out[name] = sha256.Sum256(text)
		}
	}
	return out
}

func changedRoutes(old, next map[string][sha256.Size]byte) []record.Change {
	var out []record.Change
	for name, was := range old {
		if is, has := next[name]; !has {
			out = append(out, record.Change{Kind: "removed", What: "REST routes " + name})
		} else if is != was {
			out = append(out, record.Change{Kind: "changed", What: "REST routes " + name})
		}
	}
	for name := range next {
		if _, had := old[name]; !had {
			out = append(out, record.Change{Kind: "added", What: "REST routes " + name})
		}
	}
	slices.SortFunc(out, func(a, b record.Change) int { return strings.Compare(a.What, b.What) })
	return out
}

// gauges reads the values that the console shows over time. The metrics are shared by all
// routers.
func (r *Router) gauges() record.Gauges {
	all := []*routertelemetry.Metrics{r.metrics}
	if v := r.shared.variant; v != nil {
		all = append(all, v.metrics)
	}
	var sum record.Gauges
	for _, m := range all {
		sum.InFlight += metricValue(m.InFlight)
		sum.Subscriptions += metricValue(m.Subscriptions)
		sum.Shed += metricValue(m.Limits.Shed)
	}
	return sum
}

// metricValue returns the value of a gauge or counter.
func metricValue(m prometheus.Metric) float64 {
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		return 0
	}
	return out.GetGauge().GetValue() + out.GetCounter().GetValue()
}

func consoleLimits(c config.Config) console.Limits {
	l := c.Limits
	out := console.Limits{Limits: operation.Limits{
		Tokens: l.MaxTokens, Recursion: l.MaxRecursion, Depth: l.MaxDepth, Height: l.MaxHeight, Aliases: l.MaxAliases, RootFields: l.MaxRootFields, Directives: l.MaxDirectives,
		Fields: l.MaxFields, ListItems: l.MaxListItems,
	}}
	out.InFlight, out.Streams, out.BodyBytes = c.TrafficShaping.Router.MaxInFlight, c.Subscriptions.MaxConnections, l.MaxBodyBytes
	if c.DemandControl.Enabled {
		out.Cost = c.DemandControl.Max
	}
	if c.RateLimit.Enabled {
		out.Rate = float64(c.RateLimit.Requests)
	}
	return out
}

// shownURLs returns the URLs of a subgraph without what may hold secrets.
func shownURLs(name string, urls []string) []console.SubgraphURL {
	shown := make([]console.SubgraphURL, len(urls))
	for i, url := range urls {
		label := subgraph.URLLabel(url)
		shown[i] = console.SubgraphURL{Label: label, Dependency: urlName(name, label)}
	}
	return shown
}

// publicPort returns the port that the public endpoint listens on.
func (r *Router) publicPort() string {
	address := r.config.Listen
	if a := r.address.Load(); a != nil {
		address = *a
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	return port
}
