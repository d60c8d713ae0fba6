package oracle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// An Operation is a generated operation with its variables.
type Operation struct {
	Query     string
	Variables json.RawMessage
}

// Values returns the variables as Go values.
func (o Operation) Values() map[string]any {
	var out map[string]any
	if err := json.Unmarshal(o.Variables, &out); err != nil {
		panic(err) // made by Generate
	}
	return out
}

// Generate generates an operation for the world's API schema. draw(n) returns a number in
// [0, n). Most operations are valid, but not all: fields with the same name on different
// types may conflict.
func (w *World) Generate(draw func(n int) int) Operation {
	g := &generator{schema: w.api, draw: draw, variables: map[string]any{}, defers: draw(4) == 0}
	root, keyword := w.api.Query, "query"
	if w.api.Mutation != nil && draw(8) == 0 {
		root, keyword = w.api.Mutation, "mutation"
	}
	body := g.selection(root, 0)
	text := keyword + " Generated"
	if len(g.declared) > 0 {
		text += "(" + strings.Join(g.declared, ", ") + ")"
	}
	variables, err := json.Marshal(g.variables)
	if err != nil {
		panic(err) // plain values
	}
	return Operation{Query: text + " " + body + strings.Join(g.fragments, ""), Variables: variables}
}

type generator struct {
	schema    *ast.Schema
	draw      func(n int) int
	declared  []string
	variables map[string]any
	fragments []string
	size      int
	// defers is set if the operation may use @defer.
	defers bool
}

const (
	maxDepth = 6
	maxSize  = 60
)

func (g *generator) selection(t *ast.Definition, depth int) string {
	var parts []string
	for range 1 + g.draw(4) {
		if part := g.part(t, depth); part != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "__typename")
	}
	return "{ " + strings.Join(parts, " ") + " }"
}

func (g *generator) part(t *ast.Definition, depth int) string {
	g.size++
	fragment := g.draw(10)
	if t.IsAbstractType() && fragment < 5 || fragment == 0 {
		return g.fragment(t, depth)
	}
	fields := slices.Clone(t.Fields)
	fields = slices.DeleteFunc(fields, func(f *ast.FieldDefinition) bool {
		leaf := g.schema.Types[f.Type.Name()].IsLeafType()
		return strings.HasPrefix(f.Name, "__") || !leaf && (depth >= maxDepth || g.size > maxSize)
	})
	if len(fields) == 0 || g.draw(12) == 0 {
		return "__typename" + g.condition()
	}
	return g.field(fields[g.draw(len(fields))], depth)
}

func (g *generator) field(f *ast.FieldDefinition, depth int) string {
	arguments := g.arguments(f)
	text := f.Name + arguments
	// Use one response key for a field with the same arguments, so that selections
	// can be merged.
	if arguments != "" || g.draw(6) == 0 {
		text = fmt.Sprintf("%s_%x: %s", f.Name, checksum(arguments), text)
	}
	text += g.condition()
	if t := g.schema.Types[f.Type.Name()]; !t.IsLeafType() {
		text += " " + g.selection(t, depth+1)
	}
	return text
}

func checksum(s string) uint16 {
	var sum uint16 = 7
	for _, c := range []byte(s) {
		sum = sum*31 + uint16(c)
	}
	return sum
}

func (g *generator) arguments(f *ast.FieldDefinition) string {
	var given []string
	for _, a := range f.Arguments {
		if a.Type.NonNull || g.draw(2) == 0 {
			given = append(given, a.Name+": "+g.argument(a.Type))
		}
	}
	if len(given) == 0 {
		return ""
	}
	return "(" + strings.Join(given, ", ") + ")"
}

func (g *generator) argument(t *ast.Type) string {
	if g.draw(2) == 0 {
		return g.literal(t, 0)
	}
	name := fmt.Sprintf("v%d", len(g.declared))
	g.declared = append(g.declared, "$"+name+": "+t.String())
	if t.NonNull || g.draw(4) > 0 {
		g.variables[name] = g.value(t, 0)
	}
	return "$" + name
}

