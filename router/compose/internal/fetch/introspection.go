package fetch

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"

	"souk/router/internal/syntax"
)

// introspectionQuery asks for all inputs, also deprecated ones, and for what the
// specifications of 2021 and later have.
const introspectionQuery = `query Introspection { __schema {
  queryType { name } mutationType { name } subscriptionType { name }
  types { kind name description isOneOf
    fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...input } type { ...type } isDeprecated deprecationReason }
    inputFields(includeDeprecated: true) { ...input } interfaces { name }
    enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
    possibleTypes { name } }
  directives { name description isRepeatable locations args { ...input } }
} }
fragment input on __InputValue { name description type { ...type } defaultValue isDeprecated deprecationReason }
fragment type on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }`

// introspectionQueries are the queries to try, from the latest specification to the earliest.
// Some services do not know @oneOf and directives that are repeatable, and the earliest not
// that inputs can be deprecated.
var introspectionQueries = []string{introspectionQuery, withoutOneOf.Replace(introspectionQuery), withoutDeprecation.Replace(withoutOneOf.Replace(introspectionQuery))}

var withoutOneOf = strings.NewReplacer(" isOneOf", "", " isRepeatable", "")

var withoutDeprecation = strings.NewReplacer(
	"args(includeDeprecated: true)", "args", "inputFields(includeDeprecated: true)", "inputFields",
	"defaultValue isDeprecated deprecationReason", "defaultValue",
)

// introspected is the result of the introspection query.
type introspected struct {
	QueryType, MutationType, SubscriptionType *named
	Types                                     []definition
	Directives                                []directive
}

type named struct{ Name string }

type definition struct {
	Kind, Name, Description   string
	Fields                    []field
	InputFields               []input
	Interfaces, PossibleTypes []named
	EnumValues                []field
	IsOneOf                   bool
}

type field struct {
	Name, Description string
	Args              []input
	Type              typeRef
	deprecation
}

type deprecation struct {
	IsDeprecated      bool
	DeprecationReason string
}

type input struct {
	Name, Description string
	Type              typeRef
	DefaultValue      *string
	deprecation
}

type directive struct {
	Name, Description string
	Locations         []string
	IsRepeatable      bool
	Args              []input
}

type typeRef struct {
	Kind, Name string
	OfType     *typeRef
}

func (t *typeRef) ast() *ast.Type {
	switch {
	case t.Kind == "NON_NULL" && t.OfType != nil:
		inner := t.OfType.ast()
		inner.NonNull = true
		return inner
	case t.Kind == "LIST" && t.OfType != nil:
		return ast.ListType(t.OfType.ast(), nil)
	}
	return ast.NamedType(t.Name, nil)
}

// own reports whether a schema has the type or directive of its own, and not by the
// specification of GraphQL.
func own(name string) bool {
	return !strings.HasPrefix(name, "__") && !slices.Contains([]string{
		"Int", "Float", "String", "Boolean", "ID", "skip", "include", "deprecated", "specifiedBy", "oneOf", "defer", "stream",
	}, name)
}

// sdl returns the schema as an SDL.
func (s *introspected) sdl() string {
	document := &ast.SchemaDocument{}
	root := &ast.SchemaDefinition{}
	for operation, t := range map[ast.Operation]*named{ast.Query: s.QueryType, ast.Mutation: s.MutationType, ast.Subscription: s.SubscriptionType} {
		if t != nil {
			root.OperationTypes = append(root.OperationTypes, &ast.OperationTypeDefinition{Operation: operation, Type: t.Name})
		}
	}
	slices.SortFunc(root.OperationTypes, func(a, b *ast.OperationTypeDefinition) int {
		return strings.Compare(string(a.Operation), string(b.Operation))
	})
	document.Schema = ast.SchemaDefinitionList{root}
	for _, t := range s.Types {
		if own(t.Name) {
			document.Definitions = append(document.Definitions, t.ast())
		}
	}
	if slices.ContainsFunc(s.Types, func(t definition) bool { return t.IsOneOf }) { // composition knows it only if it is defined
		document.Directives = append(document.Directives, &ast.DirectiveDefinition{
			Name: "oneOf", Locations: []ast.DirectiveLocation{ast.LocationInputObject}, Position: &ast.Position{Src: &ast.Source{}},
		})
	}
	for _, d := range s.Directives {
		if !own(d.Name) {
			continue
		}
		made := &ast.DirectiveDefinition{Name: d.Name, Description: d.Description, Arguments: arguments(d.Args), IsRepeatable: d.IsRepeatable, Position: &ast.Position{Src: &ast.Source{}}}
		for _, l := range d.Locations {
			made.Locations = append(made.Locations, ast.DirectiveLocation(l))
		}
		document.Directives = append(document.Directives, made)
	}
	var text strings.Builder
	formatter.NewFormatter(&text, formatter.WithIndent("  ")).FormatSchemaDocument(document)
	return text.String()
}

func (t *definition) ast() *ast.Definition {
	made := &ast.Definition{Kind: ast.DefinitionKind(t.Kind), Name: t.Name, Description: t.Description, Position: &ast.Position{Src: &ast.Source{}}}
	for _, i := range t.Interfaces {
		made.Interfaces = append(made.Interfaces, i.Name)
	}
	for _, f := range t.Fields {
		made.Fields = append(made.Fields, &ast.FieldDefinition{
			Name: f.Name, Description: f.Description, Arguments: arguments(f.Args), Type: f.Type.ast(), Directives: f.deprecated(),
		})
	}
	for _, f := range arguments(t.InputFields) {
		made.Fields = append(made.Fields, &ast.FieldDefinition{Name: f.Name, Description: f.Description, Type: f.Type, DefaultValue: f.DefaultValue, Directives: f.Directives})
	}
	for _, v := range t.EnumValues {
		made.EnumValues = append(made.EnumValues, &ast.EnumValueDefinition{Name: v.Name, Description: v.Description, Directives: v.deprecated()})
	}
	if t.IsOneOf {
		made.Directives = ast.DirectiveList{{Name: "oneOf"}}
	}
	if made.Kind == ast.Union {
		for _, p := range t.PossibleTypes {
			made.Types = append(made.Types, p.Name)
		}
	}
	return made
}

func (f deprecation) deprecated() ast.DirectiveList {
	if !f.IsDeprecated {
		return nil
	}
	d := &ast.Directive{Name: "deprecated"}
	if f.DeprecationReason != "" {
		d.Arguments = ast.ArgumentList{{Name: "reason", Value: &ast.Value{Kind: ast.StringValue, Raw: f.DeprecationReason}}}
	}
	return ast.DirectiveList{d}
}

func arguments(inputs []input) ast.ArgumentDefinitionList {
	var list ast.ArgumentDefinitionList
	for _, i := range inputs {
		made := &ast.ArgumentDefinition{Name: i.Name, Description: i.Description, Type: i.Type.ast(), Directives: i.deprecated()}
		if i.DefaultValue != nil {
			made.DefaultValue = value(*i.DefaultValue)
		}
		list = append(list, made)
	}
	return list
}

// value parses a default value. One that is not a value is left out.
func value(text string) *ast.Value {
	document, err := syntax.Query(&ast.Source{Input: "{ a(b: " + text + ") }"}, 0)
	if err != nil || len(document.Operations) != 1 {
		return nil
	}
	selected, ok := document.Operations[0].SelectionSet[0].(*ast.Field)
	if !ok || len(selected.Arguments) != 1 {
		return nil
	}
	return selected.Arguments[0].Value
}
