package lint

import (
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

func isKey(d *ast.Directive) bool {
	return d.Name == "key" || strings.HasSuffix(d.Name, "__key")
}

func isEntity(d definition) bool { return slices.ContainsFunc(d.Directives, isKey) }

// missingKeys finds object types with an ID that only lists return, without a key in any
// subgraph. Types of interfaces and unions are left out: their fields may return them, too.
func (l *linter) missingKeys() {
	keyed, one, many := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, d := range l.definitions {
		keyed[d.Name] = keyed[d.Name] || isEntity(d)
		if len(d.Interfaces) > 0 {
			one[d.Name] = true
		}
		for _, name := range d.Types {
			one[name] = true
		}
	}
	l.fields(func(d definition, f *ast.FieldDefinition) {
		if d.Kind == ast.InputObject {
			return
		}
		if f.Type.Elem != nil {
			many[f.Type.Name()] = true
		} else {
			one[f.Type.Name()] = true
		}
	})
	for _, d := range l.definitions {
		id := d.Fields.ForName("id")
		if d.Kind != ast.Object || l.roots[d.Name] || keyed[d.Name] || id == nil || id.Type.String() != "ID!" || !many[d.Name] || one[d.Name] {
			continue
		}
		keyed[d.Name] = true // one finding is enough
		l.add(d, d.Position, d.Name, "%s has an id, but no @key, and only lists return it: no other subgraph can add fields to it, and nothing can load one object again; add @key(fields: \"id\")", d.Name)
	}
}

// limits are arguments that limit a list.
var limits = []string{"first", "last", "limit", "take", "pageSize", "perPage", "count", "max", "ids"}

// unlimitedLists finds lists of entities to which other subgraphs add fields, if nothing
// limits the list. The router sends all entities of a list to a subgraph in one request; the
// subgraph then calls its reference resolver for each of them, unless that loads a batch.
func (l *linter) unlimitedLists() {
	adding := map[string]map[string][]string{} // fields that a subgraph adds to an entity, by entity and subgraph
	for _, d := range l.definitions {
		if d.Kind != ast.Object || !isEntity(d) || inBatch(d) {
			continue
		}
		if added := resolved(d); len(added) > 0 {
			if adding[d.Name] == nil {
				adding[d.Name] = map[string][]string{}
			}
			adding[d.Name][d.subgraph.Name] = append(adding[d.Name][d.subgraph.Name], added...)
		}
	}
	pages := l.pages()
	l.fields(func(d definition, f *ast.FieldDefinition) {
		if d.Kind == ast.InputObject || f.Type.Elem == nil || limited(f) || pages[d.Name] {
			return
		}
		entity := f.Type.Name()
		for _, other := range slices.Sorted(maps.Keys(adding[entity])) {
			if other == d.subgraph.Name {
				continue
			}
			coordinate := d.Name + "." + f.Name
			l.add(d, f.Position, coordinate, "%s is a list of %s without a limit, and %s resolves %s of it: one request to %s has all items, and loads them one by one unless its reference resolver loads a batch; add an argument such as first or @listSize, and load batches, such as with a DataLoader",
				coordinate, entity, other, strings.Join(adding[entity][other], ", "), other)
		}
	})
}

// pages returns the types, such as connections, that only fields with a limit return.
func (l *linter) pages() map[string]bool {
	returned, unlimited := map[string]bool{}, map[string]bool{}
	l.fields(func(d definition, f *ast.FieldDefinition) {
		if d.Kind == ast.InputObject {
			return
		}
		returned[f.Type.Name()] = true
		if !limited(f) {
			unlimited[f.Type.Name()] = true
		}
	})
	maps.DeleteFunc(returned, func(name string, _ bool) bool { return unlimited[name] })
	return returned
}

// inBatch reports whether a subgraph of gqlgen resolves the entity in batches.
func inBatch(d definition) bool {
	resolver := d.Directives.ForName("entityResolver")
	if resolver == nil {
		return false
	}
	multi := resolver.Arguments.ForName("multi")
	return multi != nil && multi.Value.Raw == "true"
}

// resolved returns the fields of an entity that a subgraph resolves, without those of its
// keys and those that come from elsewhere.
func resolved(d definition) (names []string) {
	key := map[string]bool{}
	for _, directive := range d.Directives {
		if fields := directive.Arguments.ForName("fields"); isKey(directive) && fields != nil {
			for _, name := range strings.FieldsFunc(fields.Value.Raw, func(r rune) bool { return strings.ContainsRune("{} \n\t,", r) }) {
				key[name] = true
			}
		}
		if can := directive.Arguments.ForName("resolvable"); isKey(directive) && can != nil && can.Value.Raw == "false" {
			return nil
		}
	}
	for _, f := range d.Fields {
		if !key[f.Name] && f.Directives.ForName("external") == nil {
			names = append(names, f.Name)
		}
	}
	return names
}

// limited reports whether an argument or @listSize limits a list.
func limited(f *ast.FieldDefinition) bool {
	return f.Directives.ForName("listSize") != nil || slices.ContainsFunc(f.Arguments, func(a *ast.ArgumentDefinition) bool {
		return slices.Contains(limits, a.Name)
	})
}
