package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"souk/router/execute"
	"souk/router/hook"
	"souk/router/operation"
)

const (
	idempotencyHeader = "Idempotency-Key"
	// maxIdempotencyKey bounds a key in bytes. A longer one in an argument is hashed.
	maxIdempotencyKey = 255
)

// idempotency returns where a mutation has its idempotency key, or nil if it must not be sent
// twice. Only a mutation of a single field has one: two fields would have the same key.
func (s *snapshot) idempotency(op *operation.Operation) *execute.Idempotency {
	if op.Kind != operation.Mutation || len(op.Selections) != 1 || s.model.Mutation == nil {
		return nil
	}
	f, ok := op.Selections[0].(*operation.Field)
	if !ok {
		return nil
	}
	definition := s.model.Mutation.Field(f.Name)
	if definition == nil || definition.Idempotent == nil {
		return nil
	}
	found := &execute.Idempotency{}
	if path := definition.Idempotent.Key; path != "" {
		if source, ok := operation.SourceOf(f.Arguments, strings.Split(path, ".")); ok {
			found.Key = &source
		}
	}
	return found
}

// idempotencyKey returns the key of a mutation: that in the client's header, or in the argument.
// It is empty if the mutation must not be sent twice.
func (x *exchange) idempotencyKey(p *prepared) string {
	of := p.program.Idempotency
	if of == nil {
		return ""
	}
	// The header of a WebSocket or a batch is that of several operations.
	if (x.carrier == "" || x.carrier == hook.HTTP || x.carrier == hook.REST) && !x.batch {
		if keys := x.r.Header[idempotencyHeader]; len(keys) == 1 && validIdempotencyKey(keys[0]) {
			return keys[0]
		}
	}
	if of.Key == nil {
		return ""
	}
	value, ok := of.Key.Of(p.vars)
	if !ok || len(value) == 0 {
		return ""
	}
	if text := string(value); validIdempotencyKey(text) && !strings.ContainsAny(text, `"\`) {
		return `"` + text + `"` // a string of structured fields (RFC 9651)
	}
	sum := sha256.Sum256(value)
	return `"sha256-` + hex.EncodeToString(sum[:]) + `"`
}

func validIdempotencyKey(key string) bool {
	return key != "" && len(key) <= maxIdempotencyKey && !strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' })
}
