// Package checkout places and cancels orders. It decides what happens to an
// order and coordinates with the inventory service; package orderstore stores
// the result. It sits between the resolvers (package graph) and the store.
//
// service.go is the hub: it defines Service and the steps that place an order.
// place.go handles the call and request.go validates it. cancel.go cancels
// orders and releases stock. worker.go recovers orders after a crash.
//
// # Placing an order
//
// Placing an order is a saga across two databases, without a distributed
// transaction. The order's events decide its outcome: appending OrderConfirmed
// as the second event places the order, appending OrderRejected rejects it.
// The primary key of the events table admits only one of the two. Until then
// every step can be undone, because inventory takes back both held and sold
// units. OrderConfirmed is appended only after inventory has committed the
// sale, so a confirmed order always has its units.
//
//	step                          a crash right after it leaves         recovery
//	0  check user and products    nothing                               none needed
//	1  append OrderPlaced         a pending order, no reservation       Recover rejects it
//	2  reserve at inventory       a pending order, units held           Recover confirms it, or rejects it if the hold
//	                                                                    has expired and the units are gone
//	3  commit at inventory        a pending order, units sold           Recover confirms it
//	4  append OrderConfirmed      a confirmed order, with order.created none needed
//	   and order.created          in the outbox (one transaction)
//
// If inventory does not answer in step 2 or 3, its state is unknown. The
// service then appends OrderRejected together with a row in stock_releases,
// and tells the caller Unavailable. The row stays until inventory confirms
// that it released the units. Retrying is safe: this kind of rejection frees
// the idempotency key. Recover does the same for an order whose process died.
// It asks inventory for the reservation, completes the order if units are held
// or sold, and rejects it otherwise. In any case inventory drops the hold
// after reservationTTL (service.go), so stock is never reserved forever.
//
// Two calls may work on one order: a retry with the same idempotency key, or
// Recover on an order that is merely slow. Every step is idempotent, so they
// complete each other's work. If one rejects the order while the other sells
// units to it, the one that finds the order rejected enqueues another release.
// A release for which inventory knows no reservation is retried until
// ReservationGracePeriod is over: the reservation may still be in flight.
//
// # Cancelling an order
//
// Cancelling appends OrderCancelled, order.cancelled in the outbox and a row in
// stock_releases in one transaction. The order is cancelled whether or not
// inventory answers; the units return to stock as soon as it does.
package checkout
