// Package product is the product service. It knows what the store sells.
//
// A request passes through package graph (resolvers: check what the caller may
// do, parse input) to package catalogue (products, categories, listing and
// search in Postgres). Package inventoryclient sets the initial stock of a new
// product. service.go is the hub: it wires the packages together. picture.go
// draws pictures of products, seed.go imports the sample products, and
// generate.go those of a generated shop.
//
// The service publishes product.updated for every change through its outbox
// (package events).
package product
