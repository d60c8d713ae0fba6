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

// Usage has the coordinates of the fields that clients use, such as Product.name, with the
// number of requests, or 0 if it is not known.
type Usage map[string]uint64

// errUsageForm describes the forms that Parse reads.
var errUsageForm = errors.New(`the usage must be a list of coordinates, such as ["Product.name"], or an object whose member "fields" has them as keys, as the console responds to GET /console/api/graph/usage`)

// Parse adds the fields of a JSON document to the usage. The document is a list of
// coordinates, or what the console responds to GET /console/api/graph/usage: an object whose
// member fields has the coordinates as keys.
func (u Usage) Parse(text []byte) error {
	document, err := jsonscan.Parse(jsonscan.TrimMark(text))
	if err != nil {
		return fmt.Errorf("%w: %w", errUsageForm, err)
	}
	var list []string
	requests := map[string]uint64{}
	for _, item := range document.Items {
		if item.Kind != jsonscan.KindString {
			return fmt.Errorf("%w; the list has %s", errUsageForm, item.Raw)
		}
		list = append(list, item.Text)
	}
	if document.Kind != jsonscan.KindArray {
		fields, _ := document.Member("fields")
		if fields == nil || fields.Kind != jsonscan.KindObject {
			return errUsageForm
		}
		for _, m := range fields.Members {
			list = append(list, m.Name)
			if n, ok := m.Value.Member("requests"); ok {
				requests[m.Name], _ = strconv.ParseUint(string(n.Raw), 10, 64) // only the names matter
			}
		}
	}
	for _, coordinate := range list {
		if typ, field, ok := strings.Cut(coordinate, "."); !ok || typ == "" || field == "" || strings.ContainsAny(field, ".(") {
			return fmt.Errorf("%q is not the coordinate of a field, such as Product.name", coordinate)
		}
		u[coordinate] += requests[coordinate]
	}
	return nil
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
	for coordinate, requests := range u {
		name, field, _ := strings.Cut(coordinate, ".")
		typ := schema.Types[name]
		if typ == nil || typ.Kind == ast.InputObject || typ.Fields.ForName(field) == nil {
			c.Unknown = append(c.Unknown, coordinate)
			continue
		}
		c.Fields++
		if typ == schema.Query || typ == schema.Mutation || typ == schema.Subscription {
			c.Requests += requests
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
// used. Thus what the usage does not tell, such as the values of an
// enum that clients send and directives, counts as used.
func (u Usage) Relax(old *ast.Schema, changes []Change) []Change {
	used := u.elements(old)
	relaxed := make([]Change, len(changes))
	for i, c := range changes {
		if c.Level == Breaking && len(c.elements) > 0 && !anyOf(used, c.elements) {
			c.Level, c.Unused = Safe, true
		}
		relaxed[i] = c
	}
	return relaxed
}

func anyOf(set map[string]bool, names []string) bool {
	for _, name := range names {
		if set[name] {
			return true
		}
	}
	return false
}

// elements returns the names of the types and the coordinates of the fields that are used.
func (u Usage) elements(schema *ast.Schema) map[string]bool {
	used := map[string]bool{}
	for _, d := range schema.Directives {
		if len(executableLocations(d)) > 0 {
			for _, a := range d.Arguments {
				addInput(schema, used, a.Type.Name())
			}
		}
	}
	for _, typ := range schema.Types {
		for _, f := range typ.Fields {
			if typ.Kind == ast.InputObject || !u.uses(typ, f.Name) {
				continue
			}
			used[typ.Name], used[typ.Name+"."+f.Name] = true, true
			addOutput(schema, used, f.Type.Name())
			for _, a := range f.Arguments {
				addInput(schema, used, a.Type.Name())
			}
		}
	}
	return used
}

func (u Usage) uses(typ *ast.Definition, field string) bool {
	for _, name := range append([]string{typ.Name}, typ.Interfaces...) {
		if _, used := u[name+"."+field]; used {
			return true
		}
	}
	return false
}

// addOutput adds the type of a field, and its possible types.
func addOutput(schema *ast.Schema, used map[string]bool, name string) {
	used[name] = true
	if d := schema.Types[name]; d != nil && d.IsAbstractType() {
		for _, possible := range schema.GetPossibleTypes(d) {
			used[possible.Name] = true
		}
	}
}

// addInput adds the type of an argument, and the types of its fields.
func addInput(schema *ast.Schema, used map[string]bool, name string) {
	d := schema.Types[name]
	if d == nil || used[name] {
		return
	}
	used[name] = true
	if d.Kind == ast.InputObject {
		for _, f := range d.Fields {
			addInput(schema, used, f.Type.Name())
		}
	}
}
