package verify

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	gql "github.com/vektah/gqlparser/v2/ast"
	gqlparser "github.com/vektah/gqlparser/v2/parser"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A supergraph says which subgraphs the fields of REST requests are from, and so which of them
// a request waits for one after the other.
type supergraph struct {
	types     gql.DefinitionList
	names     map[string]string // of subgraphs by their value of join__Graph
	requests  []*gql.OperationDefinition
	fragments gql.FragmentDefinitionList
	router    routerTimeouts
}

// supergraph reads what the ConfigMaps of the router have.
func (d Documents) supergraph(router routerTimeouts) (*supergraph, error) {
	texts := d.values("ConfigMap", "ecommerce", "api-gateway-graph", "supergraph.graphql")
	if len(texts) != 1 {
		return nil, errors.New("the router has no supergraph")
	}
	schema, err := gqlparser.ParseSchema(&gql.Source{Name: "supergraph.graphql", Input: texts[0]})
	if err != nil {
		return nil, err
	}
	s := &supergraph{types: schema.Definitions, names: map[string]string{}, router: router}
	graphs := s.types.ForName("join__Graph")
	if graphs == nil {
		return nil, errors.New("the supergraph has no join__Graph")
	}
	for _, graph := range graphs.EnumValues {
		s.names[graph.Name] = argument(graph.Directives.ForName("join__graph"), "name")
	}
	for _, document := range d.OfKind("ConfigMap") {
		if document.GetName() != "api-gateway-rest" || document.GetNamespace() != "ecommerce" {
			continue
		}
		files, _, _ := unstructured.NestedStringMap(document.Object, "data")
		for _, name := range slices.Sorted(maps.Keys(files)) {
			requests, err := gqlparser.ParseQuery(&gql.Source{Name: name, Input: files[name]})
			if err != nil {
				return nil, fmt.Errorf("REST routes: %w", err)
			}
			s.requests = append(s.requests, requests.Operations...)
			s.fragments = append(s.fragments, requests.Fragments...)
		}
	}
	if len(s.requests) == 0 {
		return nil, errors.New("the router has no REST routes")
	}
	return s, nil
}

func argument(directive *gql.Directive, name string) string {
	if directive == nil || directive.Arguments.ForName(name) == nil {
		return ""
	}
	return directive.Arguments.ForName(name).Value.Raw
}

// longest returns how long the subgraphs of a REST request below a path take at most, or 0 if
// there is no such request.
func (s *supergraph) longest(path string) (most time.Duration) {
	for _, request := range s.requests {
		if !strings.HasPrefix(argument(request.Directives.ForName("rest"), "path"), path) {
			continue
		}
		root := "Query"
		if request.Operation == gql.Mutation {
			root = "Mutation"
		}
		most = max(most, s.after(root, "", request.SelectionSet))
	}
	return most
}

// after returns how long the router waits for selections of a type once it has what one
// subgraph responds about it.
func (s *supergraph) after(name, graph string, selections gql.SelectionSet) (most time.Duration) {
	if !s.has(graph, name) {
		return 0 // the subgraph returns no such object
	}
	for _, selection := range selections {
		switch at := selection.(type) {
		case *gql.InlineFragment:
			inner := at.TypeCondition
			if inner == "" {
				inner = name
			}
			most = max(most, s.after(inner, graph, at.SelectionSet))
		case *gql.FragmentSpread:
			if fragment := s.fragments.ForName(at.Name); fragment != nil {
				most = max(most, s.after(fragment.TypeCondition, graph, fragment.SelectionSet))
			}
		case *gql.Field:
			most = max(most, s.field(name, graph, at))
		}
	}
	return most
}

// has reports whether a subgraph has a type. The router itself, before the first of them, has
// the root types.
func (s *supergraph) has(graph, name string) bool {
	definition := s.types.ForName(name)
	return definition != nil && (graph == "" || slices.ContainsFunc(definition.Directives.ForNames("join__type"), func(d *gql.Directive) bool {
		return argument(d, "graph") == graph
	}))
}

// field returns how long the router waits for a field and what is below it. Another subgraph
// that has the field is one more step, after those that it requires fields of.
func (s *supergraph) field(name, graph string, field *gql.Field) time.Duration {
	definition := s.types.ForName(name)
	if definition == nil || definition.Fields.ForName(field.Name) == nil {
		return 0 // __typename
	}
	declared := definition.Fields.ForName(field.Name)
	inner := declared.Type.Name()
	sources := s.sources(definition, declared)
	if _, here := sources[graph]; here {
		return s.after(inner, graph, field.SelectionSet)
	}
	least := time.Duration(-1)
	for source, required := range sources {
		before := time.Duration(0)
		for name := range strings.FieldsSeq(strings.NewReplacer("{", " ", "}", " ").Replace(required)) {
			before = max(before, s.field(definition.Name, graph, &gql.Field{Name: name}))
		}
		wait := before + s.router.of(s.names[source]) + s.after(inner, source, field.SelectionSet)
		if least < 0 || wait < least {
			least = wait
		}
	}
	return max(least, 0)
}

// sources returns the subgraphs that have a field, each with what it requires for it.
func (s *supergraph) sources(definition *gql.Definition, field *gql.FieldDefinition) map[string]string {
	found := map[string]string{}
	own := field.Directives.ForNames("join__field")
	for _, d := range own {
		if graph := argument(d, "graph"); graph != "" && argument(d, "external") != "true" {
			found[graph] = argument(d, "requires")
		}
	}
	if len(own) == 0 {
		for _, d := range definition.Directives.ForNames("join__type") {
			found[argument(d, "graph")] = ""
		}
	}
	return found
}
