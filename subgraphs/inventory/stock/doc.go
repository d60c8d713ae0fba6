// Package stock keeps stock levels and reservations: units on hand, units held
// for orders, units sold. It takes product IDs, order IDs and quantities, and
// returns levels and reservations, or the typed errors of package schema. It
// sits between the resolvers (package graph) and Postgres.
//
// level.go is the hub: it defines Store and Level. adjust.go sets and adds
// stock. reserve.go, commit.go and expire.go implement the life cycle of a
// reservation (reservation.go), on top of delta.go, which changes levels;
// pipelined.go does what almost every order needs in one round trip. import.go
// writes stock and reservations of the past. The
// caller of reserve says how long to hold the units: the order service's time is
// reservationTTL in package checkout.
//
// Units move only as follows:
//
//	setStock, restock      → on hand
//	reserve                on hand → on hand and reserved
//	commit                 reserved → sold, no longer on hand
//	release, expiry        reserved → free again; sold → on hand again
//
// Every change is one transaction, which also writes the event
// inventory.updated of each changed product to the outbox. It locks the
// reservation first and then the levels in order of product ID. Concurrent
// changes therefore wait for each other and never deadlock, and a process that
// dies leaves a change complete or absent.
package stock
