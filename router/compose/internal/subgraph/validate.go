package subgraph

import (
	"fmt"
	"slices"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

// validate checks a subgraph and gives its root types their default names. Rules of
// Federation are checked if the schema is valid GraphQL.
func (s *Subgraph) validate() []*report.Error {
	c := &checker{Subgraph: s}
	c.queryType()
	c.graphQL()
	if len(c.errors) > 0 {
		return c.errors
	}
	c.renameRoots()
	if s.Federation1() {
		return c.errors
	}
	c.federation()
	return c.errors
}

// A checker collects the problems of a subgraph.
type checker struct {
	*Subgraph
	errors []*report.Error
}

func (c *checker) errorf(code string, at []schema.Position, format string, args ...any) {
	e := &report.Error{Code: code, Message: fmt.Sprintf(format, args...)}
	for _, p := range at {
		e.Locations = append(e.Locations, report.Location{Subgraph: c.Name, Line: p.Line, Column: p.Column})
	}
	if len(at) == 0 {
		e.Locations = []report.Location{{Subgraph: c.Name}}
	}
	c.errors = append(c.errors, e)
}

// suggest sets what to do about the last error, where the suggestion for its code does not fit.
func (c *checker) suggest(suggestion string) { c.errors[len(c.errors)-1].Suggestion = suggestion }

func at(positions ...schema.Position) []schema.Position { return positions }

func (c *checker) invalid(p schema.Position, format string, args ...any) {
	c.errorf("INVALID_GRAPHQL", at(p), format, args...)
}

// federation checks the rules of Federation 2.
func (c *checker) federation() {
	c.keys()
	c.requires()
	if !c.provides() {
		return
	}
	c.contexts()
	c.externalOnInterfaces()
	c.unusedExternals()
	c.interfaceKeys()
	c.interfaceObjects()
	c.tagDefinition()
	c.shareableUsage()
	c.costs()
	c.listSizes()
	c.authorizationOnInterfaces()
}

// renameRoots gives the root types their default names.
func (c *checker) renameRoots() {
	for operation, name := range c.Schema.Roots {
		root := schema.RootNames[operation]
		if name == "" || name == root {
			continue
		}
		t := c.Schema.Own(name)
		if other := c.Schema.Own(root); other != nil {
			c.errorf([...]string{"ROOT_QUERY_USED", "ROOT_MUTATION_USED", "ROOT_SUBSCRIPTION_USED"}[operation], at(t.Position, other.Position),
				"The root type of %s is %q, but there is also a type %q. Rename one of them.", schema.OperationNames[operation], name, root)
			continue
		}
		c.Schema.RenameType(t, root)
	}
	c.changed()
}

// queryType ensures that there is a query type: Federation adds fields to it. It has
// the field _entities only if there are entities.
func (c *checker) queryType() {
	entities := slices.ContainsFunc(c.Schema.Types, func(t *schema.Type) bool { return t.Kind == schema.Object && c.Has(&t.Node, "key") })
	query := c.Schema.Own(c.Schema.Roots[schema.Query])
	switch {
	case query == nil && c.Schema.Own(schema.RootNames[schema.Query]) == nil:
		c.Schema.AddType(schema.Object, schema.RootNames[schema.Query])
	case query != nil && !entities:
		if f := query.Field("_entities"); f != nil {
			query.RemoveField(f)
		}
	}
}

// FederationField reports whether a field of the query type is added by Federation.
func (s *Subgraph) FederationField(t *schema.Type, name string) bool {
	return (name == "_entities" || name == "_service") && s.Schema.Roots[schema.Query] == t.Name
}
