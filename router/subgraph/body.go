package subgraph

import (
	"bytes"
	"sync"

	"souk/router/execute"
)

// A requestBody reads a request's bytes, and holds their buffer until it is
// closed: net/http may still be writing a request whose answer has come.
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

// Close lets go of the buffer.
func (r *requestBody) Close() error {
	r.closed.Do(r.buffer.Release)
	return nil
}
