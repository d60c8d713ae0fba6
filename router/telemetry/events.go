package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
)

// EventTopic has the metrics of the topics with one template.
type EventTopic struct {
	// Received and TooLarge count the events that the router reads; Sent, Filtered and
	// Invalid those of each subscription.
	Received, TooLarge, Sent, Filtered, Invalid prometheus.Counter
	// Behind counts queues that were full.
	Behind prometheus.Counter
	// Reconnects counts attempts to read a topic again after a failure.
	Reconnects prometheus.Counter
	// Subscribers is the number of open subscriptions.
	Subscribers prometheus.Gauge
}

// topicKey is the provider of a topic and the template of its name.
type topicKey struct{ provider, topic string }

// maxTopics bounds the number of templates with metrics of their own: a supergraph that changes
// can bring new ones without end.
const maxTopics = 200

func newTopics(r prometheus.Registerer) func(topicKey) *EventTopic {
	events, behind, reconnects := eventsTotal.NewCounter(r), eventsBehind.NewCounter(r), eventReconnects.NewCounter(r)
	subscribers := eventSubscribers.NewGauge(r)
	return func(k topicKey) *EventTopic {
		result := func(name string) prometheus.Counter { return events.WithLabelValues(k.provider, k.topic, name) }
		return &EventTopic{
			Received: result("received"), TooLarge: result("too_large"),
			Sent: result("sent"), Filtered: result("filtered"), Invalid: result("invalid"),
			Behind:      behind.WithLabelValues(k.provider, k.topic),
			Reconnects:  reconnects.WithLabelValues(k.provider, k.topic),
			Subscribers: subscribers.WithLabelValues(k.provider, k.topic),
		}
	}
}

// Topic returns the metrics of the topics with a template. Templates after the first 200 share
// those of _OTHER.
func (m *Metrics) Topic(provider, template string) *EventTopic {
	key := topicKey{provider, template}
	m.topicsMu.Lock()
	defer m.topicsMu.Unlock()
	if !m.topicsKnown[key] {
		if len(m.topicsKnown) >= maxTopics {
			key.topic = "_OTHER"
		} else {
			m.topicsKnown[key] = true
		}
	}
	return m.topics.Get(key)
}
