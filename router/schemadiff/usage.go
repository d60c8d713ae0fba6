package schemadiff

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/jsonscan"
)

// Usage has the coordinates of the fields that clients use, such as Product.name. If it is
// known, it also has those of arguments, input fields and enum values.
type Usage map[string]Use

// A Use says how often an element was used and by which clients.
type Use struct {
	requests uint64 // 0 if it is not known
	// clients are names, with the version if there is one, such as "web 1.2".
	clients []string
	// detail is set for everything but fields.
	detail bool
	// exact is set for fields of which all documents tell the arguments, input fields and enum
	// values that clients send.
	exact bool
}

func (u Use) add(other Use) Use {
	u.exact = u.exact && other.exact
	u.requests += other.requests
	for _, client := range other.clients {
		if !slices.Contains(u.clients, client) {
			u.clients = append(u.clients, client)
		}
	}
	slices.Sort(u.clients)
	u.detail = other.detail
	return u
}

// errUsageForm describes the forms that Parse reads.
var errUsageForm = errors.New(`the usage must be a list of coordinates, such as ["Product.name"], or an object whose member "fields" has them as keys, as the console responds to GET /console/api/graph/usage`)

// errIncomplete is the error for a document that lacks elements that were used.
var errIncomplete = errors.New("the usage is incomplete: clients used more elements than the router counts (20,000), so that a change of those left out would be taken for safe; leave out --usage")

// Parse adds the fields of a JSON document to the usage. The document is a list of
// coordinates, or what the console responds to GET /console/api/graph/usage: an object whose
// member fields has the coordinates as keys. The files of telemetry.usage_export have the same
// form, and further members for arguments, input fields and enum values.
func (u Usage) Parse(text []byte) error {
	document, err := jsonscan.Parse(jsonscan.TrimMark(text))
	if err != nil {
		return fmt.Errorf("%w: %w", errUsageForm, err)
	}
	given := Usage{}
	for _, item := range document.Items {
		if item.Kind != jsonscan.KindString {
			return fmt.Errorf("%w; the list has %s", errUsageForm, item.Raw)
		}
		given[item.Text] = Use{}
	}
	if document.Kind != jsonscan.KindArray {
		fields, _ := document.Member("fields")
		if fields == nil || fields.Kind != jsonscan.KindObject {
			return errUsageForm
		}
		if incomplete, ok := document.Member("incomplete"); ok && string(incomplete.Raw) == "true" {
			return errIncomplete
		}
		given.addMembers(fields, Use{exact: detailed(&document)})
	}
	for coordinate := range given {
		if typ, field, ok := strings.Cut(coordinate, "."); !ok || typ == "" || field == "" || strings.ContainsAny(field, ".(") {
			return fmt.Errorf("%q is not the coordinate of a field, such as Product.name", coordinate)
		}
	}
	for _, name := range []string{"arguments", "input_fields", "enum_values"} {
		if more, ok := document.Member(name); ok && document.Kind != jsonscan.KindArray {
			given.addMembers(more, Use{detail: true})
		}
	}
	for coordinate, use := range given {
		add(u, coordinate, use)
	}
	return nil
}

// detailed reports whether a document is one of telemetry.usage_export, which tells what clients
// send; members without elements are left out.
func detailed(document *jsonscan.Node) bool {
	_, ok := document.Member("until")
	return ok
}

// add adds the use of an element.
func add[M ~map[string]Use](to M, name string, use Use) {
	if known, ok := to[name]; ok {
		use = known.add(use)
	}
	to[name] = use
}

// addMembers adds the members of an object, whose names are coordinates.
// like has what all have in common.
func (u Usage) addMembers(of *jsonscan.Node, like Use) {
	for _, m := range of.Members {
		use := like
		if n, ok := m.Value.Member("requests"); ok {
			use.requests, _ = strconv.ParseUint(string(n.Raw), 10, 64) // only the names matter
		}
		if list, ok := m.Value.Member("clients"); ok {
			for _, client := range list.Items {
				if name := clientName(&client); name != "" {
					use.clients = append(use.clients, name)
				}
			}
		}
		u[m.Name] = use
	}
}

// clientName returns the name of a client, which is a string or an object.
func clientName(n *jsonscan.Node) string {
	name, version := n.Text, ""
	if n.Kind == jsonscan.KindObject {
		if member, ok := n.Member("name"); ok {
			name = member.Text
		}
		if member, ok := n.Member("version"); ok {
			version = member.Text
		}
	}
	return strings.TrimSpace(name + " " + version)
}

// Coverage says how a usage fits a schema.
type Coverage struct {
	Fields   int      `json:"fields"`   // that the schema has
	Requests uint64   `json:"requests"` // of root fields, if the usage has them
	Unknown  []string `json:"unknown"`  // fields that the schema does not have
}

