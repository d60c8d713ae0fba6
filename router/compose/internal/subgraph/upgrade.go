package subgraph

import (
	"fmt"
	"slices"
	"strings"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

// Upgrade makes Federation 2 subgraphs of those that are Federation 1. What
// Federation 1 tolerated or implied is removed or written out.
func Upgrade(subgraphs []*Subgraph) ([]*Subgraph, []*report.Error) {
	if !slices.ContainsFunc(subgraphs, (*Subgraph).Federation1) {
		return subgraphs, nil
	}
	others := typesByName(subgraphs)
	var all []*Subgraph
	var problems []*report.Error
	interfaceObjects, interfaceKeys := map[string][]string{}, map[string][]string{}
	at := map[string][]report.Location{} // by interface
	for _, s := range subgraphs {
		if !s.Federation1() {
			all = append(all, s)
			for _, a := range s.Applications("interfaceObject") {
				interfaceObjects[a.Type.Name] = append(interfaceObjects[a.Type.Name], s.Name)
				at[a.Type.Name] = append(at[a.Type.Name], report.Location{Subgraph: s.Name, Line: a.Position.Line, Column: a.Position.Column})
			}
			continue
		}
		u := &upgrader{original: s, subgraphs: subgraphs, others: others}
		if failed := u.upgrade(); len(failed) > 0 {
			problems = append(problems, failed...)
			continue
		}
		all = append(all, u.Subgraph)
		for _, name := range u.interfaceKeys {
			interfaceKeys[name] = append(interfaceKeys[name], s.Name)
			p := u.Schema.Type(name).Position
			at[name] = append(at[name], report.Location{Subgraph: s.Name, Line: p.Line, Column: p.Column})
		}
	}
	for _, name := range sortedKeys(interfaceObjects) {
		if keyed := interfaceKeys[name]; len(keyed) > 0 {
			problems = append(problems, &report.Error{Code: "INTERFACE_OBJECT_USAGE_ERROR", Message: fmt.Sprintf(
				"Type %q is an interface object in %s, but %s has the key of that interface in Federation 1, which has no effect. Upgrade it to Federation 2 or remove the key.",
				name, report.Subgraphs(interfaceObjects[name]), report.Subgraphs(slices.Compact(keyed))),
				Locations:  at[name],
				Suggestion: "Link Federation 2 in the subgraph that has the interface, or remove the key there.",
			})
		}
	}
	return all, problems
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// An elsewhere is a type in another subgraph.
type elsewhere struct {
	*Subgraph
	typ *schema.Type
}

func typesByName(subgraphs []*Subgraph) map[string][]elsewhere {
	all := map[string][]elsewhere{}
	for _, s := range subgraphs {
		for _, t := range s.Schema.Types {
			if t.Kind == schema.Object || t.Kind == schema.Interface {
				all[t.Name] = append(all[t.Name], elsewhere{s, t})
			}
		}
	}
	return all
}

// An upgrader upgrades a subgraph.
type upgrader struct {
	*Subgraph     // upgraded
	original      *Subgraph
	subgraphs     []*Subgraph // as they were given
	others        map[string][]elsewhere
	interfaceKeys []string // interfaces of which a key is removed
	errors        []*report.Error
}

// in returns the type in the other subgraphs.
func (u *upgrader) in(typ string) []elsewhere {
	return slices.DeleteFunc(slices.Clone(u.others[typ]), func(e elsewhere) bool { return e.Subgraph == u.original })
}

// autoVersion is the version of Federation 2 that an upgraded subgraph has.
const autoVersion = 4

func (u *upgrader) upgrade() []*report.Error {
	var problems []*report.Error
	u.Subgraph, problems = build(u.original.Name, u.original.URL, u.original.document, (*builder).completeUpgraded)
	if len(problems) > 0 {
		return problems
	}
	(&checker{Subgraph: u.Subgraph}).renameRoots()
	u.checkBases()
	for _, step := range []func(){
		u.fixFieldSets, u.removeExternals, u.removeExternalKeys, u.removeInactive, u.removeExtensions,
		u.removeFromInterfaces, u.removeProvides, u.removeUnusedExternals, u.addShareable, u.removeTags,
	} {
		step()
		u.changed()
	}
	if len(u.errors) > 0 {
		return u.errors
	}
	return u.validate()
}

// completeUpgraded links Federation 2 and adds its elements.
func (b *builder) completeUpgraded() {
	b.upgraded = true
	b.completeLinks()
	if len(b.errors) > 0 {
		return
	}
	if t := b.schema.Own("_FieldSet"); t != nil {
		b.schema.RenameType(t, "federation__FieldSet")
	}
	if b.links == nil {
		b.links = newLinks()
		alias := "link"
		if b.schema.OwnDirective(alias) != nil {
			alias = "link1"
		}
		b.link(&Feature{URL: specURL("link", 1, 0), Alias: alias})
	}
	f := &Feature{URL: specURL("federation", 2, autoVersion), Alias: "federation"}
	for _, d := range KnownSpec(f.URL).directives {
		f.Imports = append(f.Imports, Import{Name: "@" + d.Name})
	}
	b.link(f)
	if len(b.errors) > 0 {
		return
	}
	b.removeWrongDefinitions()
	b.completeFederation2()
	b.expand()
}

func (b *builder) link(f *Feature) {
	if err := b.links.add(f); err != nil {
		b.errorAt("INVALID_LINK_DIRECTIVE_USAGE", b.links.linked(f), "Upgrading to Federation 2: %s.", err)
	}
}

// isExtension reports whether a type extends a type of another subgraph.
func (u *upgrader) isExtension(t *schema.Type) bool {
	if t.Kind != schema.Object && t.Kind != schema.Interface {
		return false
	}
	return u.Has(&t.Node, "extends") || len(t.Extensions) > 0 && !t.HasDefinition()
}

func (u *upgrader) isRootExtension(t *schema.Type) bool {
	return t.Kind == schema.Object && u.Schema.IsRoot(t) && u.isExtension(t)
}

// checkBases checks that types that are only extended are defined elsewhere.
func (u *upgrader) checkBases() {
	for _, t := range u.Schema.Types {
		if !u.isExtension(t) || u.isRootExtension(t) {
			continue
		}
		if !slices.ContainsFunc(u.in(t.Name), func(e elsewhere) bool { return e.typ.HasDefinition() }) {
			u.errors = append(u.errors, &report.Error{Code: "EXTENSION_WITH_NO_BASE",
				Message:   fmt.Sprintf("Type %q is only extended: no subgraph defines it.", t.Name),
				Locations: []report.Location{{Subgraph: u.Name, Line: t.Position.Line, Column: t.Position.Column}}})
		}
	}
}

// fixFieldSets makes strings of field sets that are lists of strings or names.
func (u *upgrader) fixFieldSets() {
	for _, name := range []string{"key", "requires", "provides"} {
		for _, a := range u.Applications(name) {
			fields := a.Directive.Argument("fields")
			var fixed string
			switch {
			case fields == nil:
				continue
			case fields.Kind == schema.EnumLiteral:
				fixed = fields.Raw
			case fields.Kind == schema.ListValue && len(fields.Texts()) == len(fields.List):
				fixed = strings.Join(fields.Texts(), " ")
			default:
				continue
			}
			replaced := &schema.Directive{Name: a.Name, Position: a.Position, Arguments: []schema.Argument{{Name: "fields", Value: schema.Text(fixed)}}}
			if fields.Kind == schema.ListValue || fields.Kind == schema.EnumLiteral {
				a.Node.Remove(a.Directive)
				a.Node.Apply(replaced)
			}
		}
	}
}

// removeExternals removes @external from interfaces and object types.
func (u *upgrader) removeExternals() {
	for _, t := range u.Schema.Types {
		switch t.Kind {
		case schema.Interface:
			for _, f := range t.Fields {
				u.unmark(&f.Node, "external")
			}
		case schema.Object:
			u.unmark(&t.Node, "external")
		}
	}
}

func (u *upgrader) unmark(n *schema.Node, directive string) bool {
	applied := u.Of(n, directive)
	for _, d := range applied {
		n.Remove(d)
	}
	return len(applied) > 0
}

// removeExternalKeys removes @external from the keys of extensions.
func (u *upgrader) removeExternalKeys() {
	for _, t := range u.Schema.Types {
		if !u.isExtension(t) {
			continue
		}
		keys := u.Of(&t.Node, "key")
		for _, key := range keys {
			for _, f := range u.targets(t, key, false) {
				if f.Parent == t {
					u.unmark(&f.Node, "external")
				}
			}
		}
		if len(keys) > 0 {
			continue
		}
		for _, other := range u.in(t.Name) { // the first key elsewhere counts
			key := other.First(&other.typ.Node, "key")
			if key == nil {
				continue
			}
			for _, f := range other.targets(other.typ, key, false) {
				if own := t.Field(f.Name); own != nil && f.Parent == other.typ {
					u.unmark(&own.Node, "external")
				}
			}
		}
	}
}

// removeExtensions makes definitions of extensions.
func (u *upgrader) removeExtensions() {
	for _, t := range u.Schema.Types {
		if u.isExtension(t) {
			t.Define()
		}
	}
}

// removeFromInterfaces removes directives that have no effect on interfaces.
func (u *upgrader) removeFromInterfaces() {
	for _, t := range u.Schema.Types {
		if t.Kind != schema.Interface {
			continue
		}
		if u.unmark(&t.Node, "key") {
			u.interfaceKeys = append(u.interfaceKeys, t.Name)
		}
		for _, f := range t.Fields {
			u.unmark(&f.Node, "provides")
			u.unmark(&f.Node, "requires")
		}
	}
}

// removeProvides removes @provides from fields without subfields.
func (u *upgrader) removeProvides() {
	for _, t := range u.Schema.Types {
		if t.Kind != schema.Object {
			continue
		}
		for _, f := range t.Fields {
			if u.returned(f) == nil {
				u.unmark(&f.Node, "provides")
			}
		}
	}
}

// removeUnusedExternals removes external fields that nothing uses.
func (u *upgrader) removeUnusedExternals() {
	for _, t := range slices.Clone(u.Schema.Types) {
		if t.Kind != schema.Object && t.Kind != schema.Interface {
			continue
		}
		removed := false
		for _, f := range t.Fields {
			if u.IsExternal(f) && !u.IsUsed(f) {
				t.RemoveField(f)
				removed = true
			}
		}
		if !removed || len(t.Fields) > 0 || u.Schema.Roots[schema.Query] == t.Name {
			continue
		}
		if u.Schema.IsRoot(t) || slices.ContainsFunc(u.Schema.Types, func(other *schema.Type) bool { return refersTo(other, t.Name) }) {
			u.errors = append(u.errors, &report.Error{Code: "TYPE_WITH_ONLY_UNUSED_EXTERNAL",
				Message:   fmt.Sprintf("Type %q has only @external fields that no @key, @requires or @provides uses.", t.Name),
				Locations: []report.Location{{Subgraph: u.Name, Line: t.Position.Line, Column: t.Position.Column}}})
			continue
		}
		u.Schema.RemoveType(t)
	}
}

// addShareable marks what Federation 1 lets other subgraphs resolve too.
func (u *upgrader) addShareable() {
	shareable := u.DirectiveName("shareable")
	mark := func(n *schema.Node) {
		if !n.Has(shareable) {
			n.Apply(&schema.Directive{Name: shareable, Position: n.Position})
		}
	}
	for _, t := range u.Schema.Types {
		if t.Kind != schema.Object || u.Schema.Roots[schema.Subscription] == t.Name {
			continue
		}
		others := u.in(t.Name)
		if !u.Has(&t.Node, "key") && !u.Schema.IsRoot(t) {
			if len(others) > 0 {
				mark(&t.Node)
			}
			continue
		}
		original := u.original.Schema.Type(t.Name)
		for _, f := range t.Fields {
			if was := original.Field(f.Name); was != nil && u.original.IsShareable(was) {
				continue
			}
			if slices.ContainsFunc(others, func(e elsewhere) bool {
				other := e.typ.Field(f.Name)
				return other != nil && (!e.IsExternal(other) || e.isPartiallyExternal(other))
			}) {
				mark(&f.Node)
			}
		}
	}
}

// removeTags removes tags from external fields that have them elsewhere.
func (u *upgrader) removeTags() {
	for _, a := range slices.Clone(u.AllApplications("tag")) {
		if a.Field == nil || a.Argument != nil || !u.Has(&a.Field.Node, "external") {
			continue
		}
		elsewhereToo := slices.ContainsFunc(u.subgraphs, func(s *Subgraph) bool {
			t := s.Schema.Type(a.Type.Name)
			if s == u.original || t == nil {
				return false
			}
			f := t.Field(a.Field.Name)
			return f != nil && !f.Has("external") && slices.ContainsFunc(f.Of("tag"), func(d *schema.Directive) bool {
				return schema.SameArguments(d.Arguments, a.Arguments)
			})
		})
		if elsewhereToo {
			a.Node.Remove(a.Directive)
		}
	}
}
