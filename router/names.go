package router

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/validator/core"

	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// checkNames looks for names in the configuration that the supergraph does not have. At
// start-up they are errors, most likely typos. When a new supergraph is loaded they are only
// logged: it may have lost a subgraph, type or field, and must not be rejected for that.
func (r *Router) checkNames(m *supergraph.Model) error {
	problems := UnknownNames(&r.config, m, r.options.Source)
	if len(problems) == 0 {
		return nil
	}
	if !r.loaded.Load() {
		return problems
	}
	for _, p := range problems {
		r.options.Telemetry.Logger.Warn("the configuration refers to a name that is not in the new supergraph", "problem", p.Error())
	}
	return nil
}

// UnknownNames returns a problem for each subgraph, type and field in the configuration that
// the supergraph does not have.
func UnknownNames(c *config.Config, m *supergraph.Model, source *config.Source) config.Errors {
	n := &names{model: m, source: source}
	n.subgraphs("traffic_shaping.subgraphs", maps.Keys(c.TrafficShaping.Subgraphs))
	n.subgraphs("headers.subgraphs", maps.Keys(c.Headers.Subgraphs))
	n.subgraphs("include_subgraph_errors.subgraphs", maps.Keys(c.IncludeErrors.Subgraphs))
	n.subgraphs("override_subgraph_urls", maps.Keys(c.OverrideSubgraphURLs))
	if !c.Canary.HasSupergraph() {
		n.subgraphs("canary.override_subgraph_urls", maps.Keys(c.Canary.OverrideSubgraphURLs))
	}
	n.subgraphs("subscriptions.subgraphs", maps.Keys(c.Subscriptions.Subgraphs))
	n.subgraphs("demand_control.subgraph.subgraphs", maps.Keys(c.DemandControl.Subgraph.Subgraphs))
	n.subgraphs("request_extensions.subgraphs", maps.Keys(c.RequestExtensions.Subgraphs))
	const cached = "response_cache.subgraph.subgraphs"
	n.subgraphs(cached, maps.Keys(c.ResponseCache.Subgraph.Subgraphs))
	for _, name := range slices.Sorted(maps.Keys(c.ResponseCache.Subgraph.Subgraphs)) {
		if g := m.Subgraph(name); g != nil {
			n.cached(cached+"."+name, g, c.ResponseCache.Subgraph.Subgraphs[name])
		}
	}
	for _, event := range slices.Sorted(maps.Keys(c.ResponseCache.Invalidation.Events)) {
		for i, entity := range c.ResponseCache.Invalidation.Events[event] {
			n.event(fmt.Sprintf("response_cache.invalidation.events.%s[%d]", event, i), entity)
		}
	}
	n.types("response_cache.invalidation.mutations.except", "entity type", c.ResponseCache.Invalidation.Mutations.Except, (*supergraph.Type).Entity)
	const scalars = "file_uploads.scalars"
	if source.Given(scalars) || !slices.Equal(c.FileUploads.Scalars, config.Default().FileUploads.Scalars) { // graphs need not have the default one
		n.types(scalars, "scalar", c.FileUploads.Scalars, func(t *supergraph.Type) bool { return t.Kind == supergraph.Scalar })
	}
	for i, d := range c.Telemetry.Deprecations {
		n.coordinate(fmt.Sprintf("telemetry.deprecations[%d].coordinate", i), d.Coordinate)
	}
	return n.problems
}

type names struct {
	model    *supergraph.Model
	source   *config.Source
	problems config.Errors
}

// unknown adds a problem, with a suggestion if a known name is similar.
func (n *names) unknown(path, key, name, where, what string, known []string) {
	hint := ""
	switch near := core.SuggestionList(name, known); {
	case len(near) > 0:
		hint = fmt.Sprintf("; did you mean %q?", near[0])
	case len(known) > 0 && len(known) <= 20:
		slices.Sort(known)
		hint = "; it has " + strings.Join(known, ", ")
	}
	n.problems = append(n.problems, n.source.Problem(path, "%s names %q, but %s has no such %s%s", key, name, where, what, hint))
}

