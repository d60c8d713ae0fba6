// Package hostile runs a real `souk router` process in the memory of a small pod
// and attacks it as anonymous clients can, while a well-behaved client goes on
// asking. It has tests only.
//
// The process is told a soft limit of 70 % of 512 MiB, what it takes by itself in
// such a container, and its resident memory is read from /proc. After and during
// each attack the process must live, stay below 400 MiB, and answer the
// well-behaved client. `make test` runs each attack in a short form; `make
// hostile` runs them in full, and compares the well-behaved client's 99th
// percentile with what it was before.
//
// The attacks:
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
package hostile
