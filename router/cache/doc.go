// Package cache keeps what subgraphs answered in Redis, with a small layer in
// the process in front. It implements the executor's EntityCache: before each
// request to a subgraph it is asked for the entities (or the root fetch) that
// are wanted, and after it is given what was fetched.
//
// # What is kept under which key
//
// A value is found under a SHA-256 of all that the answer depends on: subgraph
// and selection, the values of the variables used, the representation, the
// client's headers that the subgraph is sent, and the caller's scope where
// anything selected is private. Nothing is kept unless configuration names its
// type (or root field).
//
// The headers are left out if configuration declares the type shared. They are
// also left out for an answer that the subgraph says is public (RFC 9111,
// section 3.5), unless its Vary names one of them: such an answer has a key of
// its own, and a lookup asks for both.
//
// # How it is known to be fresh
//
// Generations are random tokens in Redis, one for each entity, one for each
// type as a whole, and one for each type that changes with any of its
// entities (for lists and for entities nested in others). A value carries a
// stamp of the tokens that were current before it was fetched, and counts only
// while they are the same; values and tokens are read by one MGET. To
// invalidate is to delete a token. A token that is lost, for whatever reason,
// can thus make a miss but never bring an old value back, and a fetch that was
// under way during an invalidation leaves nothing that counts.
//
// # What happens while Redis is away
//
// Invalidations may be missed then, and a Redis that restarts may have
// forgotten some. So the stamp also covers an epoch, a token that lives only as
// long as some router renews it (a lease), and renewing is done only by the
// loop that also applies the events. A router that could not follow for a
// while, or that finds its own pulse (a counter) lost, begins a new epoch
// before it uses Redis again: all from before is void. Requests never
// wait for any of it: a command has 150 ms, a breaker keeps a failing Redis out
// of the way, and without Redis the subgraphs are asked.
//
// The in-process layer keeps a value for at most half a second, and drops it
// when the loop hears of its invalidation; so it needs no Redis to be right.
package cache