func (n *names) subgraphs(key string, list func(func(string) bool)) {
	for _, name := range slices.Sorted(list) {
		if n.model.Subgraph(name) != nil {
			continue
		}
		var known []string
		for _, g := range n.model.Subgraphs {
			known = append(known, g.Name)
		}
		n.unknown(key+"."+name, key, name, "the supergraph", "subgraph", known)
	}
}

// cached checks the types and fields to cache from a subgraph.
func (n *names) cached(path string, g *supergraph.Subgraph, c config.SubgraphCache) {
	where := "the subgraph " + g.Name
	for i, name := range c.Types {
		if t := n.model.Type(name); t != nil && t.InSubgraph(g) != nil && len(t.InSubgraph(g).Keys) > 0 {
			continue
		}
		var known []string
		for _, t := range n.model.Types() {
			if in := t.InSubgraph(g); in != nil && len(in.Keys) > 0 {
				known = append(known, t.Name)
			}
		}
		n.unknown(fmt.Sprintf("%s.types[%d]", path, i), path+".types", name, where, "entity type", known)
	}
	for i, name := range c.Root {
		if q := n.model.Query; q != nil && q.Field(name) != nil && q.Field(name).InSubgraph(g) != nil {
			continue
		}
		var known []string
		if n.model.Query != nil {
			for _, f := range n.model.Query.Fields {
				if f.InSubgraph(g) != nil {
					known = append(known, f.Name)
				}
			}
		}
		n.unknown(fmt.Sprintf("%s.root[%d]", path, i), path+".root", name, where, "field of Query", known)
	}
}

// event checks the entity of an invalidation event: Type or Type.key.
func (n *names) event(path, entity string) {
	e := entityOf(entity)
	key, _, _ := strings.Cut(path, "[")
	t := n.model.Type(e.Type)
	if t == nil || t.Kind != supergraph.Object {
		var known []string
		for _, t := range n.model.Types() {
			if t.Kind == supergraph.Object {
				known = append(known, t.Name)
			}
		}
		n.unknown(path, key, e.Type, "the supergraph", "object type", known)
		return
	}
	if t.Field(e.Key) == nil {
		var known []string
		for _, f := range t.Fields {
			known = append(known, f.Name)
		}
		n.unknown(path, key, e.Key, e.Type, "field", known)
	}
}

// types checks a list of types of a kind.
func (n *names) types(key, what string, list []string, is func(*supergraph.Type) bool) {
	for i, name := range list {
		if t := n.model.Type(name); t != nil && is(t) {
			continue
		}
		var known []string
		for _, t := range n.model.Types() {
			if is(t) {
				known = append(known, t.Name)
			}
		}
		n.unknown(fmt.Sprintf("%s[%d]", key, i), key, name, "the supergraph", what, known)
	}
}

// coordinate checks the coordinate of a field, such as Product.price, of an argument, such as
// Query.products(limit:), or of an enum value.
func (n *names) coordinate(path, coordinate string) {
	name, member, _ := strings.Cut(coordinate, ".")
	t := n.model.Type(name)
	if t == nil {
		var known []string
		for _, t := range n.model.Types() {
			known = append(known, t.Name)
		}
		n.unknown(path, path, name, "the supergraph", "type", known)
		return
	}
	member, argument, ofArgument := strings.Cut(member, "(")
	known := make([]string, 0, len(t.Fields)+len(t.EnumValues))
	for _, f := range t.Fields {
		known = append(known, f.Name)
	}
	for _, v := range t.EnumValues {
		known = append(known, v.Name)
	}
	if !slices.Contains(known, member) {
		n.unknown(path, path, member, name, "member", known)
		return
	}
	field := t.Field(member)
	if !ofArgument || field == nil {
		return
	}
	argument = strings.TrimSuffix(argument, ":)")
	var arguments []string
	for _, a := range field.Arguments {
		arguments = append(arguments, a.Name)
	}
	if !slices.Contains(arguments, argument) {
		n.unknown(path, path, argument, name+"."+member, "argument", arguments)
	}
}
