// Package ledger keeps orders as what happened to them. An order's events are
// appended to order_events and never changed; its state is their fold (Fold),
// and the table orders holds that state for reads, written in the transaction
// that appends the event. What others must learn goes out in the same
// transaction: an outbox event, and for units to give back a row in
// stock_releases.
//
// It takes decisions (Book.Place, Book.Change) and gives states and pages of
// them. Which decision is right, and what inventory has to do with it, is
// package checkout's.
//
// Concurrency is optimistic: an event carries the version after the one its
// decision was made on, and of two with the same version the primary key lets
// one in. Change then decides again on the new state.
package ledger
