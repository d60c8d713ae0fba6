// Package inventory is the inventory service. It knows how many units of each
// product there are, and reserves units for orders.
//
// A request passes through package graph (resolvers: parse IDs, check what the
// caller may do) to package stock (levels and reservations in Postgres).
// productclient asks the product service whether a product exists before its
// first stock is set or added; without a response, nothing changes. Package
// shipping estimates shipping costs. service.go is the hub: it wires
// the packages together. seed.go imports the sample stock, and generate.go that
// of a generated shop.
//
// The service publishes inventory.updated for every changed level through its
// outbox (package events).
package inventory
