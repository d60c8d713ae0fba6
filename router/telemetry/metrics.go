package telemetry

import (
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"souk/internal/bytecache"
	base "souk/telemetry"
)

// Metrics are the router's instruments.
type Metrics struct {
	// InFlight is the number of operations in flight.
	InFlight prometheus.Gauge
	// Joined counts queries answered by an identical query in flight.
	Joined prometheus.Counter
	// Streamed counts responses that were sent before they were complete.
	Streamed prometheus.Counter
	// Subscriptions is the number of open client subscriptions.
	Subscriptions prometheus.Gauge
	// SubscriptionUpstreams is the number of open subscriptions to subgraphs.
	SubscriptionUpstreams prometheus.Gauge
	// SubscriptionsJoined counts client subscriptions that joined an open one,
	// and SubscriptionsDropped those ended because the client read too slowly.
	SubscriptionsJoined, SubscriptionsDropped prometheus.Counter
	// UploadBytes counts the bytes of files.
	UploadBytes prometheus.Counter
	// PlanDuration observes seconds.
	PlanDuration prometheus.Observer
	// LoadsOK and LoadsFailed count loads of a supergraph.
	LoadsOK, LoadsFailed prometheus.Counter
	// Waiting is 1 while a new supergraph waits for its subgraphs.
	Waiting        prometheus.Gauge
	Document, Plan *Cache
	Persisted      *Cache
	// Policy is the cache of decisions on @policy.
	Policy       *Cache
	EntityCache  *EntityCache
	Limits       *Limits
	DeniedFields prometheus.Counter
	// AccessLogDropped counts lines of the access log.
	AccessLogDropped prometheus.Counter

	named          *named
	tools          *tools
	operations     *base.Bound[operationKey, prometheus.Observer]
	ended          *base.Bound[Outcome, prometheus.Counter]
	errors         *base.Bound[string, prometheus.Counter]
	exceeded       *base.Bound[string, prometheus.Counter]
	replanned      *base.Bound[string, prometheus.Counter]
	errorCodes     atomic.Int32
	trusted        *base.Bound[trustedKey, prometheus.Counter]
	clients        boundedNames
	subgraphs      *base.Bound[string, *Subgraph]
	subgraphCosts  *base.Bound[string, Costs]
	redis          *base.Bound[string, *Redis]
	dependencies   func(kind, name string) *Dependency
	urls           func(subgraph, url string) *SubgraphURL
	authentication *base.Bound[string, prometheus.Counter]
	closed         *base.Bound[string, prometheus.Counter]
	uploads        *base.Bound[string, prometheus.Counter]
	callbacks      *base.Bound[callbackKey, prometheus.Counter]
	coprocessor    *base.Bound[coprocessorKey, prometheus.Observer]
	limits         *prometheus.GaugeVec
	// ConcurrencyLimit is the adaptive limit of operations, or 0.
	ConcurrencyLimit prometheus.Gauge
	variants         *base.Bound[variantKey, prometheus.Observer]
	shadows          *base.Bound[string, prometheus.Counter]
	certificates     *prometheus.GaugeVec

	topics      *base.Bound[topicKey, *EventTopic]
	topicsMu    sync.Mutex
	topicsKnown map[topicKey]bool
}

type variantKey struct{ variant, outcome string }
type callbackKey struct{ action, result string }

type coprocessorKey struct{ stage, result string }

type operationKey struct {
	kind    string
	outcome Outcome
}

// New registers the router's metrics with r. A nil r is for tests that do not read
// the metrics.
func New(r prometheus.Registerer) *Metrics { return NewWithBuckets(r, nil) }

