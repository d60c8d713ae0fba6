// Package checkout places and cancels orders. It decides what happens to an
// order (package ledger keeps it) and agrees with inventory about its units.
//
// Placing takes these steps. The order's events decide: it is bought when
// OrderConfirmed is appended as its second event (step 4), and not bought when
// OrderRejected is; the primary key of the events lets one of the two in. Until
// then everything can be undone, for inventory takes units back that are held
// and units that are sold. OrderConfirmed is appended only after inventory
// committed the sale, so a confirmed order always has its units.
//
//	step                          a crash right after it leaves         which becomes
//	0  check user and products    nothing                               nothing
//	1  append OrderPlaced         a pending order, no reservation       rejected by Recover
//	2  reserve at inventory       a pending order, units held           confirmed by Recover (rejected if the hold has expired and the units are gone)
//	3  commit at inventory        a pending order, units sold           confirmed by Recover
//	4  append OrderConfirmed      the whole order; order.created in     a whole order
//	   and order.created          the outbox of the same transaction
//
// If inventory does not answer in step 2 or 3, nobody knows what it did. Then
// OrderRejected is appended, together with a row in stock_releases that stays
// until inventory has said that it released the units, and the caller is told
// Unavailable. Trying again is safe: a rejection for that reason gives the
// idempotency key free. Recover does the same for an order whose process died:
// it asks inventory how the reservation stands, completes the order if units
// are held or sold, and rejects it if none are. The hold ends by itself after
// a minute in any case, so nothing is reserved for ever.
//
// Two may work on one order: a repeated call with the same idempotency key, or
// Recover on a slow one. Every step may be repeated, so they help each other;
// if one rejects while the other sells, the one that finds the order rejected
// has the units released again. A release that inventory knows nothing of is
// tried until ReleaseGrace is over, because a reservation may still be on its
// way.
//
// Cancelling appends OrderCancelled, order.cancelled in the outbox and a row in
// stock_releases in one transaction: the order is cancelled whether inventory
// answers or not, and the units go back as soon as it does.
package checkout
