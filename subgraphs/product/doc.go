// Package product is the service that knows what the store sells. Package
// catalogue keeps the products, package graph answers GraphQL, package
// inventoryclient sets the stock of a new product; this one puts them together
// as a service, draws the products' pictures, and gives it its sample products.
package product
