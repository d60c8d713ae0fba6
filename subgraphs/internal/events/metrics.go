package events

import (
	"github.com/prometheus/client_golang/prometheus"

	"souk/telemetry"
)

var (
	metricPublished = telemetry.Metric{
		Name: "souk_events_published_total", Kind: telemetry.Counter,
		Help:   "Events moved from the outbox to the stream.",
		Labels: []string{"type"},
	}
	metricLost = telemetry.Metric{
		Name: "souk_events_lost_total", Kind: telemetry.Counter,
		Help: "Published events that Redis lost and that the relay publishes again.",
	}
	metricHandled = telemetry.Metric{
		Name: "souk_events_handled_total", Kind: telemetry.Counter,
		Help:   "Events that a consumer group has finished: handled, repeated (processed before) or dead (moved to the dead-letter stream).",
		Labels: []string{"group", "type", "result"},
	}
	metricFailed = telemetry.Metric{
		Name: "souk_event_failures_total", Kind: telemetry.Counter,
		Help:   "Failed attempts to handle an event.",
		Labels: []string{"group", "type"},
	}
	metricOutboxWaiting = telemetry.Metric{
		Name: "souk_event_outbox_waiting", Kind: telemetry.Gauge,
		Help: "Events in the outbox that are not published yet.",
	}
	metricOutboxAge = telemetry.Metric{
		Name: "souk_event_outbox_age_seconds", Kind: telemetry.Gauge,
		Help: "Age of the oldest event in the outbox that is not published yet.",
	}
	metricRedis = telemetry.Metric{
		Name: "souk_event_redis_up", Kind: telemetry.Gauge,
		Help: "1 if Redis responded when the service last asked it, every two seconds, otherwise 0.",
	}
	metricPending = telemetry.Metric{
		Name: "souk_event_retries_waiting", Kind: telemetry.Gauge,
		Help:   "Events that a consumer group has read but not finished: they wait for a retry, or behind an event of the same subject that does.",
		Labels: []string{"group"},
	}
	metricDead = telemetry.Metric{
		Name: "souk_event_dead_letters", Kind: telemetry.Gauge,
		Help:   "Dead letters of a consumer group that are neither revived nor dropped, among the newest 500 of all groups.",
		Labels: []string{"group", "type"},
	}
	metricLag = telemetry.Metric{
		Name: "souk_event_stream_lag", Kind: telemetry.Gauge,
		Help:   "Entries of the stream that a consumer group has not read yet: all of them if the group does not exist.",
		Labels: []string{"group"},
	}
	metricAge = telemetry.Metric{
		Name: "souk_event_unhandled_age_seconds", Kind: telemetry.Gauge,
		Help:   "Time since the oldest event was published that a consumer group has not handled, whether it waits for a retry or is not read yet; 0 if there is none.",
		Labels: []string{"group"},
	}
	metricSize = telemetry.Metric{
		Name: "souk_event_stream_bytes", Kind: telemetry.Gauge,
		Help:   "Memory of a stream of events in Redis, as Redis estimates it. Unlike the cache, streams are never evicted.",
		Labels: []string{"stream"},
	}
)

type metrics struct {
	published, lost, handled, failed                                 *prometheus.CounterVec
	outboxWaiting, outboxAge, retrying, lags, age, redis, dead, size *prometheus.GaugeVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		published:     metricPublished.NewCounter(r),
		lost:          metricLost.NewCounter(r),
		handled:       metricHandled.NewCounter(r),
		failed:        metricFailed.NewCounter(r),
		outboxWaiting: metricOutboxWaiting.NewGauge(r),
		outboxAge:     metricOutboxAge.NewGauge(r),
		retrying:      metricPending.NewGauge(r),
		lags:          metricLag.NewGauge(r),
		age:           metricAge.NewGauge(r),
		size:          metricSize.NewGauge(r),
		redis:         metricRedis.NewGauge(r),
		dead:          metricDead.NewGauge(r),
	}
	// Export zero from the start, so that the series exist.
	m.lost.WithLabelValues().Add(0)
	m.outboxWaiting.WithLabelValues().Set(0)
	m.outboxAge.WithLabelValues().Set(0)
	m.size.WithLabelValues(Stream).Set(0)
	return m
}

// exportPublished makes the series of the events that a service publishes exist before
// the first one.
func (m *metrics) exportPublished(service string) {
	for _, kind := range published[service] {
		m.published.WithLabelValues(kind)
	}
}

// export makes the series of a consumer exist before its first event: an alert
// would miss a dead letter that is the first.
func (m *metrics) export(c Consumer) {
	for _, gauge := range []*prometheus.GaugeVec{m.lags, m.retrying, m.age} {
		gauge.WithLabelValues(c.Group)
	}
	for _, kind := range c.Types {
		m.failed.WithLabelValues(c.Group, kind)
		for _, result := range []string{resultHandled, resultRepeated, resultDead} {
			m.handled.WithLabelValues(c.Group, kind, result)
		}
	}
}

// forget removes the series of a consumer group that this process no longer measures.
func (m *metrics) forget(group string) {
	m.forgetStream(group)
	m.dead.DeletePartialMatch(prometheus.Labels{"group": group})
}

// forgetStream removes what a consumer group has not handled.
func (m *metrics) forgetStream(group string) {
	for _, gauge := range []*prometheus.GaugeVec{m.lags, m.retrying, m.age} {
		gauge.DeleteLabelValues(group)
	}
}