// Coverage returns how many fields of the usage a schema has. A usage of another graph has
// none of them, and would make every change safe.
func (u Usage) Coverage(schema *ast.Schema) Coverage {
	c := Coverage{Unknown: []string{}}
	for coordinate, use := range u {
		if use.detail {
			continue
		}
		name, field, _ := strings.Cut(coordinate, ".")
		typ := schema.Types[name]
		if typ == nil || typ.Kind == ast.InputObject || typ.Fields.ForName(field) == nil {
			c.Unknown = append(c.Unknown, coordinate)
			continue
		}
		c.Fields++
		if typ == schema.Query || typ == schema.Mutation || typ == schema.Subscription {
			c.Requests += use.requests
		}
	}
	slices.Sort(c.Unknown)
	return c
}

// Relax returns the changes of a schema with those that are Breaking, but concern only
// elements that no client uses, as Safe and Unused. A field is used if the usage has it, or
// if it has the field of an interface of its type. A type is used if a used field has it as
// its type or as that of an argument, if one of its fields is used, or if it belongs to the
// abstract type of a used field. The types of the arguments of directives of operations are
// used. An argument, an input field and an enum value are used if the usage has them, or if it does
// not tell those of all fields concerned. Thus what the usage does not tell, such as directives,
// counts as used. The changes that remain Breaking get
// the clients that they concern, as far as they are known.
func (u Usage) Relax(old *ast.Schema, changes []Change) []Change {
	used := u.elements(old)
	relaxed := make([]Change, len(changes))
	for i, c := range changes {
		if c.Level == Breaking && len(c.elements) > 0 {
			use, ok := used.anyOf(c.elements)
			if _, sent := u[c.sent]; ok && (c.sent == "" || sent || !use.exact) {
				c.Clients = use.clients
			} else {
				c.Level, c.Unused = Safe, true
			}
		}
		if own, ok := u[c.Coordinate]; ok && c.Level == Breaking && own.detail {
			c.Clients = own.clients // it says more than the fields do
		}
		relaxed[i] = c
	}
	return relaxed
}

// elements has the use of types and fields.
type elements map[string]Use

func (e elements) anyOf(names []string) (all Use, used bool) {
	for _, name := range names {
		if use, ok := e[name]; ok {
			all, used = together(all, used, use), true
		}
	}
	return all, used
}

// together returns what some uses, if there are any, and another one are together.
func together(all Use, any bool, use Use) Use {
	if !any {
		all.exact = true
	}
	return all.add(use)
}

func (e elements) add(name string, use Use) { add(e, name, use) }

// elements returns the names of the types and the coordinates of the fields that are used.
func (u Usage) elements(schema *ast.Schema) elements {
	used := elements{}
	for _, d := range schema.Directives {
		if len(executableLocations(d)) > 0 {
			for _, a := range d.Arguments {
				used.addInput(schema, a.Type.Name(), Use{}, u, map[string]bool{})
			}
		}
	}
	for _, typ := range schema.Types {
		for _, f := range typ.Fields {
			use, ok := u.uses(typ, f.Name)
			if typ.Kind == ast.InputObject || !ok {
				continue
			}
			used.add(typ.Name, use)
			used.add(typ.Name+"."+f.Name, use)
			used.addOutput(schema, f.Type.Name(), use)
			for _, a := range f.Arguments {
				if u.mayHave(typ, f.Name+"("+a.Name+":)", use) {
					used.addInput(schema, a.Type.Name(), use, u, map[string]bool{})
				}
			}
		}
	}
	return used
}

// uses returns the use of a field, or of the same field of an interface of its type.
func (u Usage) uses(typ *ast.Definition, field string) (all Use, used bool) {
	for _, name := range append([]string{typ.Name}, typ.Interfaces...) {
		if use, ok := u[name+"."+field]; ok {
			all, used = together(all, used, use), true
		}
	}
	return all, used
}

// mayHave reports whether clients may send a member of a type or of one of its interfaces, such as
// an argument of a field. use is that of the field.
func (u Usage) mayHave(typ *ast.Definition, member string, use Use) bool {
	return !use.exact || slices.ContainsFunc(append([]string{typ.Name}, typ.Interfaces...), func(name string) bool {
		_, ok := u[name+"."+member]
		return ok
	})
}

// addOutput adds the type of a field, and its possible types.
func (e elements) addOutput(schema *ast.Schema, name string, use Use) {
	e.add(name, use)
	if d := schema.Types[name]; d != nil && d.IsAbstractType() {
		for _, possible := range schema.GetPossibleTypes(d) {
			e.add(possible.Name, use)
		}
	}
}

// addInput adds the type of an argument, and the types of its fields that clients may send.
func (e elements) addInput(schema *ast.Schema, name string, use Use, u Usage, visited map[string]bool) {
	d := schema.Types[name]
	if d == nil || visited[name] {
		return
	}
	visited[name] = true
	e.add(name, use)
	if d.Kind == ast.InputObject {
		for _, f := range d.Fields {
			if u.mayHave(d, f.Name, use) {
				e.addInput(schema, f.Type.Name(), use, u, visited)
			}
		}
	}
}
