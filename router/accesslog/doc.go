// Package accesslog writes a line of JSON for each request of a client.
//
// The hub is log.go: [Log.Middleware] measures a request and writes its line when it has ended.
// entry.go takes what the gateway reports of its operation. The operations of a batch, a
// WebSocket or a single connection have lines of their own, because they share one request.
// It also computes the attributes and conditions of package attributes.
// fields.go writes the fields that the configuration selects. The output of the router is a
// writer of package lines, which never makes a request wait: lines that do not fit its buffer
// are dropped and counted.
package accesslog
