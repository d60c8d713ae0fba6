package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"

	"souk/router/internal/jsonscan"
)

const (
	maxSamples = 10 // entities of a type that are looked for
	maxPaths   = 4  // queries for entities of a type
	maxDepth   = 3  // fields of such a query below each other
)

// A Representation says which entity to ask for.
type Representation struct {
	typename string
	fields   map[string]any // without __typename
}

// ParseRepresentation reads a representation such as Product{"id":"1"}.
func ParseRepresentation(text string) (Representation, error) {
	name, object, ok := strings.Cut(text, "{")
	if name = strings.TrimSpace(name); !ok || name == "" {
		return Representation{}, fmt.Errorf("%q must be a type and its fields in JSON, such as Product{\"id\":\"1\"}", text)
	}
	node, err := jsonscan.Parse([]byte("{" + object))
	if err != nil {
		return Representation{}, fmt.Errorf("%q: %w; write the fields in JSON, such as Product{\"id\":\"1\"}", text, err)
	}
	return represent(name, node)
}

// represent returns the representation in a JSON object.
func represent(name string, object jsonscan.Node) (Representation, error) {
	r := Representation{typename: name}
	decoder := json.NewDecoder(bytes.NewReader(object.Raw))
	decoder.UseNumber()
	if err := decoder.Decode(&r.fields); err != nil {
		return r, fmt.Errorf("reading the representation of %s: %w", name, err) // not reached: it is an object
	}
	delete(r.fields, "__typename")
	return r, nil
}

// checkRepresentations checks that representations are of entities and have the fields of a key,
// if there is an SDL. Without, nothing would be checked with them.
func (p *prober) checkRepresentations() error {
	if p.schema == nil {
		return nil
	}
	for _, r := range p.Representations {
		var keys []string
		usable := false
		for _, e := range p.schema.entities {
			if !p.schema.is(r.typename, e.name) {
				continue
			}
			for _, k := range e.keys {
				keys = append(keys, strconv.Quote(k.fields))
				usable = usable || len(project(r.fields, k.selection)) > 0
			}
		}
		switch {
		case len(keys) == 0:
			return p.noEntity(r.typename)
		case !usable:
			return fmt.Errorf("the representation of %q has the fields of no @key of %s, or null for one; its keys are %s", r.typename, r.typename, strings.Join(keys, ", "))
		}
	}
	return nil
}

// noEntity is the error of a representation of a type that is no entity.
func (p *prober) noEntity(typename string) error {
	names := make([]string, len(p.schema.entities))
	for i, e := range p.schema.entities {
		names[i] = e.name
	}
	how := "; the subgraph has no entities"
	if len(names) > 0 {
		how = "; entities are " + strings.Join(names, ", ")
	}
	if near := core.SuggestionList(typename, names); len(near) > 0 {
		how = fmt.Sprintf("; did you mean %s?", near[0])
	}
	return fmt.Errorf("the representation of %q is of no entity of the subgraph%s", typename, how)
}

// ReadRepresentations reads representations in the form in which routers send them: a JSON
// list of objects with __typename.
func ReadRepresentations(text []byte) ([]Representation, error) {
	const form = "it must be a JSON list of objects with __typename"
	list, err := jsonscan.Parse(jsonscan.TrimMark(text))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", form, err)
	case list.Kind != jsonscan.KindArray:
		return nil, fmt.Errorf("%s, but is %s", form, list.Kind)
	}
	all := make([]Representation, len(list.Items))
	for i, item := range list.Items {
		if item.Kind != jsonscan.KindObject {
			return nil, fmt.Errorf("%s, but item %d is %s", form, i+1, item.Kind)
		}
		name, _ := item.Member("__typename")
		if name == nil || name.Text == "" {
			return nil, fmt.Errorf("object %d has no __typename", i+1)
		}
		if all[i], err = represent(name.Text, item); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// samples returns fields of entities that exist: those that were given, or those that root
// fields of the subgraph return.
func (p *prober) samples(ctx context.Context, e *entity) []map[string]any {
	var found []map[string]any
	for _, r := range p.Representations {
		if p.schema.is(r.typename, e.name) {
			found = append(found, r.fields)
		}
	}
	if len(found) > 0 {
		return found
	}
	for _, path := range p.schema.paths(e.name) {
		var keys []string
		for _, k := range e.keys {
			keys = append(keys, k.fields)
		}
		r, err := p.send(ctx, path.query(fmt.Sprintf("... on %s { __typename %s }", e.name, strings.Join(keys, " "))), nil)
		if err != nil || r.data == nil {
			continue // another path may lead there
		}
		if found = append(found, entitiesIn(r.data)...); len(found) >= maxSamples {
			return found[:maxSamples]
		}
	}
	return found
}

// entitiesIn returns the objects with __typename in a value, in order.
func entitiesIn(value any) (all []map[string]any) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			all = append(all, entitiesIn(item)...)
		}
	case map[string]any:
		if v["__typename"] != nil {
			return []map[string]any{v}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			all = append(all, entitiesIn(v[name])...)
		}
	}
	return all
}

// A path leads from the root type to objects.
type path struct {
	text   string // such as { products { maker
	depth  int
	braces int
	at     string // type of the objects
}

func (p path) query(selection string) string {
	return p.text + " { " + selection + " }" + strings.Repeat(" }", p.braces)
}

// paths returns paths through fields without arguments to objects that may be of a type,
// the shortest first.
func (s *schema) paths(name string) []path {
	var found []path
	visited := map[string]bool{s.query: true}
	for queue := []path{{text: "{", braces: 1, at: s.query}}; len(queue) > 0 && len(found) < maxPaths; queue = queue[1:] {
		here := queue[0]
		for _, f := range s.fields(here.at) {
			to := f.Type.Name()
			if !s.composite(to) || !withoutArguments(f) || strings.HasPrefix(f.Name, "_") {
				continue
			}
			next := path{text: here.text + " " + f.Name, depth: here.depth + 1, braces: here.braces, at: to}
			if s.is(to, name) {
				if found = append(found, next); len(found) == maxPaths {
					break
				}
				continue
			}
			if !visited[to] && next.depth < maxDepth {
				visited[to] = true
				queue = append(queue, s.below(next)...)
			}
		}
	}
	return found
}

// below returns the paths into the objects at the end of a path: one for each member of a
// union.
func (s *schema) below(p path) []path {
	if s.types[p.at].Kind != ast.Union {
		p.text, p.braces = p.text+" {", p.braces+1
		return []path{p}
	}
	var all []path
	for _, member := range s.possible[p.at] {
		if s.types[member] != nil {
			all = append(all, path{p.text + " { ... on " + member + " {", p.depth, p.braces + 2, member})
		}
	}
	return all
}

// project returns the fields of a sample that a selection has. It is nil if one is missing or
// null.
func project(sample map[string]any, selection ast.SelectionSet) map[string]any {
	fields := map[string]any{}
	for _, s := range selection {
		f, ok := s.(*ast.Field)
		if !ok {
			continue // a fragment: __typename decides which fields there are
		}
		value := projectValue(sample[f.Name], f.SelectionSet)
		if value == nil {
			return nil
		}
		fields[f.Name] = value
	}
	return fields
}

func projectValue(value any, selection ast.SelectionSet) any {
	if len(selection) == 0 {
		return value
	}
	switch v := value.(type) {
	case map[string]any:
		if inner := project(v, selection); inner != nil {
			return inner
		}
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			if list[i] = projectValue(item, selection); list[i] == nil {
				return nil
			}
		}
		return list
	}
	return nil
}