// NewWithBuckets is like New. The histograms of durations of operations and subgraph requests
// have these upper bounds in seconds: those of base.DurationBuckets if there are none.
func NewWithBuckets(r prometheus.Registerer, buckets []float64) *Metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	caches := newCaches(r)
	loads := supergraphLoads.NewCounter(r)
	operations, ended := operationDuration.WithBuckets(buckets).NewHistogram(r), operationsEnded.NewCounter(r)
	errors := graphqlErrors.NewCounter(r)
	results := authentication.NewCounter(r)
	exceeded := limitsExceeded.NewCounter(r)
	replanned := plansReplaced.NewCounter(r)
	closed := connectionsClosed.NewCounter(r)
	calls := coprocessorDuration.NewHistogram(r)
	variants, shadows := variantDuration.NewHistogram(r), shadowResults.NewCounter(r)
	certificates := certificateExpiry.NewGauge(r)
	documents := trustedDocuments.NewCounter(r)
	uploads, messages := uploadRequests.NewCounter(r), callbackMessages.NewCounter(r)
	costs := subgraphCost.NewHistogram(r)
	m := &Metrics{
		InFlight:      operationsInFlight.NewGauge(r).WithLabelValues(),
		Joined:        operationsJoined.NewCounter(r).WithLabelValues(),
		Streamed:      responsesStreamed.NewCounter(r).WithLabelValues(),
		Subscriptions: subscriptionsActive.NewGauge(r).WithLabelValues(),
		PlanDuration:  planDuration.NewHistogram(r).WithLabelValues(),
		LoadsOK:       loads.WithLabelValues("ok"),
		LoadsFailed:   loads.WithLabelValues("failed"),
		Waiting:       supergraphWaiting.NewGauge(r).WithLabelValues(),
		Document:      caches("document"),
		Plan:          caches("plan"),
		Persisted:     caches("persisted_document"),
		Policy:        caches("policy"),
		EntityCache:   newEntityCache(r),
		Limits:        newLimits(r),
		DeniedFields:  deniedFields.NewCounter(r).WithLabelValues(),
		named:         newNamed(r, buckets),
		tools:         newTools(r),

		AccessLogDropped: accessLogDropped.NewCounter(r).WithLabelValues(),

		UploadBytes: uploadBytes.NewCounter(r).WithLabelValues(),
		callbacks: base.Bind(func(k callbackKey) prometheus.Counter {
			return messages.WithLabelValues(k.action, k.result)
		}),
		uploads: base.Bind(func(result string) prometheus.Counter { return uploads.WithLabelValues(result) }),

		SubscriptionUpstreams: subscriptionUpstreams.NewGauge(r).WithLabelValues(),
		SubscriptionsJoined:   subscriptionsJoined.NewCounter(r).WithLabelValues(),
		SubscriptionsDropped:  subscriptionsDropped.NewCounter(r).WithLabelValues(),

		operations: base.Bind(func(k operationKey) prometheus.Observer {
			return operations.WithLabelValues(k.kind, string(k.outcome))
		}),
		limits:           subgraphLimit.NewGauge(r),
		ConcurrencyLimit: operationsLimit.NewGauge(r).WithLabelValues(),
		variants:         base.Bind(func(k variantKey) prometheus.Observer { return variants.WithLabelValues(k.variant, k.outcome) }),
		shadows:          base.Bind(func(result string) prometheus.Counter { return shadows.WithLabelValues(result) }),
		ended:            base.Bind(func(o Outcome) prometheus.Counter { return ended.WithLabelValues(string(o)) }),
		errors:           base.Bind(func(code string) prometheus.Counter { return errors.WithLabelValues(code) }),
		exceeded:         base.Bind(func(code string) prometheus.Counter { return exceeded.WithLabelValues(code) }),
		replanned:        base.Bind(func(result string) prometheus.Counter { return replanned.WithLabelValues(result) }),
		subgraphs:        base.Bind(newSubgraphs(r, buckets)),

		subgraphCosts: base.Bind(func(subgraph string) Costs { return costsOf(costs, subgraph) }),
		trusted: base.Bind(func(k trustedKey) prometheus.Counter {
			return documents.WithLabelValues(k.client, k.result)
		}),
		redis:          base.Bind(newRedis(r)),
		dependencies:   newDependencies(r, certificates),
		urls:           newSubgraphURLs(r),
		authentication: base.Bind(func(result string) prometheus.Counter { return results.WithLabelValues(result) }),
		certificates:   certificates,
		topics:         base.Bind(newTopics(r)),
		topicsKnown:    map[topicKey]bool{},
		closed:         base.Bind(func(reason string) prometheus.Counter { return closed.WithLabelValues(reason) }),
		coprocessor: base.Bind(func(k coprocessorKey) prometheus.Observer {
			return calls.WithLabelValues(k.stage, k.result)
		}),
	}
	m.exportOperations()
	return m
}

