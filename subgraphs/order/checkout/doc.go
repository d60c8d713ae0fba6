// Package checkout takes orders through their life: it places, ships, delivers,
// cancels and refunds them. It decides what happens to an order and coordinates
// with the inventory service and the payment provider; package orderstore
// stores the result. It sits between the resolvers (package graph) and the
// store.
//
// service.go is the hub: it defines Service and the steps that place an order.
// place.go handles the call and request.go validates it. pay.go moves money,
// cancel.go cancels orders and releases stock, ship.go ships, delivers and
// refunds. erase.go removes personal data. worker.go recovers orders after a
// crash, and metrics.go counts results.
//
// # Placing an order
//
// Placing an order is a saga across three systems, without a distributed
// transaction. The order's events decide its outcome: appending OrderConfirmed
// places the order, appending OrderRejected rejects it. The primary key of the
// events table admits only one of the two. Until then every step can be undone,
// because inventory takes back both held and sold units, and the provider lets
// go of what it holds. OrderConfirmed is appended only after the payment was
// authorised and inventory has committed the sale, so a confirmed order always
// has its money and its units.
//
//	step                          a crash right after it leaves         recovery
//	0  check user and products    nothing                               none needed
//	1  append OrderPlaced         a pending order, no reservation       Recover rejects it
//	2  reserve at inventory       a pending order, units held           Recover goes on with step 3, or rejects the
//	                                                                    order if the hold has expired
//	3  authorise at the provider  as 2, and money held                  as 2: the provider repeats its answer; if the
//	                                                                    order is rejected, Settle voids the payment
//	4  commit at inventory        as 3, units sold                      Recover goes on with step 3, and confirms it
//	5  append PaymentAuthorized,  a confirmed order, with order.created none needed
//	   OrderConfirmed and         in the outbox (one transaction)
//	   order.created
//
// Step 0 also compares the total with the one that the customer expects, if the
// request has one. OrderPlaced has the prices that step 0 read and the expected
// total, and orderstore refuses the event if they differ. So a price that changes
// meanwhile either makes the total unexpected, or does not affect the order.
//
// An order whose service has no payment provider, or whose total is 0, skips
// step 3 and PaymentAuthorized. Whether it does is part of OrderPlaced.
//
// If inventory or the provider does not answer in steps 2 to 4, its state is
// unknown. The service then appends OrderRejected together with a row in
// stock_releases and one in payment_tasks, and tells the caller Unavailable. The
// rows stay until inventory confirms that it released the units, and the
// provider that it holds no money. Retrying is safe: after this kind of
// rejection the idempotency key places another order, once inventory has released
// the units of the rejected one. So nobody misses the units of their own earlier
// attempt. Recover does the same for an order whose process
// died. It asks inventory for the reservation, completes the order if units are
// held or sold, and rejects it otherwise. In any case inventory drops the hold
// after reservationTTL (service.go), so stock is never reserved forever.
//
// Two calls may work on one order: a retry with the same idempotency key, or
// Recover on an order that is merely slow. Every step is idempotent, so they
// complete each other's work. If one rejects the order while the other sells
// units or authorises money to it, the one that finds the order rejected
// enqueues another release and another payment task. A release for which
// inventory knows no reservation is retried until ReservationGracePeriod is
// over: the reservation may still be in flight. An authorisation that is in
// flight is no danger: after a void, the provider refuses it.
//
// # Shipping, cancelling and refunding
//
// Each of these appends one event. What the provider must do then follows from
// the events (orderstore.Order.DuePayment): capture the payment of a shipped
// order, void that of a cancelled or rejected one, refund one whose refund was
// requested. The transaction that appends the event also writes a row in
// payment_tasks, which only says when to try. The call tries at once; if that
// fails, Settle tries again with growing waits.
//
//	step                          a crash right after it leaves         recovery
//	1  append OrderShipped,       an order whose payment is due         Settle asks the provider
//	   OrderCancelled or
//	   RefundRequested
//	2  capture, void or refund    money moved, the events do not say so Settle asks again; the provider repeats its
//	   at the provider                                                  answer
//	3  append PaymentCaptured,    a row in payment_tasks                Settle finds nothing due and deletes it
//	   PaymentVoided,
//	   PaymentRefunded
//	   or PaymentFailed, with
//	   what it publishes
//	4  after PaymentFailed: void  nothing held, the events do not say   Settle asks again; the provider repeats its
//	   at the provider            so                                    answer
//	5  after that: append         a row in payment_tasks                Settle finds nothing due and deletes it
//	   PaymentVoided
//	6  delete the row             nothing                               none needed
//
// If the provider refuses to capture, PaymentFailed is appended: the goods are
// gone, so a person has to see to it. payment.failed tells the customer. What the
// provider still holds is voided, and the payment stays FAILED.
//
// Cancelling also appends order.cancelled to the outbox and a row in
// stock_releases in the same transaction. The order is cancelled whether or not
// inventory answers; the units return to stock as soon as it does. A shipped
// order cannot be cancelled. The primary key of the events decides which of the
// two comes first.
//
// # Erasing personal data
//
// When an account is erased, the user service publishes user.erased.
//
//	step                          a crash right after it leaves         recovery
//	1  handle the event: a row    an erasure that is due                Erase does it
//	   in erasures
//	2  append OrderCancelled to   a cancelled order; see above          Erase goes on
//	   orders not shipped yet
//	3  append PersonalDataErased  an order without personal data        Erase goes on with the next
//	   to each order and redact
//	   its events (one
//	   transaction)
//	4  mark the erasure as done   nothing                               none needed
//
// A pending order is settled first. Erase looks again until erasureGracePeriod
// is over, because a placement may still be in progress.
package checkout
