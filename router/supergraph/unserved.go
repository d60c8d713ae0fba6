package supergraph

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
)

// An Unserved element is one that the router cannot serve as the supergraph says.
type Unserved struct {
	// Subgraph is the name of the subgraph that it is of. A URL in override_subgraph_urls
	// replaces the reason. It is empty for what concerns the whole supergraph.
	Subgraph string
	// Problem says what it is, where, and what to do.
	Problem string
	// Fatal is set if requests would fail, or protection would be missing. Otherwise the
	// router ignores the element.
	Fatal bool
}

// maxPlaces bounds the places that one problem lists.
const maxPlaces = 3

// standard are the directives of the GraphQL specification, and those that introduce others.
var standard = []string{"deprecated", "specifiedBy", "oneOf", "skip", "include", "link", "core"}

// An application is a directive at its place.
type application struct {
	*ast.Directive
	at string // the element, such as Query.products
}

func (a application) place() string {
	if a.Position == nil {
		return a.at
	}
	line, column := syntax.At(a.Position)
	return fmt.Sprintf("%s (line %d, column %d)", a.at, line, column)
}

// applications returns the directives of the supergraph in the order of the text.
func (r *reader) applications() []application {
	var all []application
	add := func(list ast.DirectiveList, at string) {
		for _, d := range list {
			all = append(all, application{d, at})
		}
	}
	for _, s := range append(slices.Clone(r.doc.Schema), r.doc.SchemaExtension...) {
		add(s.Directives, "schema")
	}
	for _, def := range r.doc.Definitions {
		if r.machinery(def.Name) {
			continue
		}
		add(def.Directives, def.Name)
		for _, f := range def.Fields {
			add(f.Directives, def.Name+"."+f.Name)
			for _, a := range f.Arguments {
				add(a.Directives, def.Name+"."+f.Name+"("+a.Name+":)")
			}
		}
		for _, v := range def.EnumValues {
			add(v.Directives, def.Name+"."+v.Name)
		}
	}
	return all
}

// readUnserved finds what the router cannot serve.
func (r *reader) readUnserved() {
	all := r.applications()
	undefined := map[string][]application{}
	var names []string
	for _, a := range all {
		if r.isUndefined(a.Name) {
			if undefined[a.Name] == nil {
				names = append(names, a.Name)
			}
			undefined[a.Name] = append(undefined[a.Name], a)
		}
	}
	for _, name := range names {
		where := places(undefined[name])
		if name == "inaccessible" { // those of authorization are refused when they are read
			r.unserved("", true, "@%s is applied at %s, but the supergraph neither defines the directive nor links its specification, so that it would not be enforced; compose the supergraph from subgraphs that import @%s with @link", name, where, name)
		} else {
			r.unserved("", false, "@%s is applied at %s, but the supergraph does not define the directive: it has no effect; compose the supergraph again, or remove it", name, where)
		}
	}
	r.readTransports(all)
	r.readConnectors(all)
}

func (r *reader) unserved(subgraph string, fatal bool, format string, args ...any) {
	r.model.Unserved = append(r.model.Unserved, Unserved{Subgraph: subgraph, Problem: fmt.Sprintf(format, args...), Fatal: fatal})
}

// isUndefined reports whether a directive is neither defined nor of a linked specification.
func (r *reader) isUndefined(name string) bool {
	return !slices.Contains(standard, name) && r.doc.Directives.ForName(name) == nil && !r.linked[name] && !r.machinery(name)
}

