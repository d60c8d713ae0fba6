// Package events delivers events between services. Delivery is at least once;
// handling is idempotent, so each event takes effect once.
//
// event.go lists the types of events. The path of an event:
//
//	Append (outbox.go)       writes it to the outbox table, in the transaction of the change
//	Bus.Relay (relay.go)     moves the outbox to a Redis stream, as CloudEvents 1.0 in JSON
//	lost.go                  publishes events again that Redis lost
//	cleanup.go               deletes events that every consumer group has handled
//	Bus.Consume (consumer.go, reader.go, handle.go)
//	                         reads the stream in a consumer group, one transaction per event
//	together.go              or one for several events, if they wait
//	version.go               converts events of older schema versions
//	dead.go                  keeps events that repeatedly fail, in a dead-letter stream
//	report.go                reports the state of all this to the console
//	metrics.go, measure.go   and to Prometheus
//	migrations.go            the tables
//
// The outbox makes the change and its event atomic: there is never one without
// the other. The consumer's transaction also records the ID of the event, so
// an event that is delivered again has no effect. Every event carries the
// trace context of the request that caused it.
//
// bus.go is the hub. A service that handles events adds a consumer to its workers, as
// package notification does. docs/decisions/events.md says why Redis Streams.
package events
