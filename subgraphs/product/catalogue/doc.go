// Package catalogue stores what the store sells: products and their
// categories. It lists, searches and changes them. It takes IDs, SKUs, filters
// and changes, and returns products and pages of products, or the typed errors
// of package schema. It sits between the resolvers (package graph) and
// Postgres and knows nothing of HTTP.
//
// product.go is the hub: it defines Catalogue and Product. change.go creates
// and changes products (validate.go, price.go and sku.go check the input, and
// key.go makes creating a product idempotent). list.go and category_pages.go read
// pages, in the orders that sort.go defines. search.go reads search terms and
// says how far a product is from them; frequency.go chooses how Postgres finds
// the products, and relevance.go lists them by that distance. import.go writes
// many products at once. The SQL functions of the search are in
// migrations/004_search_terms.sql and 006_asked_words.sql.
package catalogue
