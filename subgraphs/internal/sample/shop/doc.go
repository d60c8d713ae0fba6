// Package shop makes up a shop of any size: products, users, and the orders of
// three years. Every call with the same Options returns the same data, whatever
// is asked for first, so that each service can fill its own database without
// asking another one.
//
// shop.go is the hub: it defines Shop and its sizes. product.go, user.go and
// order.go make up one row at a time, so a shop needs no memory for them;
// words.go has what names are made of.
package shop
