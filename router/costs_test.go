package router_test

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"

	"souk/router/limit"
	"souk/router/operation"
	"souk/router/supergraph"
	"souk/schema"
)

// storeCost is demand_control.max in the store: see dev/router.go and
// manifests/08-api-gateway.yaml.
const storeCost = 10_000

// introspectionQuery is the query of graphql-js (getIntrospectionQuery).
const introspectionQuery = `query IntrospectionQuery { __schema { queryType { name } mutationType { name } subscriptionType { name }
  types { kind name description fields(includeDeprecated: true) { name description args { ...V } type { ...T } isDeprecated deprecationReason }
    inputFields { ...V } interfaces { ...T } enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...T } }
  directives { name description locations args { ...V } } } }
fragment V on __InputValue { name description type { ...T } defaultValue }
fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }`

// TestStoreOperationsStayBelowTheCostLimit estimates the cost of the playground's
// examples, of the REST routes with the longest pages, of introspection and of
// hostile operations. Ours use at most two thirds of the limit; the hostile ones
// exceed it.
func TestStoreOperationsStayBelowTheCostLimit(t *testing.T) {
	model, err := supergraph.Parse(schema.Supergraph)
	if err != nil {
		t.Fatal(err)
	}
	api, err := operation.NewSchema(model.APISchema)
	if err != nil {
		t.Fatal(err)
	}
	api.Limits.ListItems = 0 // otherwise the list limit rejects the list of 11,000 items
	estimator := limit.NewEstimator(model, limit.CostOptions{})
	cost := func(text, name, variables string) float64 {
		t.Helper()
		document, err := api.Parse(text, name)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		values, err := document.Variables([]byte(variables))
		if err != nil {
			values = nil // variables without a value: only page sizes affect the cost
		}
		c, err := estimator.Check(document.Operation(values), values, 0)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return c
	}
	for name, text := range ownOperations(t) {
		c := cost(text, name, `{}`)
		t.Logf("%-30s %8.0f", name, c)
		if c > storeCost*2/3 {
			t.Errorf("cost of %s = %v, want at most two thirds of %d", name, c, storeCost)
		}
	}
	logIns := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `a%d: logIn(input: {login: "ada", password: "x"}) { __typename } `, i)
		}
		return "mutation { " + b.String() + "}"
	}
	schemas := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `a%d: __schema { types { name fields { name args { name } type { name } } } } `, i)
		}
		return "{ " + b.String() + "}"
	}
	for _, hostile := range []string{
		logIns(199), logIns(6), schemas(200),
		`{ stocks(productIds: [` + strings.Repeat(`"1" `, 11_000) + `]) { onHand } }`,
		`{ categories { products(first: 100) { nodes { category { products(first: 100) { nodes { category { products(first: 100) { nodes { name } } } } } } } } } }`,
		`{ categories { products(first: 100) { nodes { category { products(first: 100) { nodes { name } } } } } } }`,
		`{ orders(first: 100) { nodes { user { orders(first: 100) { nodes { id lines { quantity } } } } } } }`,
		`{ users(first: 1000000) { nodes { id } } }`,
	} {
		if c := cost(hostile, "", `{}`); c <= storeCost {
			t.Errorf("cost of %.100s… = %v, want more than the limit", hostile, c)
		}
	}
}

// ownOperations returns the operations of the examples and the REST routes by name.
func ownOperations(t *testing.T) map[string]string {
	t.Helper()
	operations := map[string]string{"IntrospectionQuery": introspectionQuery}
	for _, files := range []fs.FS{schema.Examples, schema.Routes} {
		whole := &ast.QueryDocument{}
		err := fs.WalkDir(files, ".", func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".graphql") {
				return err
			}
			text, err := fs.ReadFile(files, path)
			if err != nil {
				return err
			}
			document, parseErr := parser.ParseQuery(&ast.Source{Name: path, Input: string(text)})
			if parseErr != nil {
				return parseErr
			}
			whole.Operations = append(whole.Operations, document.Operations...)
			whole.Fragments = append(whole.Fragments, document.Fragments...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range whole.Operations {
			if o.Name == "" {
				o.Name = fmt.Sprintf("Unnamed%d", i)
			}
			printed := *o
			printed.Directives, printed.VariableDefinitions = nil, nil
			for _, v := range o.VariableDefinitions {
				v.Directives = nil
				if v.Variable == "first" || v.Variable == "last" {
					v.DefaultValue = &ast.Value{Kind: ast.IntValue, Raw: "100"}
				}
				printed.VariableDefinitions = append(printed.VariableDefinitions, v)
			}
			operations[o.Name] = write(&printed, whole.Fragments)
		}
	}
	return operations
}

// print prints an operation with the fragments it uses.
func write(o *ast.OperationDefinition, all ast.FragmentDefinitionList) string {
	document := &ast.QueryDocument{Operations: ast.OperationList{o}}
	used := map[string]bool{}
	var visit func(ast.SelectionSet)
	visit = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch s := selection.(type) {
			case *ast.Field:
				s.Directives = standard(s.Directives)
				visit(s.SelectionSet)
			case *ast.InlineFragment:
				s.Directives = standard(s.Directives)
				visit(s.SelectionSet)
			case *ast.FragmentSpread:
				s.Directives = standard(s.Directives)
				if f := all.ForName(s.Name); f != nil && !used[s.Name] {
					f.Directives = nil
					used[s.Name] = true
					document.Fragments = append(document.Fragments, f)
					visit(f.SelectionSet)
				}
			}
		}
	}
	visit(o.SelectionSet)
	var b strings.Builder
	formatter.NewFormatter(&b).FormatQueryDocument(document)
	return b.String()
}

// standard removes the directives of REST routes.
func standard(list ast.DirectiveList) ast.DirectiveList {
	return slices.DeleteFunc(list, func(d *ast.Directive) bool { return d.Name != "include" && d.Name != "skip" })
}