// places lists applications, the first ones with their positions.
func places(list []application) string {
	var shown []string
	for _, a := range list[:min(len(list), maxPlaces)] {
		shown = append(shown, a.place())
	}
	text := strings.Join(shown, ", ")
	if n := len(list) - len(shown); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// readTransports finds subgraphs that only a transport other than GraphQL over HTTP reaches: those
// of GraphQL Mesh (@transport, and directives such as @httpOperation), and URLs of other schemes.
func (r *reader) readTransports(all []application) {
	kinds := map[string]string{}
	foreign := map[string][]application{}
	for _, a := range all {
		name, arguments := r.unwrapped(a)
		switch name {
		case "transport":
			if kind := arguments("kind"); kind != "" && kind != "http" {
				kinds[arguments("subgraph")] = fmt.Sprintf("the transport %q (@transport at %s)", kind, a.place())
			}
		case "httpOperation", "grpcMethod", "grpcConnectivityState", "soap":
			g := arguments("subgraph")
			foreign[g] = append(foreign[g], a)
		}
	}
	for _, g := range r.model.Subgraphs {
		reason := kinds[g.Name]
		if reason == "" {
			reason = kinds[r.graphName(g)]
		}
		if list := slices.Concat(foreign[g.Name], foreign[r.graphName(g)]); reason == "" && len(list) > 0 {
			reason = fmt.Sprintf("requests that are not GraphQL (@%s at %s)", list[0].Name, places(list))
		}
		if u, err := url.Parse(g.URL); reason == "" && err == nil && u.Scheme != "" && !slices.Contains([]string{"http", "https", "unix"}, u.Scheme) {
			reason = fmt.Sprintf("%s (its URL is %s)", u.Scheme, u.Redacted())
		}
		if reason != "" {
			r.unserved(g.Name, true, "the subgraph %s is reached only by %s, and this router speaks GraphQL over HTTP; run a GraphQL server for it, such as a gateway that serves this subgraph alone, and set override_subgraph_urls.%s to its URL", g.Name, reason, g.Name)
		}
	}
}

// graphName returns the value of join__Graph of a subgraph.
func (r *reader) graphName(g *Subgraph) string {
	for name, one := range r.graphs {
		if one == g {
			return name
		}
	}
	return ""
}

// readConnectors finds subgraphs whose fields Apollo Connectors resolve.
func (r *reader) readConnectors(all []application) {
	version := ""
	used := map[*Subgraph][]application{}
	for _, a := range all {
		name, arguments := r.unwrapped(a)
		if url := arguments("url"); (name == "link" || name == "core") && strings.HasPrefix(url, connectSpec) {
			version = strings.TrimPrefix(url, "https://specs.apollo.dev/")
		}
		if name != "connect" {
			continue
		}
		for _, g := range r.graphsOf(a.Directive) {
			used[g] = append(used[g], a)
		}
	}
	if version == "" {
		return
	}
	for _, g := range r.model.Subgraphs {
		if len(used[g]) > 0 {
			r.unserved(g.Name, true, "fields of the subgraph %s are resolved by Apollo Connectors (%s): @connect at %s. This router does not run them; resolve the fields in a GraphQL server, and set override_subgraph_urls.%s to its URL", g.Name, version, places(used[g]), g.Name)
		}
	}
}

// connectSpec is the beginning of the URLs of Apollo's specification of connectors.
const connectSpec = "https://specs.apollo.dev/connect/"

// unwrapped returns the name of a directive and its arguments, also if composition wrapped it in
// @join__directive.
func (r *reader) unwrapped(a application) (name string, argument func(string) string) {
	if r.federated(a.Name) != "join__directive" {
		return a.Name, func(name string) string { return stringArgument(a.Directive, name) }
	}
	arguments := a.Arguments.ForName("args")
	return stringArgument(a.Directive, "name"), func(name string) string {
		if arguments == nil {
			return ""
		}
		return childString(arguments.Value, name)
	}
}

// graphsOf returns the subgraphs that @join__directive names.
func (r *reader) graphsOf(d *ast.Directive) (graphs []*Subgraph) {
	list := d.Arguments.ForName("graphs")
	if list == nil {
		return nil
	}
	for _, name := range stringsOf(list.Value) {
		if g := r.graphs[name]; g != nil {
			graphs = append(graphs, g)
		}
	}
	return graphs
}
