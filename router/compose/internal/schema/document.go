package schema

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Document returns the schema as the parser library reads what Print returns. It has
// no positions.
func (s *Schema) Document() *ast.SchemaDocument {
	c := &converter{schema: s, position: &ast.Position{Src: &ast.Source{Name: "supergraph"}}, bare: map[*Directive]*ast.Directive{}}
	doc := &ast.SchemaDocument{Position: c.position}
	definition := &ast.SchemaDefinition{Description: s.Description, Directives: c.applied(s.Applied), Position: c.position}
	for operation, root := range s.Roots {
		if root != "" {
			definition.OperationTypes = append(definition.OperationTypes, &ast.OperationTypeDefinition{
				Operation: ast.Operation(OperationNames[operation]), Type: root, Position: c.position,
			})
		}
	}
	doc.Schema = append(doc.Schema, definition)
	directives := slices.Clone(s.Directives)
	slices.SortStableFunc(directives, func(a, b *Definition) int { return CompareNames(a.Name, b.Name) })
	for _, d := range directives {
		doc.Directives = append(doc.Directives, c.directive(d))
	}
	types := slices.Clone(s.Types)
	slices.SortStableFunc(types, func(a, b *Type) int { return CompareNames(a.Name, b.Name) })
	for _, t := range types {
		doc.Definitions = append(doc.Definitions, c.typ(t))
	}
	return doc
}

type converter struct {
	schema   *Schema
	position *ast.Position // shared by all nodes
	// bare are join directives that only name a subgraph, which many elements share.
	bare map[*Directive]*ast.Directive

	fields     slab[ast.FieldDefinition]
	types      slab[ast.Type]
	directives slab[ast.Directive]
	arguments  slab[ast.Argument]
	values     slab[ast.Value]
}

// A slab allocates many small values in blocks.
type slab[T any] []T

const slabSize = 64

func (s *slab[T]) of(value T) *T {
	if len(*s) == cap(*s) {
		*s = make([]T, 0, slabSize)
	}
	*s = append(*s, value)
	return &(*s)[len(*s)-1]
}

func (c *converter) directive(d *Definition) *ast.DirectiveDefinition {
	to := &ast.DirectiveDefinition{
		Name: d.Name, Description: d.Description, Arguments: c.argumentDefinitions(d.Arguments), IsRepeatable: d.Repeatable, Position: c.position,
	}
	for _, l := range d.Locations {
		to.Locations = append(to.Locations, ast.DirectiveLocation(l))
	}
	return to
}

func (c *converter) typ(t *Type) *ast.Definition {
	to := &ast.Definition{
		Kind: [...]ast.DefinitionKind{ast.Scalar, ast.Object, ast.Interface, ast.Union, ast.Enum, ast.InputObject}[t.Kind],
		Name: t.Name, Description: t.Description, Directives: c.applied(t.Applied), Position: c.position,
	}
	for _, each := range t.Interfaces {
		to.Interfaces = append(to.Interfaces, each.Name)
	}
	for _, m := range t.Members {
		to.Types, to.TypePositions = append(to.Types, m.Name), append(to.TypePositions, c.position)
	}
	for _, v := range t.Values {
		to.EnumValues = append(to.EnumValues, &ast.EnumValueDefinition{
			Name: v.Name, Description: v.Description, Directives: c.applied(v.Applied), Position: c.position,
		})
	}
	to.Fields = make(ast.FieldList, 0, len(t.Fields))
	for _, f := range t.Fields {
		to.Fields = append(to.Fields, c.fields.of(ast.FieldDefinition{
			Name: f.Name, Description: f.Description, Arguments: c.argumentDefinitions(f.Arguments), Type: c.ref(f.Type),
			DefaultValue: c.value(f.Default, f.Type), Directives: c.applied(f.Applied), Position: c.position,
		}))
	}
	return to
}

func (c *converter) argumentDefinitions(list []*Field) ast.ArgumentDefinitionList {
	if len(list) == 0 {
		return nil
	}
	to := make(ast.ArgumentDefinitionList, 0, len(list))
	for _, a := range list {
		to = append(to, &ast.ArgumentDefinition{
			Name: a.Name, Description: a.Description, Type: c.ref(a.Type),
			DefaultValue: c.value(a.Default, a.Type), Directives: c.applied(a.Applied), Position: c.position,
		})
	}
	return to
}

func (c *converter) applied(list []*Directive) ast.DirectiveList {
	if len(list) == 0 {
		return nil
	}
	to := make(ast.DirectiveList, 0, len(list))
	for _, d := range list {
		if known := c.bare[d]; known != nil {
			to = append(to, known)
			continue
		}
		applied := c.directives.of(ast.Directive{Name: d.Name, Position: c.position, Arguments: make(ast.ArgumentList, 0, len(d.Arguments))})
		definition := c.schema.Directive(d.Name)
		for _, a := range d.Arguments {
			if a.Value != nil {
				applied.Arguments = append(applied.Arguments, c.arguments.of(ast.Argument{
					Name: a.Name, Value: c.value(a.Value, definition.argumentType(a.Name)), Position: c.position,
				}))
			}
		}
		if len(d.Arguments) == 1 && d.Arguments[0].Name == "graph" {
			c.bare[d] = applied
		}
		to = append(to, applied)
	}
	return to
}

func (c *converter) ref(r *Ref) *ast.Type {
	to := c.types.of(ast.Type{NamedType: r.Name, NonNull: r.NonNull, Position: c.position})
	if r.Of != nil {
		to.Elem = c.ref(r.Of)
	}
	return to
}

// value converts a value of a type, or of an unknown one if ref is nil.
func (c *converter) value(v *Value, ref *Ref) *ast.Value {
	if v == nil {
		return nil
	}
	to := c.values.of(ast.Value{Raw: v.Raw, Position: c.position})
	switch v.Kind {
	case NullValue:
		to.Kind, to.Raw = ast.NullValue, "null"
		return to
	case VariableValue:
		to.Kind = ast.Variable
		return to
	case ListValue:
		to.Kind = ast.ListValue
		for _, item := range v.List {
			to.Children = append(to.Children, &ast.ChildValue{Value: c.value(item, ref.items()), Position: c.position})
		}
		return to
	}
	for ref.items() != nil {
		ref = ref.items()
	}
	typ := ref.literal(c.schema)
	switch {
	case v.Kind == ObjectValue:
		to.Kind = ast.ObjectValue
		for _, f := range v.Object {
			to.Children = append(to.Children, &ast.ChildValue{Name: f.Name, Value: c.value(f.Value, typ.inputType(f.Name)), Position: c.position})
		}
	case v.Kind == BoolValue:
		to.Kind = ast.BooleanValue
	case v.Kind == NumberValue && strings.ContainsAny(v.Raw, ".eE"):
		to.Kind = ast.FloatValue
	case v.Kind == NumberValue:
		to.Kind = ast.IntValue
	case typ.hasValue(v.Raw):
		to.Kind = ast.EnumValue
	case typ.isIntegerID(v.Raw):
		to.Kind = ast.IntValue
	default:
		to.Kind = ast.StringValue
	}
	return to
}
