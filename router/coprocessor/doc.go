// Package coprocessor lets an HTTP service in any language take part in
// requests. It makes hooks (package hook) that ask the service.
//
// The router POSTs a JSON object for each stage, and the service answers with
// the same object, changed where it wants a change. The protocol is version 1 of
// Apollo Router's external coprocessing, for the stages RouterRequest,
// SupergraphRequest, ExecutionRequest, SubgraphRequest, SubgraphResponse,
// ExecutionResponse, SupergraphResponse and RouterResponse; docs/extending.md describes
// it and what differs.
//
//	message.go      what is sent, and what comes back
//	client.go       one call: its time, its bytes, its connections
//	coprocessor.go  the stages as hooks, and what happens when a call fails
//	request.go      what changes on the way in
//	response.go     what changes on the way out
//	context.go      the values that stages share, and decisions on policies
package coprocessor
