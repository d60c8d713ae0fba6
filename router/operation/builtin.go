package operation

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// correctBuiltIns replaces built-in definitions where the parser library's
// prelude differs from the specification, from graphql-js or, for @defer, from
// the incremental delivery proposal. Schemas may share the prelude, so it
// replaces definitions instead of modifying them.
func correctBuiltIns(s *ast.Schema) {
	for name, description := range map[string]string{
		"Float":  "The `Float` scalar type represents signed double-precision fractional values as specified by [IEEE 754](https://en.wikipedia.org/wiki/IEEE_floating_point).",
		"String": "The `String` scalar type represents textual data, represented as UTF-8 character sequences. The String type is most often used by GraphQL to represent free-form human-readable text.",
		"ID":     "The `ID` scalar type represents a unique identifier, often used to refetch an object or as key for a cache. The ID type appears in a JSON response as a String; however, it is not intended to be human-readable. When expected as an input type, any string (such as `\"4\"`) or integer (such as `4`) input value will be accepted as an ID.",
	} {
		if def := s.Types[name]; def != nil && def.BuiltIn {
			corrected := *def
			corrected.Description = description
			s.Types[name] = &corrected
		}
	}
	if def := s.Directives["defer"]; def != nil && def.Position != nil && def.Position.Src != nil && def.Position.Src.BuiltIn {
		corrected := *def
		corrected.Arguments = slices.Clone(def.Arguments)
		for i, a := range corrected.Arguments {
			if a.Name == "if" { // if: Boolean! = true
				argument := *a
				argument.Type = ast.NonNullNamedType("Boolean", a.Type.Position)
				corrected.Arguments[i] = &argument
			}
		}
		s.Directives["defer"] = &corrected
	}
}
