// Package order is the order service. It places and cancels orders, keeps
// their full history and answers the graph's queries about them.
//
// A request passes through these packages:
//
//	graph       resolvers: parse arguments, decide what the caller may see
//	checkout    decides: place, cancel, recover; calls the other services
//	orderstore  stores each order as its events, and the table that reads use
//
// The clients of the other services are in userclient, productclient and
// inventoryclient. service.go is the hub: it wires the packages together.
//
// The service publishes order.created and order.cancelled through its outbox
// (package events). Package checkout lists what a crash at each step leaves
// behind and how the service recovers from it.
package order
