// Package eventsource feeds subscriptions with the events of message brokers (@eventStream). It
// takes the place of the subgraph that a subscription would be sent to: [Transport] is an
// execute.Transport that answers such subscriptions with the events of a topic, in the form of
// the GraphQL responses that the subgraph would send, and passes other requests on. The executor
// then fetches what the events do not hold, as for any subscription.
//
// A [Hub] reads each topic once, for all subscribers, and lives as long as the router's
// configuration. A [Source] is a broker. Sources keep their events for a while, so that a
// subscriber can continue after any event, by its cursor: a client that sends Last-Event-ID, a
// reader that has lost its connection, and a subscriber whose queue was full.
//
// The hub is transport.go. The other files are:
//
//   - streams.go, template.go, filter.go: what @eventStream says, compiled
//   - request.go, value.go: the subscription that the planner has made, and its values
//   - project.go: responses from events
//   - hub.go, topic.go, subscriber.go: fan-out
//   - source.go: the interface of brokers
//   - redis.go, nats.go, kafka.go: Redis Streams, NATS JetStream, Kafka
package eventsource
