package oracle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
)

// poison is the value of a field that the subgraph must not be asked for. It does not occur
// in the data.
const poison = "POISON"

var errPoison = errors.New("this subgraph must not be asked for this field")

type subgraph struct {
	world    *World
	name     string
	schema   *ast.Schema
	entities []string
}

// federation declares the definitions that the SDL of a subgraph uses.
const federation = `
scalar _Any
scalar federation__FieldSet
scalar federation__Scope
scalar federation__ContextFieldValue
directive @key(fields: String!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE
directive @requires(fields: String!) on FIELD_DEFINITION
directive @provides(fields: String!) on FIELD_DEFINITION
directive @external on OBJECT | FIELD_DEFINITION
directive @shareable repeatable on OBJECT | FIELD_DEFINITION
directive @override(from: String!, label: String) on FIELD_DEFINITION
directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION
directive @interfaceObject on OBJECT
directive @context(name: String!) repeatable on OBJECT | INTERFACE | UNION
directive @fromContext(field: federation__ContextFieldValue) on ARGUMENT_DEFINITION
directive @extends on OBJECT | INTERFACE
directive @tag(name: String!) repeatable on FIELD_DEFINITION | INTERFACE | OBJECT | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION
directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
`

func newSubgraph(w *World, name, sdl string) (*subgraph, error) {
	document, err := syntax.Schema(&ast.Source{Name: name, Input: sdl}, 0)
	if err != nil {
		return nil, err
	}
	s := &subgraph{world: w, name: name}
	for _, d := range append(document.Definitions, document.Extensions...) {
		if d.Kind == ast.Object && d.Directives.ForName("key") != nil && !slices.Contains(s.entities, d.Name) {
			s.entities = append(s.entities, d.Name)
		}
	}
	text := withoutLinks(document, sdl) + federation
	if document.Definitions.ForName("Query") == nil && document.Extensions.ForName("Query") == nil {
		text += "type Query { _unused: Boolean }\n"
	}
	if len(s.entities) > 0 {
		text += "union _Entity = " + strings.Join(s.entities, " | ") + "\nextend type Query { _entities(representations: [_Any!]!): [_Entity]! }\n"
	}
	s.schema, err = syntax.LoadSchema(&ast.Source{Name: name, Input: text})
	return s, err
}

// withoutLinks removes `extend schema @link(…)` from the SDL, because @link is not declared.
func withoutLinks(document *ast.SchemaDocument, sdl string) string {
	for _, extension := range slices.Backward(document.SchemaExtension) {
		start := extension.Position.Start
		end := start
		for _, d := range extension.Directives {
			end = d.Position.Start
			depth := 0
			for end < len(sdl) {
				switch sdl[end] {
				case '(':
					depth++
				case ')':
					depth--
				}
				end++
				if depth == 0 && sdl[end-1] == ')' {
					break
				}
			}
		}
		begin := strings.LastIndex(sdl[:min(len(sdl), start+6)], "extend")
		sdl = sdl[:begin] + sdl[end:]
	}
	return sdl
}

// Subgraph returns an HTTP handler for one subgraph.
func (w *World) Subgraph(name string) http.Handler {
	s := w.subgraphs[name]
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		var request struct {
			Query     string         `json:"query"`
			Variables map[string]any `json:"variables"`
		}
		if err := json.Unmarshal(body, &request); err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		result := s.answer(request.Query, request.Variables)
		rw.Header().Set("Content-Type", "application/json")
		answer := map[string]any{"data": result.Data}
		if len(result.Errors) > 0 {
			answer["errors"] = result.Errors
		}
		if err := json.NewEncoder(rw).Encode(answer); err != nil {
			panic(http.ErrAbortHandler)
		}
	})
}

func (s *subgraph) answer(query string, variables map[string]any) Result {
	document, values, err := load(s.schema, query, variables)
	if err != nil {
		return Result{Data: json.RawMessage("null"), Errors: []FieldError{{Message: fmt.Sprintf("%s cannot answer: %v: %s", s.name, err, query)}}}
	}
	e := &execution{schema: s.schema, document: document, variables: values, resolve: s.field}
	return e.run()
}

// field resolves a field according to the subgraph's schema.
func (s *subgraph) field(parent *object, field *ast.Field, args map[string]any) (any, error) {
	if field.Name == "_entities" {
		return s.entitiesOf(args["representations"].([]any))
	}
	declared := s.schema.Types[parent.typename].Fields.ForName(field.Name)
	if s.overridden(parent.typename, field.Name) {
		return poisoned(declared.Type)
	}
	inputs := []any{canonical(args)}
	if requires := s.fieldSetOf(parent.typename, field.Name, "requires"); requires != nil {
		inputs = append(inputs, canonical(s.sent(parent.typename, parent.representation, requires)))
	} else if requires := s.world.requires(parent.typename, field.Name); requires != nil {
		inputs = append(inputs, s.world.required(parent, requires, new(int)))
	}
	var below ast.SelectionSet
	if s.isExternal(parent.typename, field.Name) {
		provided := selectedOn(parent.provided, parent.typename, field.Name)
		if provided == nil && !s.world.isKey(parent.typename, field.Name) {
			return poisoned(declared.Type)
		}
		if provided != nil {
			below = provided.SelectionSet
		}
	} else if provided := selectedOn(parent.provided, parent.typename, field.Name); provided != nil {
		below = provided.SelectionSet
	}
	value, err := s.world.value(parent, field.Name, inputs)
	if provides := s.fieldSetOf(parent.typename, field.Name, "provides"); provides != nil {
		below = append(slices.Clone(below), provides...)
	}
	return s.local(value, declared.Type.Name(), below), err
}

