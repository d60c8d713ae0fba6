package operation

import (
	"sync"
	"sync/atomic"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/internal/heapsize"
)

// A Document is one operation of a valid document, before the values of
// variables are known. It is safe for use by many goroutines.
type Document struct {
	schema *Schema
	source *ast.OperationDefinition
	kind   Kind
	// definitions are compiled for coercion.
	definitions []variable
	// conditions are the variables that @skip, @include and @defer use; the
	// bit vector of their values chooses the operation.
	conditions []string
	defers     bool

	mu         sync.RWMutex
	operations map[specialisation]*Operation
	retained   atomic.Int64 // bytes of operations; written under mu
}

// A specialisation names one of the operations a document gives.
type specialisation struct {
	bits      uint64
	deferring bool
}

const (
	maxConditions = 64
	// maxOperations and maxOperationBytes bound what is kept for one document:
	// n conditions make up to 2^n operations of it. The latest one is kept
	// however large it is; when there are too many, the others are dropped.
	maxOperations     = 16
	maxOperationBytes = 1 << 20
)

// ownedSize sizes what belongs to documents and operations, but not the schema.
var ownedSize = heapsize.NewSizer((*Schema)(nil), (*ast.Schema)(nil), (*ast.Definition)(nil), (*ast.FieldDefinition)(nil), (*ast.DirectiveDefinition)(nil))

// Size estimates how many bytes of memory the document takes as it was parsed.
// Retained has the operations made of it since.
func (d *Document) Size() int { return ownedSize.Of(d.source, d.definitions, d.conditions) }

// Retained is how many bytes the operations kept by the document take. It grows
// when Operation or Undeferred is called with other conditions.
func (d *Document) Retained() int { return int(d.retained.Load()) }

// Size estimates how many bytes of memory the operation takes.
func (o *Operation) Size() int { return ownedSize.Of(o) }

func newDocument(s *Schema, op *ast.OperationDefinition) *Document {
	d := &Document{schema: s, source: op, operations: map[specialisation]*Operation{}}
	switch op.Operation {
	case ast.Mutation:
		d.kind = Mutation
	case ast.Subscription:
		d.kind = Subscription
	}
	d.findConditions()
	for _, v := range op.VariableDefinitions {
		made := newVariable(v)
		if v.DefaultValue != nil {
			// It is valid: the validator has checked it.
			made.fallback, _ = d.coerce(&made, appendJSON(nil, v.DefaultValue), nil)
		}
		d.definitions = append(d.definitions, made)
	}
	return d
}

// Kind gives the kind of the operation.
func (d *Document) Kind() Kind { return d.kind }

// Defers says whether the operation uses @defer at all.
func (d *Document) Defers() bool { return d.defers }

// Operation gives the operation for these variables: of them only those in
// @skip, @include and @defer matter. Variables must be what the document's
// Variables gave.
func (d *Document) Operation(vars Variables) *Operation { return d.operation(vars, true) }

// Undeferred is Operation for a client that takes no incremental delivery:
// as if there were no @defer.
func (d *Document) Undeferred(vars Variables) *Operation { return d.operation(vars, false) }

func (d *Document) operation(vars Variables, deferring bool) *Operation {
	key := specialisation{deferring: deferring && d.defers}
	if len(d.conditions) > maxConditions {
		return d.specialise(vars, key.deferring)
	}
	for i, name := range d.conditions {
		if string(vars.Get(name)) == "true" {
			key.bits |= 1 << i
		}
	}
	d.mu.RLock()
	op := d.operations[key]
	d.mu.RUnlock()
	if op != nil {
		return op
	}
	op = d.specialise(vars, key.deferring)
	size := int64(op.Size())
	d.mu.Lock()
	defer d.mu.Unlock()
	if first := d.operations[key]; first != nil {
		return first // one pointer for one operation
	}
	if len(d.operations) >= maxOperations || d.retained.Load()+size > maxOperationBytes {
		clear(d.operations)
		d.retained.Store(0)
	}
	d.operations[key] = op
	d.retained.Add(size)
	return op
}

// findConditions fills conditions and defers.
func (d *Document) findConditions() {
	seen := map[string]bool{}
	fragments := map[string]bool{}
	add := func(list ast.DirectiveList) {
		for _, dir := range list {
			if dir.Name == "defer" {
				d.defers = true
			} else if dir.Name != "skip" && dir.Name != "include" {
				continue
			}
			if a := dir.Arguments.ForName("if"); a != nil && a.Value.Kind == ast.Variable && !seen[a.Value.Raw] {
				seen[a.Value.Raw] = true
				d.conditions = append(d.conditions, a.Value.Raw)
			}
		}
	}
	var visit func(ast.SelectionSet)
	visit = func(set ast.SelectionSet) {
		for _, sel := range set {
			switch sel := sel.(type) {
			case *ast.Field:
				add(sel.Directives)
				visit(sel.SelectionSet)
			case *ast.InlineFragment:
				add(sel.Directives)
				visit(sel.SelectionSet)
			case *ast.FragmentSpread:
				add(sel.Directives)
				if !fragments[sel.Name] {
					fragments[sel.Name] = true
					visit(sel.Definition.SelectionSet)
				}
			}
		}
	}
	visit(d.source.SelectionSet)
}

// Conditions gives those of the variables that Operation depends on, for
// making the same operation from a document of the same text again.
func (d *Document) Conditions(vars Variables) Variables {
	var out Variables
	for _, name := range d.conditions {
		if value := vars.Get(name); value != nil {
			out = append(out, Variable{Name: name, Value: append([]byte(nil), value...)})
		}
	}
	return out
}
