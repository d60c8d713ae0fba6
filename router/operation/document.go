package operation

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"

	"souk/internal/heapsize"
	"souk/router/internal/syntax"
)

// A Document is one operation of a valid GraphQL document, before variable
// values are known. It is safe for concurrent use.
type Document struct {
	schema *Schema
	name   string
	text   string
	kind   Kind
	defers bool
	// shared is set if the document has several operations, which use the same fragments.
	shared bool
	// source is the syntax tree, and nodes are its memory. Both are nil after Compact.
	source *ast.OperationDefinition
	nodes  *syntax.Nodes
	// definitions are the variable definitions, prepared for coercion.
	definitions []variable
	// values is the number of variables, the first ones, whose values are literals of a template:
	// requests cannot set them.
	values int
	// conditions are the names of the variables used by @skip, @include and
	// @defer. The bit vector of their values selects the operation.
	conditions []string
	usage      Usage
	exceeded   Errors
	// only is the operation if there are no others.
	only *Operation

	mu         sync.RWMutex
	operations map[specialisation]*Operation
	retained   atomic.Int64 // bytes of operations; written under mu
}

// A specialisation identifies one of the operations made from a document: bit i
// is the value of conditions[i].
type specialisation struct {
	bits      uint64
	deferring bool
}

const (
	maxConditions = 64
	// maxOperations and maxOperationBytes bound the operations cached for one
	// document: n conditions select among up to 2^n operations. When a bound
	// is reached, all of them are dropped. The latest operation is always
	// cached, whatever its size.
	maxOperations     = 16
	maxOperationBytes = 1 << 20
)

// ownedSize estimates the memory owned by documents. The schema
// is shared and does not count. A syntax tree refers to the types of its values in the schema, and so
// to the texts of both.
var ownedSize = heapsize.NewSizer((*Schema)(nil), (*ast.Source)(nil), (*ast.Schema)(nil), (*ast.Definition)(nil), (*ast.FieldDefinition)(nil), (*ast.DirectiveDefinition)(nil))

// Size estimates the memory of the parsed document in bytes, without the cached
// operations that Retained counts.
func (d *Document) Size() int {
	size := int(unsafe.Sizeof(*d)) + len(d.text)
	if d.source != nil || len(d.definitions)+len(d.conditions)+len(d.exceeded) > 0 {
		size += ownedSize.Of(d.source, d.definitions, d.conditions, d.exceeded)
	}
	return size
}

// Retained returns the memory of the operations cached by the document in
// bytes. It changes when Operation or Undeferred is called with new conditions.
func (d *Document) Retained() int { return int(d.retained.Load()) }

// prepare sets what does not depend on the values of variables.
func (d *Document) prepare(text string) {
	d.kind, d.name, d.text = kindOf(d.source), d.source.Name, text
	d.findConditions()
	if len(d.source.VariableDefinitions) > 0 {
		d.definitions = make([]variable, 0, len(d.source.VariableDefinitions))
	}
	for _, v := range d.source.VariableDefinitions {
		made := newVariable(v)
		if v.DefaultValue != nil {
			// The validator has already checked the default value.
			made.fallback, _ = d.coerce(&made, appendJSON(nil, v.DefaultValue), nil)
		}
		d.definitions = append(d.definitions, made)
	}
}

func kindOf(op *ast.OperationDefinition) Kind {
	switch op.Operation {
	case ast.Mutation:
		return Mutation
	case ast.Subscription:
		return Subscription
	}
	return Query
}

// Name returns the name of the operation, which is empty if it is anonymous.
func (d *Document) Name() string { return d.name }

// Usage returns the size of the operation, in the units of [Limits].
func (d *Document) Usage() Usage { return d.usage }

// Exceeded returns the limits that the operation exceeds, if they are only logged.
func (d *Document) Exceeded() Errors { return d.exceeded }

// Kind returns the kind of the operation.
func (d *Document) Kind() Kind { return d.kind }

// Defers reports whether the operation contains @defer, active or not.
func (d *Document) Defers() bool { return d.defers }

// Operation returns the operation for vars, which must come from the Variables
// method of the same document. Only variables used by @skip, @include and
// @defer affect the result. Calls with equal conditions return the same pointer
// while the operation is cached.
func (d *Document) Operation(vars Variables) *Operation { return d.operation(vars, true) }

// Undeferred is like Operation but ignores @defer. It is meant for clients that
// do not accept incremental delivery.
func (d *Document) Undeferred(vars Variables) *Operation { return d.operation(vars, false) }

func (d *Document) operation(vars Variables, deferring bool) *Operation {
	if d.only != nil {
		return d.only
	}
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
		return first // another goroutine was faster: share its operation
	}
	if len(d.operations) >= maxOperations || d.retained.Load()+size > maxOperationBytes {
		clear(d.operations)
		d.retained.Store(0)
	}
	if d.operations == nil {
		d.operations = map[specialisation]*Operation{}
	}
	d.operations[key] = op
	d.retained.Add(size)
	return op
}

// Compact makes the operation of a document that has only one, whatever the values of variables,
// and drops the syntax tree. Call it before the document is used by several goroutines.
func (d *Document) Compact() {
	if len(d.conditions) == 0 && !d.defers {
		d.only = d.specialise(nil, false)
		d.retained.Store(int64(d.only.Size()))
	}
	d.nodes.Release()
	d.source, d.nodes = nil, nil
}

// tree returns the syntax tree of a valid document, which is parsed again if it was dropped. Call done
// when the tree is not needed any more.
func (d *Document) tree() (op *ast.OperationDefinition, done func()) {
	if d.source != nil {
		return d.source, func() {}
	}
	s := d.schema.With(Limits{})
	doc, nodes, _, err := s.tokens(d.text)
	if err != nil { // unreachable: it was valid before
		panic(err)
	}
	if !s.isPlain(doc) {
		core.Walk(s.schema, doc, &core.Events{})
	}
	if op, err = choose(doc, d.name); err != nil { // unreachable as well
		panic(err)
	}
	return op, nodes.Release
}

// findConditions sets conditions and defers. It visits each fragment once.
func (d *Document) findConditions() {
	var seen, fragments map[string]bool
	note := func(set *map[string]bool, name string) {
		if *set == nil {
			*set = map[string]bool{}
		}
		(*set)[name] = true
	}
	add := func(list ast.DirectiveList) {
		for _, dir := range list {
			if dir.Name == "defer" {
				d.defers = true
			} else if dir.Name != "skip" && dir.Name != "include" {
				continue
			}
			if a := dir.Arguments.ForName("if"); a != nil && a.Value.Kind == ast.Variable && !seen[a.Value.Raw] {
				note(&seen, a.Value.Raw)
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
					note(&fragments, sel.Name)
					visit(sel.Definition.SelectionSet)
				}
			}
		}
	}
	visit(d.source.SelectionSet)
}

// Conditions returns the variables that Operation depends on. With them the
// same operation can be made later from a document with the same text.
func (d *Document) Conditions(vars Variables) Variables {
	var out Variables
	for _, name := range d.conditions {
		if value := vars.Get(name); value != nil {
			out = append(out, Variable{Name: name, Value: append([]byte(nil), value...)})
		}
	}
	return out
}
