package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// introspectionQuery asks for what can differ from the SDL. Types are nested at most six
// times, such as [[Int!]!]!.
const introspectionQuery = `{ __schema { mutationType { name } subscriptionType { name } types { kind name
  fields(includeDeprecated: true) { name type { ...T } args { name type { ...T } } }
  inputFields { name type { ...T } }
  enumValues(includeDeprecated: true) { name }
  possibleTypes { name } } } }
fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } }`

// maxDifferences bounds how many differences are listed.
const maxDifferences = 8

type introspected struct {
	MutationType, SubscriptionType *struct{ Name string }
	Types                          []introspectedType
}

type introspectedType struct {
	Kind          string
	Name          string
	Fields        []introspectedField
	InputFields   []introspectedField
	EnumValues    []struct{ Name string }
	PossibleTypes []struct{ Name string }
}

type introspectedField struct {
	Name string
	Type typeReference
	Args []introspectedField
}

type typeReference struct {
	Kind, Name string
	OfType     *typeReference
}

func (t *typeReference) String() string {
	switch {
	case t == nil:
		return ""
	case t.Kind == "NON_NULL":
		return t.OfType.String() + "!"
	case t.Kind == "LIST":
		return "[" + t.OfType.String() + "]"
	}
	return t.Name
}

// introspection compares what the subgraph executes with its SDL.
func (p *prober) introspection(ctx context.Context) {
	if p.schema == nil {
		p.skip(checkIntrospection, "", "there is no SDL", "")
		return
	}
	r, err := p.send(ctx, introspectionQuery, nil)
	if err != nil {
		p.skip(checkIntrospection, "", err.Error(), "")
		return
	}
	encoded, err := json.Marshal(r.data["__schema"])
	var found *introspected
	if err == nil {
		err = json.Unmarshal(encoded, &found)
	}
	if err != nil || found == nil || len(found.Types) == 0 {
		p.skip(checkIntrospection, "", "introspection is not possible: "+cmp.Or(r.firstError(), "the response has no __schema and no error"), "")
		return
	}
	differences := p.schema.differences(found)
	if len(differences) == 0 {
		p.pass(checkIntrospection, "", "")
		return
	}
	more := ""
	if n := len(differences) - maxDifferences; n > 0 {
		differences, more = differences[:maxDifferences], fmt.Sprintf("; and %d more", n)
	}
	p.fail(checkIntrospection, "", strings.Join(differences, "; ")+more,
		"Routers believe the SDL. Make the executable schema and _service.sdl from one source, and restart the subgraph after a change.")
}

// differences compares the types of the SDL with those of introspection. Types that only
// introspection has matter if they are roots or members of others: servers define types of
// their own that nothing refers to.
func (s *schema) differences(found *introspected) []string {
	var list []string
	executed := map[string]map[string]string{}
	for _, t := range found.Types {
		executed[t.Name] = t.elements()
	}
	for _, root := range []*struct{ Name string }{found.MutationType, found.SubscriptionType} {
		if root != nil && s.types[root.Name] == nil {
			list = append(list, fmt.Sprintf("introspection has the type %s, which the SDL does not have", root.Name))
		}
	}
	for name, d := range s.types {
		if internalType(name) || d.Kind == ast.Scalar {
			continue
		}
		actual, ok := executed[name]
		if !ok {
			list = append(list, fmt.Sprintf("the SDL has the type %s, which introspection does not have", name))
			continue
		}
		list = append(list, compareElements(name, withoutFederation(s.elements(d)), withoutFederation(actual))...)
	}
	slices.Sort(list)
	return list
}

func compareElements(name string, written, executed map[string]string) (list []string) {
	for element, typ := range written {
		actual, ok := executed[element]
		switch {
		case !ok:
			list = append(list, fmt.Sprintf("the SDL has %s.%s, which introspection does not have", name, element))
		case actual != typ:
			list = append(list, fmt.Sprintf("%s.%s is %s in the SDL and %s by introspection", name, element, typ, actual))
		}
	}
	for element := range executed {
		if _, ok := written[element]; !ok {
			list = append(list, fmt.Sprintf("introspection has %s.%s, which the SDL does not have", name, element))
		}
	}
	return list
}

// elements returns the fields with their arguments and types, the values or the members of a
// type.
func (s *schema) elements(d *ast.Definition) map[string]string {
	all := map[string]string{}
	for _, f := range d.Fields {
		var arguments []string
		for _, a := range f.Arguments {
			arguments = append(arguments, a.Name+": "+a.Type.String())
		}
		all[f.Name] = signature(f.Type.String(), arguments)
	}
	for _, v := range d.EnumValues {
		all[v.Name] = "a value"
	}
	if d.Kind == ast.Union || d.Kind == ast.Interface {
		for _, member := range s.possible[d.Name] {
			all[member] = "a member"
		}
	}
	return all
}

func (t *introspectedType) elements() map[string]string {
	all := map[string]string{}
	for _, f := range slices.Concat(t.Fields, t.InputFields) {
		var arguments []string
		for _, a := range f.Args {
			arguments = append(arguments, a.Name+": "+a.Type.String())
		}
		all[f.Name] = signature(f.Type.String(), arguments)
	}
	for _, v := range t.EnumValues {
		all[v.Name] = "a value"
	}
	if t.Kind == "UNION" || t.Kind == "INTERFACE" {
		for _, member := range t.PossibleTypes {
			all[member.Name] = "a member"
		}
	}
	return all
}

func signature(result string, arguments []string) string {
	if len(arguments) == 0 {
		return result
	}
	slices.Sort(arguments)
	return "(" + strings.Join(arguments, ", ") + "): " + result
}

func withoutFederation(all map[string]string) map[string]string {
	delete(all, "_service")
	delete(all, "_entities")
	return all
}

// internalType reports whether a type belongs to GraphQL or Federation itself.
func internalType(name string) bool {
	for _, prefix := range []string{"__", "_", "federation__", "link__", "core__", "join__"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name == "link_Purpose" || name == "Purpose" || name == "FieldSet"
}
