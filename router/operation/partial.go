package operation

import (
	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
)

// The parser library validates a schema in one piece, which takes long for a large one. If a former
// schema was valid, only what differs has to be validated: unchanged definitions stay valid as long
// as what they refer to has the same kind, and as long as interfaces, unions and directives are
// unchanged.

// A division is an SDL divided into what has changed since a former schema and what has not.
type division struct {
	document *ast.SchemaDocument
	texts    map[string]string
	// frame has the texts of the parts that define no type.
	frame string
	// shared are the definitions of the former schema.
	shared map[string]*ast.Definition
}

// partial validates what has changed. It returns nil if that does not say whether the whole is valid.
func (d *division) partial(former *Schema, pause func()) *ast.Schema {
	if former == nil || former.frame == "" || d.frame != former.frame || !d.comparable(former, pause) {
		return nil
	}
	pause()
	s, err := syntax.Validate(d.changes(pause))
	if err != nil {
		return nil // an error has its position in the whole
	}
	pause()
	d.complete(s, pause)
	return s
}

// comparable reports whether unchanged definitions are valid if they were: each type is defined once and
// those of before have their kinds, changed ones are object types, enums or scalars, and object types
// implement what they did.
func (d *division) comparable(former *Schema, pause func()) bool {
	if len(d.document.Extensions)+len(d.document.SchemaExtension)+len(d.document.DirectiveExtensions) > 0 {
		return false
	}
	seen := make(map[string]bool, len(d.document.Definitions))
	for _, def := range d.document.Definitions {
		pause()
		old := former.schema.Types[def.Name]
		switch {
		case seen[def.Name] || old != nil && old.BuiltIn:
			return false
		case d.shared[def.Name] == nil && !d.mayChange(old, def):
			return false
		}
		seen[def.Name] = true
	}
	for name := range former.texts {
		pause()
		if !seen[name] {
			return false
		}
	}
	return true
}

// mayChange reports whether a definition, whose former one may be nil, leaves others valid.
func (d *division) mayChange(old, def *ast.Definition) bool {
	switch def.Kind {
	case ast.Object, ast.Enum, ast.Scalar:
	default:
		return false
	}
	if old == nil {
		return true
	}
	if old.Kind != def.Kind || len(old.Interfaces) != len(def.Interfaces) {
		return false
	}
	for i, name := range old.Interfaces {
		if def.Interfaces[i] != name {
			return false
		}
	}
	return true
}

// changes returns a document of what has changed, and of what that refers to: interfaces that are
// implemented as they are, and all other types as stubs of the same kind.
func (d *division) changes(pause func()) *ast.SchemaDocument {
	doc := &ast.SchemaDocument{Schema: d.document.Schema, Directives: d.document.Directives}
	added := map[string]bool{}
	add := func(def *ast.Definition) {
		if !added[def.Name] {
			added[def.Name] = true
			doc.Definitions = append(doc.Definitions, def)
		}
	}
	var whole func(def *ast.Definition)
	whole = func(def *ast.Definition) {
		add(def)
		for _, name := range def.Interfaces {
			if i := d.shared[name]; i != nil && !added[name] {
				whole(i)
			}
		}
	}
	for _, def := range d.document.Definitions {
		pause()
		if d.shared[def.Name] == nil {
			whole(def)
		}
	}
	refer := func(name string) {
		if def := d.shared[name]; def != nil && !added[name] {
			add(stub(def))
		}
	}
	for _, def := range doc.Definitions {
		for _, f := range def.Fields {
			refer(f.Type.Name())
			for _, a := range f.Arguments {
				refer(a.Type.Name())
			}
		}
	}
	for _, directive := range doc.Directives {
		for _, a := range directive.Arguments {
			refer(a.Type.Name())
		}
	}
	for _, schema := range doc.Schema {
		for _, root := range schema.OperationTypes {
			refer(root.Type)
		}
	}
	return doc
}

// stub returns a valid definition with the name and the kind of another one, which refers to no type
// of the schema. It is in no list of possible types but its own, so that what is valid with it is also
// valid with the other one.
func stub(def *ast.Definition) *ast.Definition {
	s := &ast.Definition{Kind: def.Kind, Name: def.Name, Position: def.Position}
	switch def.Kind {
	case ast.Object, ast.Interface, ast.InputObject:
		s.Fields = ast.FieldList{{Name: "stub", Type: ast.NamedType("Boolean", nil)}}
	case ast.Enum:
		s.EnumValues = ast.EnumValueList{{Name: "STUB"}}
	case ast.Union: // of the library's own object type, which is in each schema
		s.Types = []string{"__Type"}
	}
	return s
}

// complete adds all unchanged definitions to the schema of those that have changed.
func (d *division) complete(s *ast.Schema, pause func()) {
	types := make(map[string]*ast.Definition, len(d.document.Definitions)+len(s.Types))
	s.PossibleTypes = make(map[string][]*ast.Definition, cap(d.document.Definitions))
	s.Implements = map[string][]*ast.Definition{}
	for name, def := range s.Types {
		if def.BuiltIn {
			types[name] = def
			if def.Kind == ast.Object {
				s.AddPossibleType(name, def)
			}
		}
	}
	for _, def := range d.document.Definitions {
		types[def.Name] = def
		if d.shared[def.Name] != nil {
			define(def, s.Directives)
		}
		pause()
	}
	s.Types = types
	for _, root := range []**ast.Definition{&s.Query, &s.Mutation, &s.Subscription} {
		if *root != nil {
			*root = types[(*root).Name]
		}
	}
	for _, def := range d.document.Definitions {
		for _, name := range def.Types {
			s.AddPossibleType(def.Name, types[name])
			s.AddImplements(name, def)
		}
		for _, name := range def.Interfaces {
			s.AddPossibleType(name, def)
			s.AddImplements(def.Name, types[name])
		}
		if def.Kind == ast.Object || def.Kind == ast.InputObject {
			s.AddPossibleType(def.Name, def)
		}
		pause()
	}
}

// define makes the directives of a definition refer to their definitions, as validation does.
func define(def *ast.Definition, directives map[string]*ast.DirectiveDefinition) {
	all := func(list ast.DirectiveList) {
		for _, d := range list {
			d.Definition = directives[d.Name]
		}
	}
	all(def.Directives)
	for _, v := range def.EnumValues {
		all(v.Directives)
	}
	for _, f := range def.Fields {
		all(f.Directives)
		for _, a := range f.Arguments {
			all(a.Directives)
		}
	}
}
