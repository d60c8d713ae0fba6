package supergraph

const (
	// idempotentSpec is the beginning of the URLs of the specification of idempotent mutations,
	// and idempotentVersion the version that the router supports.
	idempotentSpec    = "https://souk.dev/idempotent/"
	idempotentVersion = "v1.0"
	// idempotent is the name of its directive in the specification.
	idempotent = "idempotent"
)

// An Idempotent is the @idempotent of a field: the subgraph does its work once for each
// idempotency key of a caller.
type Idempotent struct {
	// Key is the path of the argument that has the key, such as "input.idempotencyKey", or "".
	Key string
}

// readIdempotent reads @idempotent on the fields of the mutation type.
func (r *reader) readIdempotent() error {
	m := r.model.Mutation
	if m == nil {
		return nil
	}
	for _, def := range r.doc.Definitions {
		if def.Name != m.Name {
			continue
		}
		for _, fd := range def.Fields {
			d := r.directive(fd.Directives, idempotent)
			if f := m.Field(fd.Name); d != nil && f != nil {
				f.annotated().Idempotent = &Idempotent{Key: stringArgument(d, "key")}
			}
		}
	}
	return nil
}
