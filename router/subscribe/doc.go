// Package subscribe carries streams of GraphQL responses to clients: by
// server-sent events (the GraphQL over SSE protocol, distinct connections
// mode) and by WebSocket (the graphql-transport-ws protocol).
//
// It knows nothing of operations. The gateway gives it a function that runs
// one and hands over response after response; it gives back, by cancelling
// that function's context, when the client has had enough.
package subscribe
