// Package events shows how a store's events are delivered: the outboxes of its services, the
// streams with their consumer groups, the dead letters, and the orders by state. The router
// knows nothing else about the store.
//
// A [Source] reports the state and retries dead letters. [Services] is the source that polls
// the endpoint /events of each service; a program that embeds the router can implement another. A [Monitor] polls a source, keeps the last report and an hour of history, and serves
// them to the console.
//
// events.go has the report; merge.go joins those of several services; services.go, monitor.go
// and handler.go have the rest.
package events
