package supergraph

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/lexer"

	"souk/router/internal/syntax"
)

// Needs are what a supergraph needs of a subgraph: types, their fields with types and
// arguments, members of interfaces and unions, values of enums, and keys. Each one is a
// text such as "Product.price: Int!" or "Product.price(currency:)".
type Needs map[string]bool

// Needs returns what the supergraph needs of a subgraph. Fields that the subgraph does not
// resolve do not count.
func (m *Model) Needs(g *Subgraph) Needs {
	n := Needs{}
	for _, t := range m.types {
		in := t.InSubgraph(g)
		if in == nil {
			continue
		}
		n[t.Name] = true
		for _, k := range in.Keys {
			if k.Resolvable {
				n.add(t.Name, "", k.Fields.Text)
			}
		}
		if t.Abstract() && !in.InterfaceObject {
			for _, p := range in.Possible {
				n[member(t.Name, p.Name)] = true
			}
		}
		for _, v := range t.EnumValues {
			if v.In == nil || slices.Contains(v.In, g) {
				n[t.Name+"."+v.Name] = true
			}
		}
		for _, f := range t.Fields {
			n.field(f, f.InSubgraph(g))
		}
	}
	return n
}

func (n Needs) field(f *Field, in *FieldIn) {
	if in == nil || !in.Resolves(func(string) bool { return in.Override != nil }) {
		return
	}
	name := f.Parent.Name + "." + f.Name
	n[name+": "+in.Type] = true
	for _, a := range f.Arguments {
		n[name+"("+a.Name+":)"] = true
	}
	if in.Requires != nil {
		n.add(f.Parent.Name, f.Name, in.Requires.Text)
	}
}

// add adds a field set of a type (@key) or of a field (@requires).
func (n Needs) add(typename, field, set string) {
	text := normal(set)
	if field != "" {
		n[fmt.Sprintf("%s.%s with @requires(fields: %q)", typename, field, text)] = true
	} else {
		n[fmt.Sprintf("%s with @key(fields: %q)", typename, text)] = true
	}
}

func member(of, name string) string { return name + " in " + of }

// normal returns a field set without differences of white space and commas. It is the text
// itself if that has a syntax error.
func normal(set string) string {
	var tokens []string
	for l := lexer.New(&ast.Source{Input: set}); ; {
		t, err := l.ReadToken()
		switch {
		case err != nil:
			return set
		case t.Kind == lexer.EOF:
			return strings.Join(tokens, " ")
		}
		tokens = append(tokens, cmp.Or(t.Value, t.Kind.String()))
	}
}

// Beyond returns the needs that are not among others.
func (n Needs) Beyond(others Needs) Needs {
	more := maps.Clone(n)
	maps.DeleteFunc(more, func(need string, _ bool) bool { return others[need] })
	return more
}

// maxTokens bounds the SDL of a subgraph, in tokens.
const maxTokens = 20_000_000

// Missing returns the needs that the SDL of a subgraph does not meet, sorted.
func (n Needs) Missing(sdl string) ([]string, error) {
	document, err := syntax.Schema(&ast.Source{Name: "sdl", Input: sdl}, maxTokens)
	if err != nil {
		return nil, fmt.Errorf("reading the SDL: %w", err)
	}
	return slices.Sorted(maps.Keys(n.Beyond(offers(document)))), nil
}

// offers returns what an SDL has, in the terms of Needs.
func offers(document *ast.SchemaDocument) Needs {
	// Every subgraph has a Query, with _service, also one whose SDL does not say so.
	n, roots := Needs{"Query": true}, map[string]string{}
	for _, s := range slices.Concat(document.Schema, document.SchemaExtension) {
		for _, o := range s.OperationTypes { // a supergraph gives root types their usual names
			roots[o.Type] = map[ast.Operation]string{ast.Query: "Query", ast.Mutation: "Mutation", ast.Subscription: "Subscription"}[o.Operation]
		}
	}
	name := func(text string) string {
		if root := roots[text]; root != "" {
			return root
		}
		return text
	}
	for _, d := range slices.Concat(document.Definitions, document.Extensions) {
		of := name(d.Name)
		n[of] = true
		n.fieldSets(of, "", d.Directives)
		for _, i := range d.Interfaces {
			n[member(i, of)] = true
		}
		for _, t := range d.Types {
			n[member(of, name(t))] = true
		}
		for _, v := range d.EnumValues {
			n[of+"."+v.Name] = true
		}
		for _, f := range d.Fields {
			field := of + "." + f.Name
			text := f.Type.String()
			n[field+": "+strings.Replace(text, f.Type.Name(), name(f.Type.Name()), 1)] = true
			for _, a := range f.Arguments {
				n[field+"("+a.Name+":)"] = true
			}
			n.fieldSets(of, f.Name, f.Directives)
		}
	}
	return n
}

// fieldSets adds the field sets of directives. @link may have given the directives of
// Federation other names, so it takes every directive with fields.
func (n Needs) fieldSets(of, field string, directives ast.DirectiveList) {
	for _, d := range directives {
		fields := d.Arguments.ForName("fields")
		if fields == nil {
			continue
		}
		text := fields.Value.Raw
		if fields.Value.Kind == ast.ListValue { // in Federation 1
			var parts []string
			for _, item := range fields.Value.Children {
				parts = append(parts, item.Value.Raw)
			}
			text = strings.Join(parts, " ")
		}
		n.add(of, field, text)
	}
}
