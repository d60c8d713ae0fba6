package graphql

import (
	"context"
	"encoding/json"
	"math"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"souk/internal/bytecache"
	"souk/internal/heapsize"
)

// documents caches parsed documents, bounded by the memory they take.
type documents struct {
	cache *bytecache.Cache[string, *ast.QueryDocument]
	size  *heapsize.Sizer
}

func newDocuments(bytes int) *documents {
	return &documents{
		cache: bytecache.New[string, *ast.QueryDocument](bytes, bytecache.Observer{}),
		size:  heapsize.NewSizer((*ast.Schema)(nil), (*ast.Definition)(nil), (*ast.FieldDefinition)(nil), (*ast.DirectiveDefinition)(nil)),
	}
}

// Get implements graphql.Cache.
func (d *documents) Get(_ context.Context, key string) (*ast.QueryDocument, bool) {
	return d.cache.Get(key)
}

// Add implements graphql.Cache.
func (d *documents) Add(_ context.Context, key string, doc *ast.QueryDocument) {
	d.cache.Put(key, doc, d.size.Of(key, doc))
}

// measured counts what a list may hold into the complexity of an operation:
// gqlgen alone counts each field once, however many objects it gives.
type measured struct{ graphql.ExecutableSchema }

const (
	unknownLength = 10 // assumed of lists
	defaultPage   = 20 // assumed of connections that are given neither first nor last
)

// Complexity implements graphql.ExecutableSchema.
func (m measured) Complexity(_ context.Context, typeName, field string, child int, args map[string]any) (int, bool) {
	length := 1
	switch definition := m.definition(typeName, field); {
	case definition == nil:
	case strings.HasSuffix(definition.Type.Name(), "Connection"):
		length = defaultPage
		for _, name := range []string{"first", "last"} {
			if n, ok := pageSize(args[name]); ok {
				length = n
			}
		}
	case definition.Type.Elem != nil && !pageOfConnection(typeName, field) && !strings.HasPrefix(field, "_"):
		length = unknownLength
	}
	// Clients may ask for any number; the product must not overflow.
	return int(min(float64(child)*float64(max(length, 1))+1, math.MaxInt32)), true
}

func (m measured) definition(typeName, field string) *ast.FieldDefinition {
	if t := m.Schema().Types[typeName]; t != nil {
		return t.Fields.ForName(field)
	}
	return nil
}

// pageOfConnection says that the field's length is already counted where the
// connection is asked for.
func pageOfConnection(typeName, field string) bool {
	return strings.HasSuffix(typeName, "Connection") && (field == "edges" || field == "nodes")
}

func pageSize(value any) (int, bool) {
	switch n := value.(type) {
	case int64:
		return int(min(n, math.MaxInt32)), true
	case json.Number:
		i, err := n.Int64()
		return int(min(i, math.MaxInt32)), err == nil
	case *int:
		if n != nil {
			return *n, true
		}
	case int:
		return n, true
	}
	return 0, false
}

// bounds refuses operations that nest too deeply or give lists that are too long.
type bounds struct{}

// ExtensionName implements graphql.HandlerExtension.
func (bounds) ExtensionName() string { return "bounds" }

// Validate implements graphql.HandlerExtension.
func (bounds) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext implements graphql.OperationContextMutator.
func (bounds) MutateOperationContext(_ context.Context, o *graphql.OperationContext) *gqlerror.Error {
	for name, value := range o.Variables {
		most := maxListItems
		if definition := o.Operation.VariableDefinitions.ForName(name); definition != nil && definition.Type.Name() == "_Any" {
			most = maxEntities
		}
		if n := longest(value); n > most {
			return refuse("LIST_TOO_LONG", "The list in $%.50s has %d items; at most %d are allowed.", name, n, most)
		}
	}
	w := walk{depths: map[string]int{}}
	if depth := w.set(o.Operation.SelectionSet); depth > maxDepth {
		return refuse("MAX_DEPTH_LIMIT", "The operation has %d levels of fields; at most %d are allowed.", depth, maxDepth)
	}
	if w.longest > maxListItems {
		return refuse("LIST_TOO_LONG", "A list in an argument has %d items; at most %d are allowed.", w.longest, maxListItems)
	}
	return nil
}

func refuse(code, format string, args ...any) *gqlerror.Error {
	e := gqlerror.Errorf(format, args...)
	e.Extensions = map[string]any{"code": code}
	return e
}

// longest is the length of the longest list in a variable's value. What is in
// representations of entities is the subgraphs' own.
func longest(value any) (n int) {
	switch v := value.(type) {
	case []any:
		n = len(v)
		for _, item := range v {
			n = max(n, longest(item))
		}
	case map[string]any:
		for _, item := range v {
			n = max(n, longest(item))
		}
	}
	return n
}

// A walk measures a selection set; fragments once, since they may spread each
// other many times over. The document is valid, so no fragment spreads itself.
type walk struct {
	depths  map[string]int // of fragments
	longest int
}

func (w *walk) set(set ast.SelectionSet) (depth int) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			for _, a := range s.Arguments {
				w.value(a.Value)
			}
			depth = max(depth, 1+w.set(s.SelectionSet))
		case *ast.InlineFragment:
			depth = max(depth, w.set(s.SelectionSet))
		case *ast.FragmentSpread:
			known, ok := w.depths[s.Name]
			if !ok && s.Definition != nil {
				known = w.set(s.Definition.SelectionSet)
				w.depths[s.Name] = known
			}
			depth = max(depth, known)
		}
	}
	return depth
}

func (w *walk) value(v *ast.Value) {
	if v == nil {
		return
	}
	if v.Kind == ast.ListValue {
		w.longest = max(w.longest, len(v.Children))
	}
	for _, child := range v.Children {
		w.value(child.Value)
	}
}
