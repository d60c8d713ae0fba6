package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"souk/router/rest"
)

// Execute answers an operation that the router itself wrote, such as a REST
// route's, for a client's request r: what the caller may see and how often is
// decided as for any other operation. It makes the gateway a [rest.Graph].
func (gw *Gateway) Execute(ctx context.Context, r *http.Request, document, operationName string, variables json.RawMessage) (*rest.Answer, error) {
	start := time.Now()
	gen := gw.acquire()
	if gen == nil {
		return nil, fmt.Errorf("the router is about to stop")
	}
	defer gen.release()
	x := exchange{Gateway: gw, gen: gen, r: r}
	p, err := x.prepareOwn(ctx, document, operationName, variables)
	if err != nil {
		return refused(describe(err))
	}
	ctx, cancel := x.deadline(ctx)
	defer cancel()
	response := x.run(ctx, p, start)
	defer response.Release()
	answer := &rest.Answer{Header: http.Header{}}
	// The answer outlives the response's memory: decoding copies.
	if err := json.Unmarshal(response.Body, answer); err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", operationName, err)
	}
	if response.Control.Set && response.Errors == 0 {
		answer.Header.Set("Cache-Control", cacheControl(response.Control))
	}
	return answer, nil
}

// prepareOwn is prepare for an operation that is trusted as it is.
func (x *exchange) prepareOwn(ctx context.Context, document, name string, variables json.RawMessage) (*prepared, error) {
	d, hit, err := x.gen.document(x.metrics, nil, []byte(document), []byte(name))
	if err != nil {
		return nil, err
	}
	p := &prepared{document: d, documentHit: hit}
	if p.vars, err = d.Variables(variables); err != nil {
		return nil, err
	}
	p.op = d.Undeferred(p.vars)
	return p, x.admit(ctx, p)
}

func refused(f failure) (*rest.Answer, error) {
	answer := &rest.Answer{}
	if err := json.Unmarshal(f.body(), answer); err != nil {
		return nil, fmt.Errorf("reading the errors of an operation: %w", err)
	}
	answer.Header = f.header
	return answer, nil
}
