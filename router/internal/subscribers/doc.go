// Package subscribers measures what idle subscribers cost a router: memory while nothing happens,
// and processor time for one event to all of them.
//
// `make bench-subscribers` opens 10,000 subscriptions over server-sent events, and then over
// WebSockets, from another process on this machine, and prints the result. The test of the package
// does the same with few subscribers, and checks that all get the event.
package subscribers
