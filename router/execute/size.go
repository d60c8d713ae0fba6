package execute

import (
	"souk/internal/heapsize"
	"souk/router/supergraph"
	"souk/router/usage"
)

// programSize measures programs. It does not count what many of them share: the supergraph, the
// types of fields, and audiences.
var programSize = heapsize.NewSizer(
	(*supergraph.Model)(nil), (*supergraph.Type)(nil), (*supergraph.Field)(nil), (*supergraph.Subgraph)(nil), (*usage.Schema)(nil),
	(*declaredType)(nil), (*Audience)(nil),
)

// Size estimates the memory of the program in bytes, with the parts of its operation that it keeps
// alive.
func (p *Program) Size() int { return programSize.Of(p) }
