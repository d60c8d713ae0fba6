package execute

import (
	"context"
	"io"
	"time"
)

// Files are the files of a client's request, to which its variables refer. It is safe for
// concurrent use.
type Files interface {
	// Has reports whether a fetch sends files.
	Has(fetch int) bool
	// Of returns the files of a fetch, or nil if it has none. It replaces the references to them
	// in request, which is the body of the fetch, by null.
	Of(fetch int, request []byte) (FileBody, error)
	// Ended is called when a fetch has ended, whether or not its files were sent.
	Ended(fetch int)
}

// A FileBody is a request to a subgraph that sends files: a GraphQL multipart request.
type FileBody interface {
	// ContentType is the media type, with the boundary.
	ContentType() string
	// Open returns the body for a GraphQL request. It can be called once. The caller closes the
	// body. Reading may wait for other requests that send files.
	Open(ctx context.Context, operations []byte) io.ReadCloser
	// Failed returns why the client's files could not be read, or nil.
	Failed() error
	// Deadline is when all files must have arrived from the client.
	Deadline() time.Time
}

// A VariableUse is a request to a subgraph that sends a variable of the client.
type VariableUse struct {
	// Fetch is its ID in the plan.
	Fetch int
	// Subgraph is the name of the subgraph.
	Subgraph string
	// Root is set if the request resolves root fields of the client's operation. It is not set
	// for entities, streams and deferred payloads.
	Root bool
}

// UsesOf returns the requests to subgraphs that send a variable of the client, in the order in
// which they are executed.
func (p *Program) UsesOf(variable string) []VariableUse {
	var uses []VariableUse
	for _, f := range p.fetches {
		for _, v := range f.variables {
			if v.name == variable {
				uses = append(uses, VariableUse{
					Fetch: f.id, Subgraph: f.subgraph, Root: f.entities == nil && len(f.path()) == 0 && !f.stream && f.deferID == 0,
				})
				break
			}
		}
	}
	return uses
}

// attach adds the files of a fetch to its request.
func (x *execution) attach(f *fetch, r *SubgraphRequest) (err error) {
	if x.req.Files != nil {
		r.Files, err = x.req.Files.Of(f.id, r.Body.B)
	}
	return err
}