// exportOperations makes the time series of operations exist before the first one.
func (m *Metrics) exportOperations() {
	for _, outcome := range outcomes {
		m.Ended(outcome)
		for _, kind := range []string{"query", "mutation", "subscription"} {
			m.Operation(kind, outcome)
		}
	}
}

// Operation observes the duration in seconds of executions of a kind ("query").
func (m *Metrics) Operation(kind string, outcome Outcome) prometheus.Observer {
	return m.operations.Get(operationKey{kind, outcome})
}

// Ended counts operations and events of subscriptions, also those that were not executed.
func (m *Metrics) Ended(outcome Outcome) prometheus.Counter { return m.ended.Get(outcome) }

// maxErrorCodes bounds the time series of GraphQLError, because subgraphs choose
// the codes.
const maxErrorCodes = 100

// GraphQLError counts errors in responses by extensions.code. Codes after the first
// maxErrorCodes count as "_OTHER".
func (m *Metrics) GraphQLError(code string) prometheus.Counter {
	if c, ok := m.errors.Lookup(code); ok {
		return c
	}
	switch {
	case !utf8.ValidString(code): // a label must be UTF-8
		code = "_OTHER"
	case m.errorCodes.Add(1) > maxErrorCodes:
		m.errorCodes.Store(maxErrorCodes)
		code = "_OTHER"
	}
	return m.errors.Get(code)
}

// LimitExceeded counts operations that are executed although they exceed a limit, by its code,
// which must come from a bounded set.
func (m *Metrics) LimitExceeded(code string) prometheus.Counter { return m.exceeded.Get(code) }

// Replanned counts plans that were made again, after a short search or because latencies changed, by result: changed, same
// or failed.
func (m *Metrics) Replanned(result string) prometheus.Counter { return m.replanned.Get(result) }

// Dependency returns the metrics of a dependency. Its kind and name must come from a
// bounded set.
func (m *Metrics) Dependency(kind, name string) *Dependency { return m.dependencies(kind, name) }

// Subgraph returns the metrics of requests to a subgraph of the supergraph.
func (m *Metrics) Subgraph(name string) *Subgraph { return m.subgraphs.Get(name) }

// Redis returns the metrics of an operation on Redis, such as "lookup".
func (m *Metrics) Redis(operation string) *Redis { return m.redis.Get(operation) }

// Coprocessor observes the duration in seconds of calls of the coprocessor at a stage.
func (m *Metrics) Coprocessor(stage string, ok bool) prometheus.Observer {
	result := "failed"
	if ok {
		result = "ok"
	}
	return m.coprocessor.Get(coprocessorKey{stage, result})
}

// Authentication counts requests by the result of authentication, which must come
// from a bounded set.
func (m *Metrics) Authentication(result string) prometheus.Counter {
	return m.authentication.Get(result)
}

// Callback counts messages of subscriptions by HTTP callback. The action and the result are
// those of package callback.
func (m *Metrics) Callback(action, result string) prometheus.Counter {
	return m.callbacks.Get(callbackKey{action, result})
}

// Uploads counts requests with files by result: ok or refused.
func (m *Metrics) Uploads(result string) prometheus.Counter { return m.uploads.Get(result) }

// ConnectionClosed counts client connections closed to enforce a limit. The reason
// is one of those defined by package netlimit.
func (m *Metrics) ConnectionClosed(reason string) prometheus.Counter { return m.closed.Get(reason) }

