// Package hostile runs real souk processes in the memory of a small pod and
// attacks them as anonymous clients can, while a well-behaved client goes on
// asking. It has tests only.
//
// A process is told a soft limit of 55 % of 512 MiB, which it takes by itself in
// such a container, and its resident memory is read from /proc. During and after
// each attack the process must live, stay below 400 MiB, and answer the
// well-behaved client. `make test` runs the attacks on the router in a short form;
// `make hostile` runs all of them in full, and compares the well-behaved client's
// 99th percentile with what it was just before. That needs a machine that does nothing
// else: other load takes more from a process that works for attackers than from an idle
// one.
//
// The attackers have a process of their own with the lowest priority, and an
// address of their own, 127.0.0.2. Real ones are on other machines: what their
// work costs must not be taken for what the process under attack does to its
// other clients, and limits for each client address apply to them alone. Each attack logs how many
// turns the attackers had, and what they were answered.
//
// Against `souk router`, over a subgraph that answers at once:
//
//   - fragments that spread each other, in all combinations of @include variables
//   - documents of 2 MB, each another
//   - 2 MB documents registered by their hash (APQ), valid and invalid
//   - lists of 200,000 items as arguments
//   - aliases of fields and of introspection
//   - deep nesting
//   - clients that never read their responses, over GraphQL, event streams and
//     WebSocket
//   - headers and bodies that arrive a byte at a time or not at all
//   - more connections than are allowed, idle and new
//   - headers of a megabyte
//   - compressed bodies that grow a thousandfold
//   - made-up methods, paths and operation names, for metric labels
//   - idempotency keys and rate-limit keys, each another
//
// Against `souk dev`, the whole store in one process:
//
//   - log-ins, of which each costs a password hash
//   - products of categories of products
//   - lists of 200,000 ids
//   - REST requests, each with another Idempotency-Key
//   - WebSockets that send operations without end and read nothing
//   - event streams and subscriptions that are never read
//   - REST bodies that do not end, or do not begin
package hostile
