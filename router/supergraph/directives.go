package supergraph

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/operation"
)

func (r *reader) cost(list ast.DirectiveList) *int {
	if d := r.directive(list, "cost"); d != nil {
		return intArgument(d, "weight")
	}
	return nil
}

func (r *reader) listSize(list ast.DirectiveList) *ListSize {
	d := r.directive(list, "listSize")
	if d == nil {
		return nil
	}
	size := &ListSize{AssumedSize: intArgument(d, "assumedSize"), RequireOneSlicingArgument: boolArgument(d, "requireOneSlicingArgument", true)}
	if a := d.Arguments.ForName("slicingArguments"); a != nil {
		size.SlicingArguments = stringsOf(a.Value)
	}
	if a := d.Arguments.ForName("sizedFields"); a != nil {
		size.SizedFields = stringsOf(a.Value)
	}
	return size
}

// applied returns the directives that have no meaning in Federation, whether
// composition copied them or wrapped them in join__directive (join v0.5).
func (r *reader) applied(list ast.DirectiveList) []Directive {
	var out []Directive
	for _, d := range list {
		switch {
		case r.federated(d.Name) == "join__directive":
			out = append(out, r.joined(d))
		case r.federated(d.Name) == "":
			applied := Directive{Name: d.Name, Original: r.original(d.Name)}
			for _, a := range d.Arguments {
				applied.Arguments = append(applied.Arguments, operation.Argument{Name: a.Name, Value: literal(a.Value)})
			}
			out = append(out, applied)
		}
	}
	return out
}

// tags returns the names of the @tag directives.
func (r *reader) tags(list ast.DirectiveList) (names []string) {
	for _, d := range list {
		if r.federated(d.Name) == "tag" {
			names = append(names, stringArgument(d, "name"))
		}
	}
	return names
}

// joined unwraps a join__directive.
func (r *reader) joined(d *ast.Directive) Directive {
	applied := Directive{Name: stringArgument(d, "name")}
	// Composition writes the default name: that of the specification, perhaps with its prefix.
	applied.Original = applied.Name
	if _, rest, prefixed := strings.Cut(applied.Name, "__"); prefixed {
		applied.Original = rest
	}
	if graphs := d.Arguments.ForName("graphs"); graphs != nil {
		for _, name := range stringsOf(graphs.Value) {
			if g := r.graphs[name]; g != nil && !slices.Contains(applied.Subgraphs, g) {
				applied.Subgraphs = append(applied.Subgraphs, g)
			}
		}
	}
	if args := d.Arguments.ForName("args"); args != nil {
		for _, c := range args.Value.Children {
			applied.Arguments = append(applied.Arguments, operation.Argument{Name: c.Name, Value: literal(c.Value)})
		}
	}
	return applied
}
