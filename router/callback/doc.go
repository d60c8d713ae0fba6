// Package callback receives the events of subscriptions by Apollo's HTTP callback protocol 1.0.
//
// A router that subscribes to a subgraph opens a [Subscription] at a [Receiver] and sends its URL,
// ID and verifier with the operation. The subgraph, or whatever emits events for it, then sends
// POST requests to that URL: check before the subscription begins and as a heartbeat, next with
// an event, and complete at the end. The Receiver outlives reloads of the configuration, so that
// subscriptions that are being drained still get their messages.
//
// receiver.go has the handler and the open subscriptions, subscription.go one of them.
package callback