// CertificateExpiry is when the certificate of a port expires, in Unix seconds. The port is public
// or admin.
func (m *Metrics) CertificateExpiry(port string) prometheus.Gauge {
	return m.certificates.WithLabelValues("port", port, "server")
}

// A Cache has the metrics of an in-process cache.
type Cache struct {
	Hits, Misses   prometheus.Counter
	evictions      prometheus.Counter
	entries, bytes prometheus.Gauge
}

// Observer returns an observer that records the size and the evictions of the cache.
func (c *Cache) Observer() bytecache.Observer {
	return bytecache.Observer{
		Changed: func(entries, bytes int) {
			c.entries.Add(float64(entries))
			c.bytes.Add(float64(bytes))
		},
		Evicted: c.evictions.Inc,
	}
}

func newCaches(r prometheus.Registerer) func(string) *Cache {
	requests, evictions := cacheRequests.NewCounter(r), cacheEvictions.NewCounter(r)
	entries, bytes := cacheEntries.NewGauge(r), cacheBytes.NewGauge(r)
	return func(name string) *Cache {
		return &Cache{
			Hits:      requests.WithLabelValues(name, "hit"),
			Misses:    requests.WithLabelValues(name, "miss"),
			evictions: evictions.WithLabelValues(name),
			entries:   entries.WithLabelValues(name),
			bytes:     bytes.WithLabelValues(name),
		}
	}
}

// A Subgraph has the metrics of requests to one subgraph.
type Subgraph struct {
	// Duration observes seconds.
	Duration prometheus.Observer
	InFlight prometheus.Gauge
	Retries  prometheus.Counter
	// Reconnects counts attempts to reopen a subscription.
	Reconnects prometheus.Counter
	// HeartbeatsLost counts subscriptions by HTTP callback without heartbeats.
	HeartbeatsLost prometheus.Counter
	// Shared counts requests answered by an identical request in flight.
	Shared prometheus.Counter
	// Breaker is 0 if closed, 1 if half-open and 2 if open.
	Breaker prometheus.Gauge
	// Shed counts requests that were not sent because of the adaptive limit.
	Shed prometheus.Counter

	// Refusals counts responses without data, of which the client caused all errors.
	Refusals prometheus.Counter

	errors *base.Bound[string, prometheus.Counter]
}

// Error counts requests that failed entirely, by the error code of the router.
func (s *Subgraph) Error(code string) prometheus.Counter { return s.errors.Get(code) }

func newSubgraphs(r prometheus.Registerer, buckets []float64) func(string) *Subgraph {
	duration, inFlight := subgraphDuration.WithBuckets(buckets).NewHistogram(r), subgraphInFlight.NewGauge(r)
	retries, shared := subgraphRetries.NewCounter(r), subgraphShared.NewCounter(r)
	reconnects, heartbeatsLost := subgraphReconnects.NewCounter(r), subgraphHeartbeatsLost.NewCounter(r)
	breaker, errors := subgraphBreaker.NewGauge(r), subgraphErrors.NewCounter(r)
	refusals, shed := subgraphRefusals.NewCounter(r), subgraphShed.NewCounter(r)
	return func(name string) *Subgraph {
		return &Subgraph{
			Duration:   duration.WithLabelValues(name),
			InFlight:   inFlight.WithLabelValues(name),
			Retries:    retries.WithLabelValues(name),
			Reconnects: reconnects.WithLabelValues(name),
			Shared:     shared.WithLabelValues(name),

			HeartbeatsLost: heartbeatsLost.WithLabelValues(name),

			Breaker:  breaker.WithLabelValues(name),
			Shed:     shed.WithLabelValues(name),
			Refusals: refusals.WithLabelValues(name),
			errors:   base.Bind(func(code string) prometheus.Counter { return errors.WithLabelValues(name, code) }),
		}
	}
}

// A Redis has the metrics of one operation on Redis.
type Redis struct {
	// Duration observes seconds.
	Duration prometheus.Observer
	Errors   prometheus.Counter
}

