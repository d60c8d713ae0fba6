package console

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/gateway"
	"souk/router/supergraph"
)

// A graphResponse describes the supergraph as clients see it, with the subgraphs that
// resolve each field.
type graphResponse struct {
	ID        string          `json:"id"`
	Subgraphs []graphSubgraph `json:"subgraphs"`
	Types     []graphType     `json:"types"`
}

type graphSubgraph struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	// Types counts the listed types that the subgraph defines, Fields their fields that it
	// resolves; those of input objects are not resolved.
	Types  int `json:"types"`
	Fields int `json:"fields"`
}

type graphType struct {
	Name        string       `json:"name"`
	Kind        string       `json:"kind"`
	Description string       `json:"description"`
	Owner       string       `json:"owner"`
	Tags        []string     `json:"tags"`
	Subgraphs   []string     `json:"subgraphs"`
	Keys        []graphKey   `json:"keys"`
	Interfaces  []string     `json:"interfaces"`
	Members     []string     `json:"members"`
	Values      []graphValue `json:"values"`
	Fields      []graphField `json:"fields"`
	graphAuthorization
}

type graphKey struct {
	Subgraph   string `json:"subgraph"`
	Fields     string `json:"fields"`
	Resolvable bool   `json:"resolvable"`
}

type graphValue struct {
	Name        string  `json:"name"`
	Description string  `json:"description"`
	Deprecated  *string `json:"deprecated"`
}

type graphField struct {
	Name        string          `json:"name"`
	Type        string          `json:"type"`
	Description string          `json:"description"`
	Deprecated  *string         `json:"deprecated"`
	Owner       string          `json:"owner"`
	Tags        []string        `json:"tags"`
	Arguments   []graphArgument `json:"arguments"`
	Resolvers   []graphResolver `json:"resolvers"`
	graphAuthorization
}

type graphAuthorization struct {
	Authenticated bool       `json:"authenticated"`
	Scopes        [][]string `json:"scopes"`
	Policies      [][]string `json:"policies"`
}

type graphArgument struct {
	Name       string  `json:"name"`
	Type       string  `json:"type"`
	Default    *string `json:"default"`
	Deprecated *string `json:"deprecated"`
}

// A graphResolver is the definition of a field in one subgraph.
type graphResolver struct {
	Subgraph string `json:"subgraph"`
	// Resolves is false for a field that is only declared: it is external, or another
	// subgraph has taken it over.
	Resolves      bool    `json:"resolves"`
	External      bool    `json:"external"`
	Requires      *string `json:"requires"`
	Provides      *string `json:"provides"`
	Override      *string `json:"override"` // the subgraph that the field is taken from
	OverrideLabel *string `json:"override_label"`
	// Interface is the interface through which the type has the field (@interfaceObject).
	Interface *string `json:"interface"`
}

func (h *handler) graph(*http.Request) (any, error) {
	s, ok := h.Gateway.Supergraph()
	if !ok {
		return nil, errClosed
	}
	return tagged{s.ID, func() any { return h.describe(s) }}, nil
}

func (h *handler) describe(s gateway.Supergraph) graphResponse {
	out := graphResponse{ID: s.ID, Types: []graphType{}}
	for _, t := range s.Model.Types() {
		def := s.Schema.Types[t.Name]
		if def == nil || len(t.In) == 0 && t.Kind == supergraph.Scalar { // inaccessible or built in
			continue
		}
		out.Types = append(out.Types, typeOf(t, def))
	}
	for _, g := range s.Model.Subgraphs {
		out.Subgraphs = append(out.Subgraphs, h.subgraphOf(out.Types, g))
	}
	return out
}

// subgraphOf describes a subgraph. It counts what the response lists.
func (h *handler) subgraphOf(types []graphType, g *supergraph.Subgraph) graphSubgraph {
	out := graphSubgraph{Name: g.Name, URL: h.urls(g)[0].Label}
	for _, t := range types {
		if slices.Contains(t.Subgraphs, g.Name) {
			out.Types++
		}
		for _, f := range t.Fields {
			if t.Kind != kindNames[supergraph.InputObject] && slices.ContainsFunc(f.Resolvers, func(r graphResolver) bool { return r.Resolves && r.Subgraph == g.Name }) {
				out.Fields++
			}
		}
	}
	return out
}

var kindNames = map[supergraph.Kind]string{
	supergraph.Scalar: "SCALAR", supergraph.Enum: "ENUM", supergraph.Object: "OBJECT", supergraph.Interface: "INTERFACE",
	supergraph.Union: "UNION", supergraph.InputObject: "INPUT_OBJECT",
}

func typeOf(t *supergraph.Type, def *ast.Definition) graphType {
	out := graphType{
		Name: t.Name, Kind: kindNames[t.Kind], Description: def.Description, Tags: list(t.Tags), Subgraphs: []string{}, Keys: []graphKey{},
		Interfaces: list(def.Interfaces), Members: list(def.Types), Values: []graphValue{}, Fields: []graphField{},
		graphAuthorization: authorization(t.Authorization),
	}
	for _, in := range t.In {
		out.Subgraphs = append(out.Subgraphs, in.Subgraph.Name)
		for _, k := range in.Keys {
			out.Keys = append(out.Keys, graphKey{Subgraph: in.Subgraph.Name, Fields: k.Fields.Text, Resolvable: k.Resolvable})
		}
	}
	for _, v := range def.EnumValues {
		out.Values = append(out.Values, graphValue{Name: v.Name, Description: v.Description, Deprecated: deprecated(v.Directives)})
	}
	main := mainSubgraph(t)
	for _, f := range t.Fields {
		if fd := def.Fields.ForName(f.Name); fd != nil {
			out.Fields = append(out.Fields, fieldOf(f, fd, main))
		}
	}
	out.Owner = owner(t.Tags, t.Directives, def.Description, cmp.Or(main, first(out.Subgraphs)))
	return out
}

