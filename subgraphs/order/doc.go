// Package order is the order service. It takes orders from their placement to
// their delivery, keeps their full history and answers the graph's queries about
// them.
//
// A request passes through these packages:
//
//	graph       resolvers: parse arguments, decide what the caller may see
//	checkout    decides: place, ship, cancel, recover; calls the other services
//	orderstore  stores each order as its events, and the table that reads use
//
// The clients of the other services are in userclient, productclient and
// inventoryclient. Package payment is the contract with a payment provider, and
// payment/simulator a provider for development and tests, a program of its own.
// service.go is the hub: it wires the packages together. seed.go writes the sample
// orders, and generate.go the orders and payments of a generated shop.
//
// The variable PAYMENT_URL is the base URL of the payment provider, and
// PAYMENT_API_KEY the key for it. Without PAYMENT_URL, orders are confirmed
// without payment.
//
// The service publishes order.created, order.cancelled, order.shipped,
// order.delivered, order.paid, order.refunded and payment.failed through its
// outbox (package events), and consumes user.erased. Package checkout lists what
// a crash at each step leaves behind and how the service recovers from it.
package order
