// Package subscribers measures what idle subscribers cost a router: memory while nothing happens,
// processor time for one event to all of them, and memory when they are idle again.
//
// `make bench-subscribers` opens 10,000 subscriptions over server-sent events, then over multipart
// responses, and then over WebSockets, from another process on this machine, prints the result, and
// fails if they take more than 200 MB, before the event or after it, or if the event takes more than a
// second. The test of the package does the same with 1,000 subscribers, of whose time it says nothing.
//
// client_test.go is the other process.
package subscribers
