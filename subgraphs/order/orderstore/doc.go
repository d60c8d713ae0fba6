// Package orderstore is the event store of orders. Each order is a list of
// events in order_events, which is append-only. Applying the events in order
// yields the order's state (see fold). The table orders holds that state for
// reads (a projection); the transaction that appends an event also updates it.
// The same transaction writes what must happen next: an event in the outbox
// for other services, a row in stock_releases for units that inventory must take
// back, and a row in payment_tasks for money that the payment provider must
// move.
//
// The package takes decisions from package checkout (Store.Place,
// Store.Change) and returns orders, pages of orders and histories. It does not
// judge decisions, beyond refusing events that cannot follow each other.
//
// Concurrency is optimistic. An event carries the version that follows the one
// its decision was based on. If two events carry the same version, the primary
// key admits one of them, and Change repeats the other decision on the new
// state. This needs no locks between replicas; it costs a retry per conflict,
// which is rare because an order has few writers.
//
// store.go is the hub. event.go, order.go and payment.go define the events and
// the state they add up to; place.go makes placing an order idempotent;
// projection.go and query.go write and read the projection; task.go keeps what
// other services still have to do; erase.go removes personal data; replay.go and
// compare.go compare the projection with the events, and repair.go corrects it; watch.go
// notifies subscriptions of changes; side_effects.go writes to the outbox;
// import.go writes orders of the past.
package orderstore
