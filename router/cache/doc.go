// Package cache is the entity cache: it stores responses of subgraphs in Redis, with a
// small in-process layer in front. It implements the executor's EntityCache. Before
// each request to a subgraph, the executor looks up the entities or the root fetch it
// needs; afterwards it stores what it fetched.
//
// # Keys
//
// The key of a value is the SHA-256 of everything that the response depends on:
// subgraph, selection, values of the variables, representation, the client's headers
// that the subgraph receives, and the caller's scope if a selected field is private.
// Only types and root fields named in the configuration are cached.
//
// The headers are not part of the key if the configuration declares the type shared.
// The same holds for a response that the subgraph declares public (RFC 9111, section
// 3.5), unless its Vary header names one of them. Such a response has a different key,
// so a lookup checks both keys.
//
// # Freshness
//
// A version token is a random string in Redis. There is one for each entity, and for each
// subgraph one for each type as a whole, with Query for its root fields, and one for each type
// that changes with any of its entities (for lists, and for entities nested in others). A value has a stamp: a hash of the
// tokens that were current before it was fetched. It is fresh only while the tokens
// have not changed. One MGET reads values and tokens.
//
//	value of Product 7:  stamp = hash(epoch, token g:Product:7, token t:shop:Product)
//	invalidation:        DEL g:Product:7 → a new token → another stamp → miss
//
// Events, requests and mutations invalidate. For the latter, the executor waits until the tokens
// of the entities in the response have been deleted, before the client gets it.
//
// To invalidate is to delete a token. If a token is lost for another reason, the result
// is a miss, never an outdated value. A value fetched during an invalidation has a
// stamp of the old token and is never used.
//
// # Cache tags
//
// A cache tag is a label of values, such as "catalog" or "product-7", by which they are
// invalidated. It has a version token, too. Those of @cacheTag are made of key fields and
// arguments before the fetch. Those in the extensions of a response are in the value, and a
// second MGET reads their tokens. labels.go says how an invalidation during the fetch is noticed.
//
// # Expired values
//
// Redis keeps a value longer than its lifetime if the configuration allows to use it then:
// while the subgraph fails (Expired), or while the executor fetches it again in the background
// (CacheRefresh). Its stamp is checked as before, so no invalidated value is used. Null, for an
// entity that does not exist, has a lifetime of its own and is not used after it.
//
// # Refills
//
// If RefillWait is set, one request fetches a missing value, and those of all routers wait for it
// for a time: a lease in Redis says who fetches, and lives no longer. Its key contains the stamp,
// so nobody waits for a value from before an invalidation. A request that gets the lease of one
// value that it needs fetches all of them, so no two wait for each other.
//
// # Outages of Redis
//
// During an outage, invalidations can be missed, and a Redis that restarts may have
// forgotten some. Therefore the stamp also covers an epoch: a token with a short lease
// that routers renew. Only the loop that applies invalidation events renews it. A router
// that could not follow the events for a while, or that detects by its pulse (a counter)
// that Redis lost data, starts a new epoch before it uses Redis again. All values from
// before are then void. Requests never wait for this: a command has a time limit of 150
// ms, a circuit breaker skips a failing Redis, and without Redis the executor asks the
// subgraphs.
//
// The in-process layer keeps a value for at most half a second and drops it when the
// loop receives its invalidation. It stays correct without Redis.
//
// # Files
//
// The hub is lookup.go (Lookup, Store). cache.go and options.go define Cache, View and
// their configuration, and names.go checks names. compare.go compares
// values with what the subgraphs respond. refill.go
// and lease.go let one request fetch what many need. policy.go decides what is cached and
// for how long, and expired.go uses values after that. tag.go names version tokens, local.go
// is the in-process layer, template.go and labels.go have cache tags, inspect.go tells
// the console what happens, store.go, reading.go and value.go access Redis, follower.go and
// pulse.go follow its events, invalidate.go invalidates, and mutation.go
// finds what a mutation has changed.
package cache
