// Package subscribe sends streams of GraphQL responses to clients, over four
// protocols:
//
//   - sse.go, multiplex.go: server-sent events (GraphQL over SSE, distinct
//     connections mode and single connection mode)
//   - websocket.go, handshake.go, wire.go: WebSocket (graphql-transport-ws)
//   - parts.go: multipart/mixed for incremental delivery (@defer)
//   - subscription_parts.go: multipart/mixed for subscriptions (Apollo's
//     multipart subscription protocol)
//
// It is the last stage of a streamed request and does not know about operations.
// The gateway passes a [Stream], a function that runs one operation and emits
// its responses. When the client has left, the context of that function is
// cancelled. stream.go defines the interface, heartbeat.go writes messages and
// heartbeats, and output.go sends them, either in the handler of a request or, so
// that idle streams cost little memory, after it: see package detach.
package subscribe
