package rest

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"

	"souk/internal/constraint"
)

// route is a compiled operation.
type route struct {
	operation *ast.OperationDefinition
	document  string // the operation and its fragments, as sent to the graph

	method      string
	path        string
	segments    []segment
	summary     string // the description's first line
	description string // the rest of it
	tag         string

	variables       []*variable
	variableByInput map[string]*variable // path into the operation's input → the variable that fills it

	status   int
	missing  problemKind // the problem for a null result
	result   []string    // response keys from the data to the body's value
	data     *shape      // of the whole data
	body     *fieldShape
	problems map[string]*problemType // by the name of a type on the way to the result
	location string
	version  string
	page     *paging
	// secret is set if responses contain secrets and must not be stored.
	secret bool
}

// segment is a part of a path between slashes.
type segment struct {
	text     string // the literal, or the variable's name
	variable bool
}

// source is where in a request a variable comes from.
type source uint8

const (
	fromPath source = iota
	fromQuery
	fromHeader
	fromBody
	fromIfMatch
	fromIdempotencyKey
	fromPage // set from limit, after and before
)

// variable is a variable of an operation and its source in the request.
type variable struct {
	name        string   // name in the operation
	requestName string   // name in the request
	aliases     []string // alternative names in a body
	source      source
	typ         *ast.Type // type of the value in the request
	required    bool
	wrap        *wrapping // nil for none
	shorthand   *ast.Definition
	description string
	limits      *constraint.Limits // of the input that it fills, or of the wrapped value; nil for none
	example     *ast.Value
	initial     *ast.Value // the default
}

// problemType is a type of the schema that becomes a problem.
type problemType struct {
	definition *ast.Definition
	status     int
	byCode     map[string]int // statuses for particular codes
	shape      *shape
}

// paging configures the pages of a connection.
type paging struct {
	connection   []string // response keys from the data to the connection
	size         int
	maxSize      int
	backward     bool // the operation has $last and $before
	totalCounted bool
}

// reads reports whether the route only reads.
func (r *route) reads() bool { return r.method == http.MethodGet }

// bodyVariables returns the variables that come from the body.
func (r *route) bodyVariables() []*variable {
	var in []*variable
	for _, v := range r.variables {
		if v.source == fromBody {
			in = append(in, v)
		}
	}
	return in
}

// variableFrom returns the variable with a source, or nil if the operation has none. It is for
// sources that only one variable can have.
func (r *route) variableFrom(from source) *variable {
	for _, v := range r.variables {
		if v.source == from {
			return v
		}
	}
	return nil
}

// compareRoutes orders routes by path, literals before variables, then method.
func compareRoutes(a, b *route) int {
	bySegments := slices.CompareFunc(a.segments, b.segments, func(a, b segment) int {
		if a.variable != b.variable {
			if a.variable {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.text, b.text)
	})
	order := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	return cmp.Or(bySegments, cmp.Compare(slices.Index(order, a.method), slices.Index(order, b.method)))
}

// printOperation returns a document with an operation and the fragments it uses.
func printOperation(document *ast.QueryDocument, operation *ast.OperationDefinition) string {
	alone := &ast.QueryDocument{Operations: ast.OperationList{operation}}
	used := map[string]bool{}
	var walk func(set ast.SelectionSet)
	walk = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch selection := selection.(type) {
			case *ast.Field:
				walk(selection.SelectionSet)
			case *ast.InlineFragment:
				walk(selection.SelectionSet)
			case *ast.FragmentSpread:
				if !used[selection.Name] {
					used[selection.Name] = true
					walk(selection.Definition.SelectionSet)
				}
			}
		}
	}
	walk(operation.SelectionSet)
	for _, fragment := range document.Fragments {
		if used[fragment.Name] {
			alone.Fragments = append(alone.Fragments, fragment)
		}
	}
	var b bytes.Buffer
	formatter.NewFormatter(&b).FormatQueryDocument(alone)
	return strings.TrimSpace(b.String())
}
