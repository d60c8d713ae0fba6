// Package payment is the order service's view of a payment provider. Provider
// is the contract; package checkout calls it and never depends on one provider.
// Client is a Provider that speaks the HTTP API of package simulator.
//
// A payment is authorised first: the provider holds the amount on the
// customer's account. Capturing takes the held amount, voiding lets it go, and
// refunding pays a captured amount back.
package payment
