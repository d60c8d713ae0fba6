// Package stock counts what the store has: units on hand, units held for
// orders, units sold. It takes product ids, order ids and quantities and gives
// levels and reservations, or the typed errors of package schema.
//
// A unit moves only so:
//
//	setStock, restock      → on hand
//	reserve                on hand → on hand and reserved
//	commit                 reserved → sold, and off hand
//	release, expiry        reserved → free again; sold → on hand again
//
// Every move is one transaction that locks the reservation first and then the
// stock rows in the order of their product ids, so concurrent moves wait for
// each other and never deadlock, and a process that dies leaves all of a move
// or nothing. The event inventory.updated of each product that changed is
// written in that transaction too.
package stock
