package schema

import "slices"

// A Position is a place in the document of a subgraph, from 1. The zero Position
// is unknown.
type Position struct{ Line, Column int }

// The indexes of operations in lists of root types.
const (
	Query        = 0
	Subscription = 2
)

// OperationNames are the names of the operations.
var OperationNames = [...]string{"query", "mutation", "subscription"}

// RootNames are the names of root types by default.
var RootNames = [...]string{"Query", "Mutation", "Subscription"}

// A Schema is a set of types and directives. Built-in types and directives are not
// in it unless the document defines them.
type Schema struct {
	Node                 // the schema definition; it has no name
	Defined    bool      // the document has a schema definition
	Roots      [3]string // names of the root types, by operation; empty if there is none
	Types      []*Type   // in the order of the document
	Directives []*Definition
	Extensions []Position // of the schema definition

	types      map[string]*Type
	directives map[string]*Definition
	runtime    map[string][]*Type // interface → objects that implement it
}

// New returns a schema without types.
func New() *Schema {
	s := &Schema{types: map[string]*Type{}, directives: map[string]*Definition{}}
	s.role = roleSchema
	return s
}

// Type returns the type, which may be built in, or nil.
func (s *Schema) Type(name string) *Type {
	if t := s.types[name]; t != nil {
		return t
	}
	return builtInTypes[name]
}

// Own returns the type that is not built in, or nil.
func (s *Schema) Own(name string) *Type { return s.types[name] }

// Directive returns the definition, which may be built in, or nil.
func (s *Schema) Directive(name string) *Definition {
	if d := s.directives[name]; d != nil {
		return d
	}
	return BuiltInDirectives[name]
}

// OwnDirective returns the definition that is not built in, or nil.
func (s *Schema) OwnDirective(name string) *Definition { return s.directives[name] }

// AddType adds a type. A type with a default name of a root type becomes one.
func (s *Schema) AddType(kind Kind, name string) *Type {
	t := &Type{Kind: kind}
	t.Name, t.role = name, roleType
	s.Adopt(t)
	for operation, root := range RootNames {
		if name == root && kind == Object && s.Roots[operation] == "" {
			s.Roots[operation] = name
		}
	}
	return t
}

// Adopt adds a type of another schema, which must not be changed any more. It does not
// become a root type.
func (s *Schema) Adopt(t *Type) {
	s.types[t.Name] = t
	s.Types = append(s.Types, t)
}

// RemoveType removes a type.
func (s *Schema) RemoveType(t *Type) {
	delete(s.types, t.Name)
	s.Types = slices.DeleteFunc(s.Types, func(other *Type) bool { return other == t })
	for operation, root := range s.Roots {
		if root == t.Name {
			s.Roots[operation] = ""
		}
	}
	s.runtime = nil
}

// RenameType changes the name of a type and of all references to it.
func (s *Schema) RenameType(t *Type, name string) {
	old := t.Name
	delete(s.types, old)
	t.Name = name
	s.types[name] = t
	for operation, root := range s.Roots {
		if root == old {
			s.Roots[operation] = name
		}
	}
	for _, each := range s.Types {
		each.renameReferences(old, name)
	}
	for _, d := range s.Directives {
		for _, a := range d.Arguments {
			a.Type = a.Type.renamed(old, name)
		}
	}
}

// AddDirective adds a definition.
func (s *Schema) AddDirective(name string) *Definition {
	d := &Definition{}
	d.Name, d.role = name, roleDirective
	s.directives[name] = d
	s.Directives = append(s.Directives, d)
	return d
}

// AdoptDirectives takes the definitions of directives over from another schema.
func (s *Schema) AdoptDirectives(other *Schema) {
	s.Directives, s.directives = other.Directives, other.directives
}

// RemoveDirective removes a definition.
func (s *Schema) RemoveDirective(name string) {
	delete(s.directives, name)
	s.Directives = slices.DeleteFunc(s.Directives, func(d *Definition) bool { return d.Name == name })
}

// IsRoot reports whether a type is the root type of an operation.
func (s *Schema) IsRoot(t *Type) bool { return t != nil && slices.Contains(s.Roots[:], t.Name) }

// Possible returns the object types of which a composite type has values, in the
// order of the schema.
func (s *Schema) Possible(t *Type) []*Type {
	switch t.Kind {
	case Object:
		return []*Type{t}
	case Union:
		var members []*Type
		for _, m := range t.Members {
			if member := s.Type(m.Name); member != nil {
				members = append(members, member)
			}
		}
		return members
	case Interface:
		return s.implementations()[t.Name]
	}
	return nil
}

// implementations returns the object types of each interface. It is computed once,
// when all types are known.
func (s *Schema) implementations() map[string][]*Type {
	if s.runtime == nil {
		s.runtime = map[string][]*Type{}
		for _, t := range s.Types {
			if t.Kind == Object {
				for _, i := range t.Interfaces {
					s.runtime[i.Name] = append(s.runtime[i.Name], t)
				}
			}
		}
	}
	return s.runtime
}

// Changed forgets what was computed from the types.
func (s *Schema) Changed() { s.runtime = nil }
