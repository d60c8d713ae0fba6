package cache

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/execute"
	"souk/router/internal/syntax"
	"souk/router/operation"
	"souk/router/plan"
	"souk/router/supergraph"
)

const (
	// maxCacheTags bounds the cache tags of a value, and maxCacheTagBytes the length of one. A
	// value with more or longer ones is not stored, because it could not be invalidated by
	// all of them.
	maxCacheTags     = 64
	maxCacheTagBytes = 256
)

// A tagTemplate is the format of a @cacheTag: text with the values of key fields or arguments,
// such as "product-{$key.id}".
type tagTemplate []tagPart

// A tagPart is text, or the path to a value.
type tagPart struct {
	text string
	path []string
}

// parseTemplate parses the format of a @cacheTag. Its values begin with root: "$key" or "$args".
func parseTemplate(format, root string) (tagTemplate, error) {
	var t tagTemplate
	for rest := format; rest != ""; {
		text, after, found := strings.Cut(rest, "{")
		if text != "" {
			t = append(t, tagPart{text: text})
		}
		if !found {
			break
		}
		inside, next, closed := strings.Cut(after, "}")
		if !closed {
			return nil, errors.New("a { has no }")
		}
		path := strings.Split(inside, ".")
		if len(path) < 2 || path[0] != root || slices.Contains(path, "") {
			return nil, fmt.Errorf("{%s} is not of the form {%s.name}", inside, root)
		}
		t, rest = append(t, tagPart{path: path[1:]}), next
	}
	if len(t) == 0 {
		return nil, errors.New("it is empty")
	}
	return t, nil
}

// cacheTags returns the formats of the @cacheTag directives of a subgraph.
func cacheTags(list []supergraph.Directive, g *supergraph.Subgraph) (formats []string) {
	for _, d := range list {
		if d.Name != "federation__cacheTag" && d.Name != "cacheTag" || d.Subgraphs != nil && !slices.Contains(d.Subgraphs, g) {
			continue
		}
		if v, ok := parseValue(d.Argument("format")); ok && (v.Kind == ast.StringValue || v.Kind == ast.BlockValue) {
			formats = append(formats, v.Raw)
		}
	}
	return formats
}

// A tagSource makes one cache tag of the representation and the variables of a lookup.
type tagSource []tagValue

// A tagValue is text, a value in the representation if variable is empty, or one in a variable.
type tagValue struct {
	text     string
	key      bool
	variable string
	path     []string
}

// keySource returns the source of a template of an entity type.
func keySource(t tagTemplate) tagSource {
	s := make(tagSource, len(t))
	for i, part := range t {
		s[i] = tagValue{text: part.text, key: part.path != nil, path: part.path}
	}
	return s
}

// argumentSource returns the source of a template of a root field that is selected with
// arguments, or false if a value has none.
func argumentSource(t tagTemplate, f *plan.SelectedField) (tagSource, bool) {
	s := make(tagSource, len(t))
	for i, part := range t {
		if part.path == nil {
			s[i].text = part.text
			continue
		}
		source, ok := operation.SourceOf(f.Arguments, part.path)
		if !ok {
			return nil, false
		}
		s[i] = tagValue{text: source.Text, variable: source.Variable, path: source.Path}
	}
	return s, true
}

// parseValue parses a value in GraphQL syntax.
func parseValue(text string) (*ast.Value, bool) {
	doc, err := syntax.Query(&ast.Source{Input: "{f(a:" + text + ")}"}, 0)
	if err != nil {
		return nil, false
	}
	return doc.Operations[0].SelectionSet[0].(*ast.Field).Arguments[0].Value, true
}

// append appends the cache tag. It returns false if it is too long, or if a value is missing,
// null, a list or an object.
func (s tagSource) append(b []byte, l *execute.CacheLookup, representation []byte) ([]byte, bool) {
	start := len(b)
	for i := range s {
		v := &s[i]
		var value []byte
		switch {
		case v.key:
			value = representation
		case v.variable != "":
			value = l.Variables.Get(v.variable)
		default:
			b = append(b, v.text...)
			continue
		}
		value, ok := operation.ScalarAt(value, v.path)
		if !ok {
			return b, false
		}
		b = append(b, value...)
	}
	return b, len(b)-start <= maxCacheTagBytes
}