func (g *generator) literal(t *ast.Type, depth int) string {
	if definition := g.schema.Types[t.Name()]; t.Elem == nil && definition.Kind == ast.InputObject {
		var parts []string
		for _, f := range definition.Fields {
			if f.Type.NonNull || depth < 2 && g.draw(2) == 0 {
				parts = append(parts, f.Name+": "+g.literal(f.Type, depth+1))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	text, err := json.Marshal(g.value(t, depth))
	if err != nil {
		panic(err) // plain values
	}
	if definition := g.schema.Types[t.Name()]; definition.Kind == ast.Enum {
		return strings.ReplaceAll(string(text), `"`, "")
	}
	return string(text)
}

func (g *generator) value(t *ast.Type, depth int) any {
	if !t.NonNull && g.draw(8) == 0 {
		return nil
	}
	if t.Elem != nil {
		list := make([]any, g.draw(3))
		for i := range list {
			list[i] = g.value(t.Elem, depth)
		}
		return list
	}
	definition := g.schema.Types[t.NamedType]
	switch {
	case definition.Kind == ast.InputObject:
		out := map[string]any{}
		for _, f := range definition.Fields {
			if f.Type.NonNull || depth < 2 && g.draw(2) == 0 {
				out[f.Name] = g.value(f.Type, depth+1)
			}
		}
		return out
	case definition.Kind == ast.Enum:
		return definition.EnumValues[g.draw(len(definition.EnumValues))].Name
	case t.NamedType == "Int", t.NamedType == "Long":
		return g.draw(5)
	case t.NamedType == "Float", t.NamedType == "Decimal":
		return float64(g.draw(9)) / 2
	case t.NamedType == "Boolean":
		return g.draw(2) == 0
	}
	return []string{"", "x", "a \"quoted\" word", "ünï", "$notAVariable"}[g.draw(5)]
}

// condition returns, sometimes, a @skip or @include with a literal or a variable.
func (g *generator) condition() string {
	if g.draw(10) > 0 {
		return ""
	}
	directive := []string{"@skip", "@include"}[g.draw(2)]
	if g.draw(3) == 0 {
		return fmt.Sprintf(" %s(if: %t)", directive, g.draw(2) == 0)
	}
	name := fmt.Sprintf("v%d", len(g.declared))
	g.declared = append(g.declared, "$"+name+": Boolean!")
	g.variables[name] = g.draw(2) == 0
	return fmt.Sprintf(" %s(if: $%s)", directive, name)
}

// fragment returns a fragment on a possible type, inline or named.
func (g *generator) fragment(t *ast.Definition, depth int) string {
	possible := g.schema.GetPossibleTypes(t)
	on := t
	switch {
	case len(possible) == 0:
		return "__typename"
	case g.draw(4) > 0:
		on = possible[g.draw(len(possible))]
	}
	body := g.selection(on, depth+1)
	if g.draw(3) > 0 {
		return "... on " + on.Name + g.condition() + g.deferral() + " " + body
	}
	name := fmt.Sprintf("F%d", len(g.fragments))
	g.fragments = append(g.fragments, fmt.Sprintf("\nfragment %s on %s %s", name, on.Name, body))
	return "..." + name + g.condition() + g.deferral()
}

// deferral returns, sometimes, a @defer, if the operation may use it.
func (g *generator) deferral() string {
	if !g.defers || g.draw(3) > 0 {
		return ""
	}
	if g.draw(4) > 0 {
		return " @defer"
	}
	name := fmt.Sprintf("v%d", len(g.declared))
	g.declared = append(g.declared, "$"+name+": Boolean!")
	g.variables[name] = g.draw(2) == 0
	return fmt.Sprintf(" @defer(if: $%s)", name)
}
