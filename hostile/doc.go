// Package hostile runs real souk processes in the memory of a small pod and
// attacks them as anonymous clients can, while a well-behaved client keeps
// sending requests. It has tests only.
//
// A process gets a soft memory limit of 55 % of 512 MiB, which is what it would
// set for itself in such a container. Its resident memory is read from /proc.
// During and after each attack the process must be running, stay below 400 MiB, and
// respond to the well-behaved client. `make test` runs the attacks on the router in a short form;
// `make hostile` runs all of them in full, and compares the well-behaved client's
// 99th percentile with what it was just before.
//
// The attackers run in a separate process with the lowest priority, and use the
// address 127.0.0.2. Real attackers are on other machines: the processor time of the
// attackers must not slow down the well-behaved client, and limits for each client
// address must apply to the attackers alone. Each attack logs how many requests the
// attackers sent, and the responses that they got.
//
// Against `souk router`, in front of a subgraph that responds immediately:
//
//   - fragments that spread each other, in all combinations of @include variables
//   - documents of 2 MB, all different
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
//   - idempotency keys and rate-limit keys, all different
//
// Against `souk dev`, the whole store in one process:
//
//   - log-ins, each of which costs a password hash
//   - products of categories of products
//   - lists of 200,000 ids
//   - REST requests, each with a different Idempotency-Key
//   - WebSockets that keep sending operations and read nothing
//   - event streams and subscriptions that are never read
//   - REST bodies that never end, or never begin
package hostile
