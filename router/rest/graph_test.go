package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"

	"souk/router/rest"
	"souk/router/supergraph"
)

// storeSDL is the API schema of the store's committed supergraph.
var storeSDL = sync.OnceValue(func() string {
	sdl, err := os.ReadFile("../../schema/supergraph.graphql")
	if err != nil {
		panic(err)
	}
	model, err := supergraph.Parse(string(sdl))
	if err != nil {
		panic(err)
	}
	return model.APISchema
})

// thing is an object of the fake graph: values by field, functions for fields
// with arguments, and errors for fields that fail.
type thing map[string]any

// resolver resolves a field with arguments.
type resolver = func(arguments map[string]any) any

// graph executes operations over objects in memory.
type graph struct {
	schema    *ast.Schema
	root      thing
	executed  []string // names of operations
	variables []json.RawMessage
	header    http.Header  // of every response
	fail      error        // of Execute
	errors    []rest.Error // of every response
	mu        sync.Mutex
}

// Resolves implements [rest.Executor]. Inventory has the stock, and the product service the rest.
func (g *graph) Resolves(subgraph, typeName, field string) bool {
	return (typeName == "Product" && field == "stock" || typeName == "Stock") == (subgraph == "inventory")
}

func newGraph(t testing.TB, root thing) *graph {
	t.Helper()
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "store", Input: storeSDL()})
	if err != nil {
		t.Fatal(err)
	}
	return &graph{schema: schema, root: root}
}

func (g *graph) Execute(_ context.Context, _ http.Header, _ *http.Request, document, name string, variables json.RawMessage) (*rest.Response, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.executed = append(g.executed, name)
	g.variables = append(g.variables, variables)
	if g.fail != nil {
		return nil, g.fail
	}
	query, errs := gqlparser.LoadQueryWithRules(g.schema, document, nil)
	if errs != nil {
		return nil, fmt.Errorf("the document is not valid: %w", errs)
	}
	var raw map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(variables)))
	decoder.UseNumber()
	if err := decoder.Decode(&raw); err != nil {
		return nil, err
	}
	operation := query.Operations.ForName(name)
	values, err := validator.VariableValues(g.schema, operation, raw)
	if err != nil {
		return nil, fmt.Errorf("the variables are not valid: %w", err)
	}
	run := &execution{graph: g, variables: values}
	root := g.schema.Query
	if operation.Operation == ast.Mutation {
		root = g.schema.Mutation
	}
	data, ok := run.object(operation.SelectionSet, root, g.root, nil)
	answer := &rest.Response{Data: json.RawMessage("null"), Errors: append(run.errors, g.errors...), Header: g.header}
	if ok {
		answer.Data = data
	}
	return answer, nil
}

type execution struct {
	graph     *graph
	variables map[string]any
	errors    []rest.Error
}

// coded is an error with a code, as the gateway returns it.
type coded struct {
	error
	code string
}

// object returns an object as JSON, or false if a non-null field is null.
func (x *execution) object(set ast.SelectionSet, typ *ast.Definition, of thing, path []any) (json.RawMessage, bool) {
	type entry struct {
		key string
		raw json.RawMessage
	}
	var entries []entry
	done := map[string]bool{}
	complete := true
	var walk func(set ast.SelectionSet)
	walk = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch s := selection.(type) {
			case *ast.Field:
				if done[s.Alias] || !x.included(s) {
					continue
				}
				done[s.Alias] = true
				raw, ok := x.field(s, typ, of, append(path[:len(path):len(path)], s.Alias))
				complete = complete && ok
				entries = append(entries, entry{key: s.Alias, raw: raw})
			case *ast.InlineFragment:
				if x.applies(typ, s.TypeCondition) {
					walk(s.SelectionSet)
				}
			case *ast.FragmentSpread:
				if x.applies(typ, s.Definition.TypeCondition) {
					walk(s.Definition.SelectionSet)
				}
			}
		}
	}
	walk(set)
	if !complete {
		return nil, false
	}
	var b strings.Builder
	for i, e := range entries {
		fmt.Fprintf(&b, "%s%s:%s", map[bool]string{true: "{", false: ","}[i == 0], strconv.Quote(e.key), e.raw)
	}
	return json.RawMessage(b.String() + "}"), true
}

// included reports whether the directive @include, if a field has it, keeps it.
func (x *execution) included(f *ast.Field) bool {
	include := f.Directives.ForName("include")
	return include == nil || include.ArgumentMap(x.variables)["if"] == true
}

func (x *execution) applies(typ *ast.Definition, condition string) bool {
	if condition == "" || condition == typ.Name {
		return true
	}
	for _, possible := range x.graph.schema.GetPossibleTypes(x.graph.schema.Types[condition]) {
		if possible.Name == typ.Name {
			return true
		}
	}
	return false
}

func (x *execution) field(f *ast.Field, typ *ast.Definition, of thing, path []any) (json.RawMessage, bool) {
	if f.Name == "__typename" {
		return json.RawMessage(strconv.Quote(typ.Name)), true
	}
	v := of[f.Name]
	if resolve, ok := v.(resolver); ok {
		v = resolve(f.ArgumentMap(x.variables))
	}
	return x.complete(f, f.Definition.Type, v, path)
}

func (x *execution) complete(f *ast.Field, typ *ast.Type, v any, path []any) (json.RawMessage, bool) {
	if err, ok := v.(error); ok {
		e := rest.Error{Message: err.Error(), Path: path}
		var c coded
		if errors.As(err, &c) {
			e.Extensions = map[string]any{"code": c.code}
		}
		x.errors = append(x.errors, e)
		v = nil
	}
	if v == nil {
		return json.RawMessage("null"), !typ.NonNull
	}
	if typ.Elem != nil {
		items := v.([]any)
		raws := make([]json.RawMessage, len(items))
		for i, item := range items {
			raw, ok := x.complete(f, typ.Elem, item, append(path[:len(path):len(path)], i))
			if !ok {
				return json.RawMessage("null"), !typ.NonNull
			}
			raws[i] = raw
		}
		raw, err := json.Marshal(raws)
		return raw, err == nil
	}
	if object, ok := v.(thing); ok {
		name, _ := object["__typename"].(string)
		if name == "" {
			name = typ.Name()
		}
		raw, ok := x.object(f.SelectionSet, x.graph.schema.Types[name], object, path)
		if !ok {
			return json.RawMessage("null"), !typ.NonNull
		}
		return raw, true
	}
	raw, err := json.Marshal(v)
	return raw, err == nil
}