// local converts a value to the form in this subgraph: objects record the fields provided
// below them and have the name of the interface if that is an @interfaceObject.
func (s *subgraph) local(value any, declared string, below ast.SelectionSet) any {
	switch v := value.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = s.local(v[i], declared, below)
		}
		return out
	case *object:
		own := *v
		own.provided = below
		if d := s.schema.Types[declared]; d.Kind == ast.Object {
			own.typename = declared
		}
		return &own
	}
	return value
}

func (s *subgraph) entitiesOf(representations []any) (any, error) {
	out := make([]any, len(representations))
	for i, r := range representations {
		representation, ok := r.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("representation %v is not an object", r)
		}
		typename, _ := representation["__typename"].(string)
		definition := s.schema.Types[typename]
		if definition == nil || definition.Directives.ForName("key") == nil {
			return nil, fmt.Errorf("%s has no entity %q", s.name, typename)
		}
		if !s.fitsKey(definition, representation) {
			return nil, fmt.Errorf("%s has no resolvable @key of %s for %v", s.name, typename, representation)
		}
		id, err := s.world.identity(typename, representation)
		if err != nil {
			return nil, err
		}
		if definition.Kind == ast.Interface {
			if typename, err = s.world.runtimeType(typename, id); err != nil {
				return nil, err
			}
		}
		out[i] = &object{typename: typename, id: id, representation: representation}
	}
	return out, nil
}

func (s *subgraph) fitsKey(definition *ast.Definition, representation map[string]any) bool {
	return slices.ContainsFunc(definition.Directives.ForNames("key"), func(key *ast.Directive) bool {
		if a := key.Arguments.ForName("resolvable"); a != nil && a.Value.Raw == "false" {
			return false
		}
		for _, f := range fieldSet(key.Arguments.ForName("fields").Value.Raw) {
			if _, has := representation[f.(*ast.Field).Name]; !has {
				return false
			}
		}
		return true
	})
}

// sent returns the fields of a field set in a representation.
func (s *subgraph) sent(typename string, representation map[string]any, set ast.SelectionSet) map[string]any {
	out := map[string]any{}
	for _, selection := range set {
		switch f := selection.(type) {
		case *ast.Field:
			if f.Name == "__typename" {
				continue
			}
			value, has := representation[f.Name]
			if !has {
				out[f.Name] = poison
				continue
			}
			out[f.Name] = s.sentValue(value, f.SelectionSet)
		case *ast.InlineFragment:
			name, ok := representation["__typename"].(string)
			if !ok {
				name = typename
			}
			if f.TypeCondition == name || slices.Contains(s.world.interfacesOf(name), f.TypeCondition) {
				for k, v := range s.sent(name, representation, f.SelectionSet) {
					out[k] = v
				}
			}
		}
	}
	return out
}

func (s *subgraph) sentValue(value any, set ast.SelectionSet) any {
	switch v := value.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = s.sentValue(v[i], set)
		}
		return out
	case map[string]any:
		return s.sent("", v, set)
	}
	return value
}

func poisoned(t *ast.Type) (any, error) {
	if t.Elem == nil && (t.NamedType == "String" || t.NamedType == "ID") {
		return poison, nil
	}
	return nil, errPoison
}

// possible returns the possible object types of an abstract type in the subgraph.
func (s *subgraph) possible(abstract string) []string {
	var out []string
	for _, d := range s.schema.PossibleTypes[abstract] {
		out = append(out, d.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// resolves reports whether the subgraph resolves a field.
func (s *subgraph) resolves(typename, field string) bool {
	d := s.schema.Types[typename]
	if d == nil || d.Fields.ForName(field) == nil {
		return false
	}
	return !s.isExternal(typename, field) && !s.overridden(typename, field)
}

func (s *subgraph) isExternal(typename, field string) bool {
	d := s.schema.Types[typename]
	f := d.Fields.ForName(field)
	return f.Directives.ForName("external") != nil || d.Directives.ForName("external") != nil
}

// overridden reports whether another subgraph overrides the field.
func (s *subgraph) overridden(typename, field string) bool {
	return slices.ContainsFunc(s.world.names, func(name string) bool {
		d := s.world.subgraphs[name].schema.Types[typename]
		if d == nil || d.Fields.ForName(field) == nil {
			return false
		}
		o := d.Fields.ForName(field).Directives.ForName("override")
		return o != nil && o.Arguments.ForName("from").Value.Raw == s.name
	})
}

// fieldSetOf returns the field set of a directive on a field, or nil.
func (s *subgraph) fieldSetOf(typename, field, directive string) ast.SelectionSet {
	d := s.schema.Types[typename]
	if d == nil || d.Fields.ForName(field) == nil {
		return nil
	}
	found := d.Fields.ForName(field).Directives.ForName(directive)
	if found == nil {
		return nil
	}
	return fieldSet(found.Arguments.ForName("fields").Value.Raw)
}

// selectedOn returns a field in a provided field set, including its fragments, or nil.
func selectedOn(set ast.SelectionSet, typename, name string) *ast.Field {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if s.Name == name {
				return s
			}
		case *ast.InlineFragment:
			if s.TypeCondition == "" || s.TypeCondition == typename {
				if f := selectedOn(s.SelectionSet, typename, name); f != nil {
					return f
				}
			}
		}
	}
	return nil
}
