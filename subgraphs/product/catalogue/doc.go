// Package catalogue is what the store sells: products, their categories, and
// finding them. It takes ids, article codes, searches and changes, and gives
// products and pages of products, or the typed errors of package schema. It
// stands between the GraphQL resolvers and Postgres; it knows nothing of HTTP.
package catalogue
