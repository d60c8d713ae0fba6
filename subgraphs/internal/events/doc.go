// Package events carries what happened in one service to the others, at least
// once, with effects once.
//
// A service appends an event to its outbox table in the transaction of the
// change itself (Append), so there is no change without its event and no event
// without its change. A Relay moves the outbox to a Redis stream as CloudEvents
// 1.0 JSON. A Consumer of another service reads the stream in a consumer group
// and handles each event in a transaction that also notes its id, so that one
// delivered again has no effect. What keeps failing goes to a dead-letter
// stream. The trace of the request that caused an event goes with it.
package events
