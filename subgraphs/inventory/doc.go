// Package inventory is the service that knows how much there is of each
// product and promises units to orders. Package stock keeps the levels and
// reservations, package shipping the tariff, package graph answers GraphQL;
// this one puts them together as a service, and gives it its sample stock.
package inventory
