package graphql

import (
	"context"
	"encoding/json"
	"math"
	"reflect"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"souk/internal/bytecache"
	"souk/internal/heapsize"
)

// documents caches parsed documents. Its bound is the memory they take.
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

// listComplexity multiplies the complexity of a field by the length of its
// list. gqlgen alone counts each field once, no matter how many objects it
// returns.
type listComplexity struct{ graphql.ExecutableSchema }

const (
	defaultListLength = 10 // assumed for lists
	defaultPageSize   = 20 // of connections with neither first nor last
)

// Complexity implements graphql.ExecutableSchema.
func (m listComplexity) Complexity(_ context.Context, typeName, field string, child int, args map[string]any) (int, bool) {
	length := 1
	switch definition := m.definition(typeName, field); {
	case definition == nil:
	case strings.HasSuffix(definition.Type.Name(), "Connection"):
		length = defaultPageSize
		for _, name := range []string{"first", "last"} {
			if n, ok := pageSize(args[name]); ok {
				length = n
			}
		}
	case definition.Type.Elem != nil && !pageOfConnection(typeName, field) && !strings.HasPrefix(field, "_"):
		length = defaultListLength
		for _, value := range args { // a list of ids has as many objects
			length = max(length, listLength(value))
		}
	}
	// Clients may pass any number, so the product may exceed an int.
	return int(min(float64(child)*float64(max(length, 1))+1, math.MaxInt32)), true
}

// listLength returns the length of an argument that is a list.
func listLength(value any) int {
	if list := reflect.ValueOf(value); list.Kind() == reflect.Slice {
		return list.Len()
	}
	return 0
}

func (m listComplexity) definition(typeName, field string) *ast.FieldDefinition {
	if t := m.Schema().Types[typeName]; t != nil {
		return t.Fields.ForName(field)
	}
	return nil
}

// pageOfConnection reports whether a field's length is already counted at the
// connection field.
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

// bounds rejects operations that nest too deeply or whose arguments contain
// lists that are too long.
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
		if n := longestList(value); n > most {
			return limitError("LIST_TOO_LONG", "The list in $%.50s has %d items; at most %d are allowed.", name, n, most)
		}
	}
	w := measurer{depths: map[string]int{}}
	if depth := w.selectionSet(o.Operation.SelectionSet); depth > maxDepth {
		return limitError("MAX_DEPTH_LIMIT", "The operation nests fields %d levels deep; at most %d are allowed.", depth, maxDepth)
	}
	if w.longestList > maxListItems {
		return limitError("LIST_TOO_LONG", "A list in an argument has %d items; at most %d are allowed.", w.longestList, maxListItems)
	}
	return nil
}

func limitError(code, format string, args ...any) *gqlerror.Error {
	e := gqlerror.Errorf(format, args...)
	e.Extensions = map[string]any{"code": code}
	return e
}

// longestList returns the length of the longest list in a variable's value,
// nested lists included.
func longestList(value any) (n int) {
	switch v := value.(type) {
	case []any:
		n = len(v)
		for _, item := range v {
			n = max(n, longestList(item))
		}
	case map[string]any:
		for _, item := range v {
			n = max(n, longestList(item))
		}
	}
	return n
}

// A measurer measures a selection set. It measures each fragment once, because
// fragments may spread each other many times. The document is valid, so no
// fragment spreads itself.
type measurer struct {
	depths      map[string]int // of fragments
	longestList int
}

func (w *measurer) selectionSet(set ast.SelectionSet) (depth int) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			for _, a := range s.Arguments {
				w.value(a.Value)
			}
			depth = max(depth, 1+w.selectionSet(s.SelectionSet))
		case *ast.InlineFragment:
			depth = max(depth, w.selectionSet(s.SelectionSet))
		case *ast.FragmentSpread:
			known, ok := w.depths[s.Name]
			if !ok && s.Definition != nil {
				known = w.selectionSet(s.Definition.SelectionSet)
				w.depths[s.Name] = known
			}
			depth = max(depth, known)
		}
	}
	return depth
}

func (w *measurer) value(v *ast.Value) {
	if v == nil {
		return
	}
	if v.Kind == ast.ListValue {
		w.longestList = max(w.longestList, len(v.Children))
	}
	for _, child := range v.Children {
		w.value(child.Value)
	}
}
