package planner_test

import (
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"

	"souk/router/supergraph"
)

// subgraphs rebuilds the schemas that the subgraphs of a supergraph serve.
func subgraphs(t testing.TB, sdl string, m *supergraph.Model) map[string]*ast.Schema {
	t.Helper()
	doc, err := parser.ParseSchema(&ast.Source{Input: sdl})
	if err != nil {
		t.Fatal(err)
	}
	schemas := map[string]*ast.Schema{}
	for i, v := range doc.Definitions.ForName("join__Graph").EnumValues {
		g := m.Subgraphs[i]
		var b strings.Builder
		formatter.NewFormatter(&b).FormatSchemaDocument(subgraph(doc, m, g, v.Name))
		s, err := validator.LoadSchema(validator.Prelude, &ast.Source{Name: g.Name, Input: b.String()})
		if err != nil {
			t.Fatalf("rebuilding the schema of %s: %v\n%s", g.Name, err, b.String())
		}
		schemas[g.Name] = s
	}
	return schemas
}

func subgraph(doc *ast.SchemaDocument, m *supergraph.Model, g *supergraph.Subgraph, id string) *ast.SchemaDocument {
	out := &ast.SchemaDocument{}
	var entities []string
	for _, def := range doc.Definitions {
		t := m.Type(def.Name)
		if t == nil || t.InSubgraph(g) == nil {
			continue
		}
		in := t.InSubgraph(g)
		d := *def
		d.Directives, d.Interfaces, d.Types, d.Fields, d.EnumValues = nil, nil, nil, nil, nil
		if in.InterfaceObject {
			d.Kind = ast.Object
		}
		if len(in.Keys) > 0 && d.Kind == ast.Object {
			entities = append(entities, d.Name)
		}
		for _, i := range t.Interfaces {
			if ii := i.InSubgraph(g); ii != nil && !ii.InterfaceObject && (t.Kind == supergraph.Interface || contains(ii.Possible, t)) {
				d.Interfaces = append(d.Interfaces, i.Name)
			}
		}
		if t.Kind == supergraph.Union {
			for _, o := range in.Possible {
				d.Types = append(d.Types, o.Name)
			}
		}
		for _, v := range def.EnumValues {
			if told := v.Directives.ForNames("join__enumValue"); len(told) == 0 || names(told, id) {
				d.EnumValues = append(d.EnumValues, &ast.EnumValueDefinition{Name: v.Name})
			}
		}
		for _, f := range def.Fields {
			if fi := t.Field(f.Name).InSubgraph(g); fi != nil {
				arguments := plain(f.Arguments)
				for _, a := range fi.Contexts {
					arguments = append(arguments, &ast.ArgumentDefinition{Name: a.Name, Type: parseType(a.Type)})
				}
				d.Fields = append(d.Fields, &ast.FieldDefinition{Name: f.Name, Type: parseType(fi.Type), Arguments: arguments})
			}
		}
		if t == m.Query {
			d.Fields = append(d.Fields, &ast.FieldDefinition{
				Name: "_entities", Type: parseType("[_Entity]!"),
				Arguments: ast.ArgumentDefinitionList{{Name: "representations", Type: parseType("[_Any!]!")}},
			})
		}
		if d.Kind == ast.Object && len(d.Fields) == 0 {
			d.Fields = append(d.Fields, &ast.FieldDefinition{Name: "_service", Type: parseType("String")})
		}
		out.Definitions = append(out.Definitions, &d)
	}
	if entities == nil {
		entities = []string{"_None"}
		out.Definitions = append(out.Definitions, &ast.Definition{Kind: ast.Object, Name: "_None", Fields: ast.FieldList{{Name: "none", Type: parseType("String")}}})
	}
	out.Definitions = append(out.Definitions,
		&ast.Definition{Kind: ast.Scalar, Name: "_Any"},
		&ast.Definition{Kind: ast.Union, Name: "_Entity", Types: entities})
	roots := &ast.SchemaDefinition{}
	for op, t := range map[ast.Operation]*supergraph.Type{ast.Query: m.Query, ast.Mutation: m.Mutation, ast.Subscription: m.Subscription} {
		if t != nil && t.InSubgraph(g) != nil {
			roots.OperationTypes = append(roots.OperationTypes, &ast.OperationTypeDefinition{Operation: op, Type: t.Name})
		}
	}
	out.Schema = ast.SchemaDefinitionList{roots}
	return out
}

func contains(types []*supergraph.Type, t *supergraph.Type) bool {
	for _, x := range types {
		if x == t {
			return true
		}
	}
	return false
}

func names(list []*ast.Directive, graph string) bool {
	for _, d := range list {
		if d.Arguments.ForName("graph").Value.Raw == graph {
			return true
		}
	}
	return false
}

func plain(arguments ast.ArgumentDefinitionList) (out ast.ArgumentDefinitionList) {
	for _, a := range arguments {
		out = append(out, &ast.ArgumentDefinition{Name: a.Name, Type: a.Type, DefaultValue: a.DefaultValue})
	}
	return out
}

func parseType(text string) *ast.Type {
	doc, err := parser.ParseSchema(&ast.Source{Input: "type T{f:" + text + "}"})
	if err != nil {
		panic(err)
	}
	return doc.Definitions[0].Fields[0].Type
}
