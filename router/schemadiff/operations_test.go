package schemadiff_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// operations makes all small operations on a schema.
type operations struct{ schema *ast.Schema }

// maxSelection bounds the nesting of selections below a root field.
const maxSelection = 3

// all returns operations that each select one leaf, in all ways in which its fields may have
// arguments and directives.
func (o operations) all() (list []string) {
	for kind, root := range map[string]*ast.Definition{"query": o.schema.Query, "mutation": o.schema.Mutation} {
		if root == nil {
			continue
		}
		for _, s := range o.selections(root, maxSelection) {
			list = append(list, kind+s.variables()+" { "+s.text+" }")
		}
		for _, d := range o.directives(map[string]ast.DirectiveLocation{"query": ast.LocationQuery, "mutation": ast.LocationMutation}[kind]) {
			list = append(list, kind+d.variables()+" "+d.text+" { __typename }")
		}
	}
	slices.Sort(list)
	return list
}

// A part is a part of an operation, with the type of the variable $v if it has that.
type part struct{ text, variable string }

func (p part) variables() string {
	if p.variable == "" {
		return ""
	}
	return "($v: " + p.variable + ")"
}

// selections returns selections of one leaf of a type.
func (o operations) selections(on *ast.Definition, depth int) (list []part) {
	list = append(list, part{text: "__typename"})
	for _, d := range o.directives(ast.LocationField) {
		list = append(list, part{"__typename " + d.text, d.variable})
	}
	for _, f := range on.Fields {
		if strings.HasPrefix(f.Name, "__") {
			continue
		}
		inner := []part{{}}
		if d := o.schema.Types[f.Type.Name()]; d.IsCompositeType() {
			if depth == 0 {
				continue
			}
			inner = o.selections(d, depth-1)
		}
		for i, p := range inner {
			if p.text != "" {
				p.text = " { " + p.text + " }"
			}
			for _, a := range o.arguments(f.Arguments) {
				list = append(list, part{f.Name + a.text + p.text, a.variable + p.variable})
				if i > 0 || p.variable != "" {
					break // the arguments were varied
				}
			}
		}
	}
	if !on.IsAbstractType() && on.Kind != ast.Object || depth == 0 {
		return list
	}
	for _, name := range []string{"N", "P", "R", "S", "U"} {
		if !o.overlap(on, o.schema.Types[name]) {
			continue
		}
		leaf := "id"
		if name == "U" {
			leaf = "__typename"
		}
		list = append(list, part{text: "... on " + name + " { " + leaf + " }"})
		for _, d := range o.directives(ast.LocationInlineFragment) {
			list = append(list, part{"... on " + name + " " + d.text + " { " + leaf + " }", d.variable})
		}
	}
	return list
}

func (o operations) overlap(a, b *ast.Definition) bool {
	for _, p := range o.schema.GetPossibleTypes(a) {
		if slices.Contains(o.schema.GetPossibleTypes(b), p) {
			return true
		}
	}
	return false
}

// directives returns the uses of @d at a place.
func (o operations) directives(at ast.DirectiveLocation) (list []part) {
	d := o.schema.Directives["d"]
	if d == nil || !slices.Contains(d.Locations, at) {
		return nil
	}
	for _, a := range o.arguments(d.Arguments) {
		list = append(list, part{"@d" + a.text, a.variable})
		if d.IsRepeatable && a.variable == "" {
			list = append(list, part{text: "@d" + a.text + " @d" + a.text})
		}
	}
	return list
}

// arguments returns the ways to give arguments: those that are required, and each value of each.
func (o operations) arguments(of ast.ArgumentDefinitionList) (list []part) {
	var inputs []field
	for _, a := range of {
		inputs = append(inputs, field{a.Name, a.Type, a.DefaultValue != nil})
	}
	for _, p := range o.given(inputs, 1, "") {
		if p.text != "" {
			p.text = "(" + p.text + ")"
		}
		list = append(list, p)
	}
	return list
}

// A field is an argument or an input field.
type field struct {
	name       string
	typ        *ast.Type
	hasDefault bool
}

// given returns texts in which the required inputs have a value, and one of all inputs has each of
// its values in turn.
func (o operations) given(inputs []field, depth int, oneOf string) (list []part) {
	with := func(name, value, variable string) part {
		var texts []string
		for _, i := range inputs {
			switch {
			case i.name == name:
				texts = append(texts, name+": "+value)
			case i.typ.NonNull && !i.hasDefault:
				texts = append(texts, i.name+": "+o.values(i.typ, depth)[0].text)
			}
		}
		return part{strings.Join(texts, ", "), variable}
	}
	if oneOf == "" {
		list = append(list, with("", "", ""))
	}
	for _, i := range inputs {
		for _, v := range o.values(i.typ, depth) {
			if oneOf == "" || v.text != "null" {
				list = append(list, with(i.name, v.text, v.variable))
			}
		}
		list = append(list, with(i.name, "$v", strings.TrimSuffix(i.typ.String(), "!")+"!"))
		if oneOf == "" {
			list = append(list, with(i.name, "$v", i.typ.String()))
		}
	}
	return list
}

// values returns values of a type; the first one is the simplest.
func (o operations) values(t *ast.Type, depth int) (list []part) {
	switch d := o.schema.Types[t.Name()]; {
	case t.Elem != nil:
		for _, v := range o.values(t.Elem, depth) {
			list = append(list, part{"[" + v.text + "]", v.variable})
		}
		list = append(list, part{text: "[]"}, part{text: "1"})
	case d.Kind == ast.Enum:
		for _, v := range d.EnumValues {
			list = append(list, part{text: v.Name})
		}
	case d.Kind == ast.InputObject:
		var inputs []field
		for _, f := range d.Fields {
			inputs = append(inputs, field{f.Name, f.Type, f.DefaultValue != nil})
		}
		oneOf := ""
		if d.Directives.ForName("oneOf") != nil {
			oneOf = d.Name
		}
		for _, p := range o.given(inputs, depth-1, oneOf) {
			list = append(list, part{"{" + p.text + "}", p.variable})
		}
		if oneOf == "" && len(inputs) > 1 { // several fields, which @oneOf refuses
			var texts []string
			for _, f := range inputs {
				texts = append(texts, fmt.Sprintf("%s: %s", f.name, o.values(f.typ, depth-1)[0].text))
			}
			list = append(list, part{text: "{" + strings.Join(texts, ", ") + "}"})
		}
	default:
		list = append(list, part{text: map[string]string{"Int": "1", "String": `"s"`}[d.Name]})
	}
	if !t.NonNull {
		list = append(list, part{text: "null"})
	}
	return list
}