// mainSubgraph returns the subgraph that resolves the most fields of a type, or "".
func mainSubgraph(t *supergraph.Type) string {
	count, main := map[string]int{}, ""
	for _, f := range t.Fields {
		for _, in := range f.In {
			if in.Resolves(noLabels) {
				count[in.Subgraph.Name]++
			}
		}
	}
	for _, in := range t.In { // in the order of the subgraphs
		if count[in.Subgraph.Name] > count[main] {
			main = in.Subgraph.Name
		}
	}
	return main
}

// fieldOf describes a field of a type whose fields the subgraph main mostly resolves.
func fieldOf(f *supergraph.Field, fd *ast.FieldDefinition, main string) graphField {
	out := graphField{
		Name: f.Name, Type: f.Type, Description: fd.Description, Deprecated: deprecated(fd.Directives), Tags: list(f.Tags),
		Arguments: []graphArgument{}, Resolvers: resolvers(f), graphAuthorization: authorization(f.Authorization),
	}
	for _, a := range fd.Arguments {
		out.Arguments = append(out.Arguments, graphArgument{Name: a.Name, Type: a.Type.String(), Default: literal(a.DefaultValue), Deprecated: deprecated(a.Directives)})
	}
	resolving := ""
	for _, r := range out.Resolvers {
		if r.Resolves && (resolving == "" || r.Subgraph == main) {
			resolving = r.Subgraph
		}
	}
	out.Owner = owner(f.Tags, f.Directives, fd.Description, resolving)
	return out
}

// resolvers returns the definitions of a field. A field that an object type has only through
// an @interfaceObject is resolved where the interface is.
func resolvers(f *supergraph.Field) []graphResolver {
	out := []graphResolver{}
	for _, in := range f.In {
		out = append(out, resolver(in))
	}
	if len(f.In) > 0 {
		return out
	}
	for _, i := range f.Parent.Interfaces {
		of := i.Field(f.Name)
		if of == nil {
			continue
		}
		for _, in := range of.In {
			if t := i.InSubgraph(in.Subgraph); t != nil && t.InterfaceObject {
				r := resolver(in)
				r.Interface = &i.Name
				out = append(out, r)
			}
		}
	}
	return out
}

func resolver(in *supergraph.FieldIn) graphResolver {
	r := graphResolver{Subgraph: in.Subgraph.Name, Resolves: in.Resolves(noLabels), External: in.External, Requires: text(in.Requires), Provides: text(in.Provides)}
	if o := in.Override; o != nil {
		if o.From != nil {
			r.Override = &o.From.Name
		}
		if o.Label != "" {
			r.OverrideLabel = &o.Label
		}
	}
	return r
}

// noLabels says that no label of a progressive override is active.
func noLabels(string) bool { return false }

// owner returns the team that owns an element, or the subgraph if no team is named. Schemas
// name teams in different ways: @tag(name: "owner:catalog") or "team:catalog", a directive
// @owner or @contact, or a line "Owner: catalog" in the description.
func owner(tags []string, directives []supergraph.Directive, description, subgraph string) string {
	for _, tag := range tags {
		for _, prefix := range [...]string{"owner:", "team:", "owner-", "team-"} {
			if name, ok := strings.CutPrefix(tag, prefix); ok && name != "" {
				return name
			}
		}
	}
	for _, d := range directives {
		if d.Name != "owner" && d.Name != "contact" && d.Name != "team" {
			continue
		}
		for _, argument := range [...]string{"team", "name", "id"} {
			if name := strings.Trim(d.Argument(argument), `"`); name != "" {
				return name
			}
		}
	}
	for line := range strings.Lines(description) {
		if label, name, ok := strings.Cut(line, ":"); ok && (strings.EqualFold(label, "owner") || strings.EqualFold(label, "team")) {
			return strings.TrimSpace(name)
		}
	}
	return subgraph
}

func authorization(a supergraph.Authorization) graphAuthorization {
	return graphAuthorization{Authenticated: a.Authenticated, Scopes: list(a.Scopes), Policies: list(a.Policies)}
}

// deprecated returns the reason of @deprecated, or nil.
func deprecated(list ast.DirectiveList) *string {
	d := list.ForName("deprecated")
	if d == nil {
		return nil
	}
	reason := "No longer supported" // the default (GraphQL, section 3.13.3)
	if a := d.Arguments.ForName("reason"); a != nil && a.Value != nil {
		reason = a.Value.Raw
	}
	return &reason
}

func literal(v *ast.Value) *string {
	if v == nil {
		return nil
	}
	s := v.String()
	return &s
}

func text(set *supergraph.FieldSet) *string {
	if set == nil {
		return nil
	}
	return &set.Text
}

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// list returns a list that is not null as JSON.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// fieldAt returns the field with a coordinate such as Product.name, or nil.
func fieldAt(schema *ast.Schema, coordinate string) *ast.FieldDefinition {
	typeName, name, _ := strings.Cut(coordinate, ".")
	if t := schema.Types[typeName]; t != nil {
		return t.Fields.ForName(name)
	}
	return nil
}
