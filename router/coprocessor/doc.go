// Package coprocessor lets an HTTP service in any language take part in
// requests. It provides hooks (package hook) that call the service.
//
// The router POSTs a JSON object for each stage, and the service responds with
// the same object, modified where it wants a change. The protocol is version 1 of
// Apollo Router's external coprocessing, for the stages RouterRequest,
// SupergraphRequest, ExecutionRequest, SubgraphRequest, SubgraphResponse,
// ExecutionResponse, SupergraphResponse and RouterResponse; docs/extending.md describes
// it and what differs.
//
//	message.go      the messages in both directions
//	client.go       one call, with its limits on time, bytes and connections
//	coprocessor.go  the stages as hooks, and what happens when a call fails
//	request.go      changes to requests
//	response.go     changes to responses
//	context.go      the values that stages share, and decisions on policies
package coprocessor