func newRedis(r prometheus.Registerer) func(string) *Redis {
	duration, errors := redisDuration.NewHistogram(r), redisErrors.NewCounter(r)
	return func(operation string) *Redis {
		return &Redis{Duration: duration.WithLabelValues(operation), Errors: errors.WithLabelValues(operation)}
	}
}

// A Dependency has the metrics of one dependency.
type Dependency struct {
	Failures prometheus.Counter
	// SetUp records whether the last use succeeded.
	SetUp func(up bool)
	// Expires records when a certificate expires, in Unix seconds. The owner is
	// "server" or "client".
	Expires func(owner string, seconds float64)
	// Remove deletes the time series.
	Remove func()
}

func newDependencies(r prometheus.Registerer, expiry *prometheus.GaugeVec) func(kind, name string) *Dependency {
	states, failures := dependencyUp.NewGauge(r), dependencyFailures.NewCounter(r)
	return func(kind, name string) *Dependency {
		return &Dependency{
			Failures: failures.WithLabelValues(kind, name),
			SetUp: func(up bool) {
				value := 0.0
				if up {
					value = 1
				}
				states.WithLabelValues(kind, name).Set(value)
			},
			Expires: func(owner string, seconds float64) { expiry.WithLabelValues(kind, name, owner).Set(seconds) },
			Remove: func() {
				expiry.DeletePartialMatch(prometheus.Labels{"kind": kind, "name": name})
				states.DeleteLabelValues(kind, name)
				failures.DeleteLabelValues(kind, name)
			},
		}
	}
}

// An EntityCache has the metrics of the entity cache.
type EntityCache struct {
	// Epochs counts how often everything in Redis was discarded.
	Epochs     prometheus.Counter
	LocalBytes prometheus.Gauge
	// Available is 1 while the cache uses Redis.
	Available prometheus.Gauge
	Waits     Waits

	types         *base.Bound[entityKey, *EntityType]
	invalidations *base.Bound[invalidationKey, prometheus.Counter]

	tagInvalidations *base.Bound[string, prometheus.Counter]
}

type (
	entityKey       struct{ subgraph, typ string }
	invalidationKey struct{ typ, source string }
)

// Type returns the metrics of a type of a subgraph ("Query" for root fetches).
func (e *EntityCache) Type(subgraph, typ string) *EntityType {
	return e.types.Get(entityKey{subgraph, typ})
}

// Invalidated counts invalidations of a type by source: "event", "api" or "mutation".
func (e *EntityCache) Invalidated(typ, source string) prometheus.Counter {
	return e.invalidations.Get(invalidationKey{typ, source})
}

// TagInvalidated counts invalidations by cache tag, by source: "event" or "api".
func (e *EntityCache) TagInvalidated(source string) prometheus.Counter {
	return e.tagInvalidations.Get(source)
}

// Waits has the metrics of waits for values that others fetch.
type Waits struct {
	// Waiting is the number of requests that wait.
	Waiting prometheus.Gauge

	ended *base.Bound[string, prometheus.Observer]
}

// Ended observes the seconds of waits, by result.
func (w *Waits) Ended(result string) prometheus.Observer { return w.ended.Get(result) }

// An EntityType has the metrics of a type of a subgraph: lookups by result, stores,
// comparisons and age.
type EntityType struct {
	Local, Redis, Miss, Stale, Expired, Corrupt, Unavailable prometheus.Counter
	Stores                                                   prometheus.Counter
	// Untagged counts values that are not cached because of their cache tags.
	Untagged prometheus.Counter
	// Equal and Different count values compared with the subgraph's response.
	Equal, Different prometheus.Counter
	// Age observes the seconds since a value was stored, when it is found.
	Age prometheus.Observer
}

