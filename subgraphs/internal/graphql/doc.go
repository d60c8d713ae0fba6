// Package graphql is the HTTP handler of every subgraph. New takes the
// executable schema that gqlgen generated. The handler serves POST, GET, and
// subscriptions by server-sent events or WebSocket. A request comes from
// package server, which counts and traces it, and continues to the resolvers.
//
// handler.go is the hub: it sets the transports and limits and puts the
// caller's identity (package identity) into the context; rights.go corrects its
// rights. bounds.go limits depth, complexity and list lengths, input.go checks
// arguments against the schema's @constraint directives, and turns.go the large
// operations that
// run at the same time. errors.go converts errors to codes and
// keeps internal details in the log. subscription.go ends subscriptions with a
// reason. tracing.go adds a span for each operation and resolver.
package graphql
