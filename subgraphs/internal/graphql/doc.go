// Package graphql is the handler every subgraph answers GraphQL with: it takes
// the executable schema that gqlgen made and gives an http.Handler for POST,
// GET, and subscriptions by server-sent events or websocket, with the caller's
// identity in the context, errors that carry a code and keep their inside to
// the log, limits, and a span for each operation and resolver.
package graphql
