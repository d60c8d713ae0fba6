package subgraph

import (
	"bytes"
	"sync"

	"souk/router/execute"
)

// A requestBody reads the bytes of a request. It retains their buffer until Close, because
// net/http may still write the request after the response has arrived.
type requestBody struct {
	bytes.Reader
	buffer *execute.Buffer
	closed sync.Once
}

func newRequestBody(b *execute.Buffer) *requestBody {
	b.Retain()
	r := &requestBody{buffer: b}
	r.Reset(b.B)
	return r
}

// Close releases the buffer.
func (r *requestBody) Close() error {
	r.closed.Do(r.buffer.Release)
	return nil
}
