package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"souk/router/operation"
	"souk/router/rest"
)

// A graph lets REST routes execute their operations: on one generation, for
// whose schema they were made.
type graph struct {
	gateway *Gateway
	gen     *generation
}

// Execute takes an operation through all stages but HTTP. See [rest.Graph].
func (g *graph) Execute(ctx context.Context, r *http.Request, document, operationName string, variables json.RawMessage) (*rest.Answer, error) {
	start := time.Now()
	x := exchange{Gateway: g.gateway, gen: g.gen, r: r}
	req := request{document: []byte(document), operationName: []byte(operationName), variables: variables, own: true}
	p, err := x.prepare(ctx, &req)
	if err != nil {
		return refusedAnswer(err), nil
	}
	ctx, cancel := x.deadline(ctx)
	defer cancel()
	response := x.run(ctx, p, start)
	defer response.Release()
	// Decoding copies what it gives, so that the response can go.
	var answer struct {
		Data   json.RawMessage
		Errors []rest.Error
	}
	if err := json.Unmarshal(response.Body, &answer); err != nil {
		return nil, fmt.Errorf("reading the graph's answer: %w", err)
	}
	out := &rest.Answer{Data: answer.Data, Errors: answer.Errors, Header: http.Header{}}
	if response.Control.Set && response.Errors == 0 {
		out.Header.Set("Cache-Control", cacheControl(response.Control))
	}
	return out, nil
}

// refusedAnswer gives the errors of an operation that was not executed.
func refusedAnswer(err error) *rest.Answer {
	f := describe(err)
	out := &rest.Answer{Header: f.header}
	for _, e := range f.errors {
		out.Errors = append(out.Errors, rest.Error{Message: e.Message, Extensions: map[string]any{"code": e.Code}})
	}
	return out
}

// serveREST hands a request to the routes of the current generation.
func (gw *Gateway) serveREST(w http.ResponseWriter, r *http.Request) {
	gen := gw.acquire()
	if gen == nil {
		(&problem{status: http.StatusServiceUnavailable, code: "SHUTTING_DOWN", detail: "The router is about to stop."}).write(w)
		return
	}
	defer gen.release()
	gen.rest.ServeHTTP(w, r)
}

// Execute answers one operation, given as text, as if it had come over HTTP
// from a caller with r's headers: for programs that have a gateway inside. The
// result is a GraphQL response as JSON.
func (gw *Gateway) Execute(ctx context.Context, r *http.Request, document, operationName string, variables json.RawMessage) ([]byte, error) {
	start := time.Now()
	gen := gw.acquire()
	if gen == nil {
		return nil, fmt.Errorf("the gateway is closed")
	}
	defer gen.release()
	x := exchange{Gateway: gw, gen: gen, r: r}
	p, err := x.prepare(ctx, &request{document: []byte(document), operationName: []byte(operationName), variables: variables, own: true})
	if err != nil {
		return describe(err).body(), nil
	}
	if p.op.Kind == operation.Subscription {
		return nil, fmt.Errorf("a subscription has no single answer")
	}
	response := x.run(ctx, p, start)
	defer response.Release()
	return append([]byte(nil), response.Body...), nil
}