func newEntityCache(r prometheus.Registerer) *EntityCache {
	lookups, stores, invalidations := entityLookups.NewCounter(r), entityStores.NewCounter(r), entityInvalidations.NewCounter(r)
	untagged, tagged := entityUntagged.NewCounter(r), entityTagInvalidations.NewCounter(r)
	comparisons, age, wait := entityComparisons.NewCounter(r), entityAge.NewHistogram(r), entityWait.NewHistogram(r)
	c := &EntityCache{
		Epochs:     entityEpochs.NewCounter(r).WithLabelValues(),
		LocalBytes: entityLocalBytes.NewGauge(r).WithLabelValues(),
		Available:  entityAvailable.NewGauge(r).WithLabelValues(),
		Waits: Waits{
			Waiting: entityWaiting.NewGauge(r).WithLabelValues(),
			ended:   base.Bind(func(result string) prometheus.Observer { return wait.WithLabelValues(result) }),
		},
		types: base.Bind(func(k entityKey) *EntityType {
			lookup := func(result string) prometheus.Counter { return lookups.WithLabelValues(k.subgraph, k.typ, result) }
			return &EntityType{
				Local: lookup("local"), Redis: lookup("redis"), Miss: lookup("miss"), Stale: lookup("stale"),
				Expired: lookup("expired"), Corrupt: lookup("corrupt"), Unavailable: lookup("unavailable"),
				Stores:    stores.WithLabelValues(k.subgraph, k.typ),
				Untagged:  untagged.WithLabelValues(k.subgraph, k.typ),
				Equal:     comparisons.WithLabelValues(k.subgraph, k.typ, "equal"),
				Different: comparisons.WithLabelValues(k.subgraph, k.typ, "different"),
				Age:       age.WithLabelValues(k.subgraph, k.typ),
			}
		}),
		invalidations: base.Bind(func(k invalidationKey) prometheus.Counter {
			return invalidations.WithLabelValues(k.typ, k.source)
		}),
	}
	c.tagInvalidations = base.Bind(func(source string) prometheus.Counter { return tagged.WithLabelValues(source) })
	for _, source := range []string{"event", "api"} {
		c.TagInvalidated(source)
	}
	for _, result := range []string{"filled", "taken", "no_value", "timeout", "canceled", "unavailable"} {
		c.Waits.Ended(result)
	}
	return c
}

// Limits has the metrics of rate and cost limits.
type Limits struct {
	// Allowed and Limited count decisions made with Redis, and LocalAllowed and
	// LocalLimited those made without it.
	Allowed, Limited, LocalAllowed, LocalLimited prometheus.Counter
	Shed, CostRejected                           prometheus.Counter
	// Cost observes estimates, and ActualCost the costs of responses.
	Cost, ActualCost prometheus.Observer
}

func newLimits(r prometheus.Registerer) *Limits {
	decisions := rateLimit.NewCounter(r)
	return &Limits{
		Allowed:      decisions.WithLabelValues("allowed", "redis"),
		Limited:      decisions.WithLabelValues("limited", "redis"),
		LocalAllowed: decisions.WithLabelValues("allowed", "local"),
		LocalLimited: decisions.WithLabelValues("limited", "local"),
		Shed:         shed.NewCounter(r).WithLabelValues(),
		CostRejected: costRejected.NewCounter(r).WithLabelValues(),
		Cost:         costEstimated.NewHistogram(r).WithLabelValues(),
		ActualCost:   costActual.NewHistogram(r).WithLabelValues(),
	}
}

// Variant observes the seconds of operations by variant ("main", "canary" or "shadow") and outcome
// ("ok" or "errors").
func (m *Metrics) Variant(variant, outcome string) prometheus.Observer {
	return m.variants.Get(variantKey{variant, outcome})
}

// Shadow counts requests chosen to be copied, by result.
func (m *Metrics) Shadow(result string) prometheus.Counter { return m.shadows.Get(result) }

// SubgraphLimit returns a function that sets the adaptive limit of a subgraph.
func (m *Metrics) SubgraphLimit(name string) func(int) {
	gauge := m.limits.WithLabelValues(name)
	return func(limit int) { gauge.Set(float64(limit)) }
}
