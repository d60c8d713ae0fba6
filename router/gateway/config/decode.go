package config

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// A decoder decodes a YAML document into a Config. It continues after a problem,
// so that one run reports all of them.
type decoder struct {
	lookup   func(string) (string, bool)
	source   *Source
	problems Errors
	anchors  map[string]ast.Node
	depth    int
}

// maxDepth bounds the nesting of blocks and aliases. Without it, a recursive alias
// would not terminate.
const maxDepth = 50

func (d *decoder) fail(t *token.Token, format string, args ...any) {
	e := &Error{File: d.source.file, Line: 1, Column: 1, Message: fmt.Sprintf(format, args...)}
	if t != nil && t.Position != nil {
		e.Line, e.Column = t.Position.Line, t.Position.Column
	}
	d.problems = append(d.problems, e)
}

// value decodes a node into v. A null node leaves the default in place.
func (d *decoder) value(n ast.Node, v reflect.Value, path string) {
	if d.depth++; d.depth > maxDepth {
		d.fail(n.GetToken(), "%s is nested too deeply", cmp.Or(path, "the configuration"))
		return
	}
	defer func() { d.depth-- }()
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return
	case *ast.AnchorNode:
		d.anchors[n.Name.GetToken().Value] = n.Value
		d.value(n.Value, v, path)
		return
	case *ast.AliasNode:
		target, ok := d.anchors[n.Value.GetToken().Value]
		if !ok {
			d.fail(n.GetToken(), "%s refers to the anchor %q, which is not defined before it", cmp.Or(path, "the configuration"), n.Value.GetToken().Value)
			return
		}
		d.value(target, v, path)
		return
	case *ast.TagNode:
		d.value(n.Value, v, path)
		return
	}
	d.source.set(path, n.GetToken())
	switch {
	case v.Kind() == reflect.Pointer:
		inner := reflect.New(v.Type().Elem())
		before := len(d.problems)
		d.value(n, inner.Elem(), path)
		if len(d.problems) == before {
			v.Set(inner)
		}
	case v.Kind() == reflect.Struct:
		d.block(n, v, path)
	case v.Kind() == reflect.Map:
		d.names(n, v, path)
	case v.Kind() == reflect.Slice:
		d.list(n, v, path)
	default:
		d.scalar(n, v, path)
	}
}

// pairs returns the entries of a block. Entries merged by << come first, so that
// the block's own entries replace them.
func (d *decoder) pairs(n ast.Node, path string, t reflect.Type) []*ast.MappingValueNode {
	where := cmp.Or(path, "the configuration")
	var list []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		list = n.Values
	case *ast.MappingValueNode:
		list = []*ast.MappingValueNode{n}
	default:
		d.fail(n.GetToken(), "%s is %s; it must be %s", where, shown(n), wanted(t))
		return nil
	}
	var merged, own []*ast.MappingValueNode
	for _, pair := range list {
		if _, merge := pair.Key.(*ast.MergeKeyNode); !merge {
			own = append(own, pair)
			continue
		}
		target := pair.Value
		if alias, ok := target.(*ast.AliasNode); ok {
			target = d.anchors[alias.Value.GetToken().Value]
		}
		switch target := target.(type) {
		case *ast.MappingNode:
			merged = append(merged, target.Values...)
		case *ast.MappingValueNode:
			merged = append(merged, target)
		default:
			d.fail(pair.Value.GetToken(), "%s has a merge key << whose value is not a block of keys", where)
		}
	}
	given := map[string]bool{}
	for _, pair := range own {
		given[pair.Key.GetToken().Value] = true
	}
	merged = slices.DeleteFunc(merged, func(pair *ast.MappingValueNode) bool { return given[pair.Key.GetToken().Value] })
	return append(merged, own...)
}

func (d *decoder) block(n ast.Node, v reflect.Value, path string) {
	for _, pair := range d.pairs(n, path, v.Type()) {
		key := pair.Key.GetToken().Value
		inner := strings.TrimPrefix(path+"."+key, ".")
		field, known := fieldNamed(v.Type(), key)
		if field == nil {
			hint := "; known are " + strings.Join(known, ", ")
			if near := core.SuggestionList(key, known); len(near) > 0 {
				hint = fmt.Sprintf("; did you mean %q?", near[0])
			}
			d.fail(pair.Key.GetToken(), "unknown key %q%s", inner, hint)
			continue
		}
		d.value(pair.Value, v.FieldByIndex(field.Index), inner)
	}
}

// names decodes a block into a map. Its keys are chosen by the user, such as
// subgraph names.
func (d *decoder) names(n ast.Node, v reflect.Value, path string) {
	made := reflect.MakeMap(v.Type())
	for _, pair := range d.pairs(n, path, v.Type()) {
		key, ok := d.expand(pair.Key.GetToken().Value, pair.Key.GetToken(), path)
		if !ok {
			continue
		}
		if strings.TrimSpace(key) == "" {
			d.fail(pair.Key.GetToken(), "%s has an entry without a name", path)
			continue
		}
		inner := path + "." + key
		value := reflect.New(v.Type().Elem()).Elem()
		d.value(pair.Value, value, inner)
		d.source.set(inner, pair.Key.GetToken()) // report an unknown name at the key
		made.SetMapIndex(reflect.ValueOf(key), value)
	}
	v.Set(made)
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string) {
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(n.GetToken(), "%s is %s; it must be a list, such as [a, b]", path, shown(n))
		return
	}
	made := reflect.MakeSlice(v.Type(), 0, len(sequence.Values))
	for i, item := range sequence.Values {
		inner := fmt.Sprintf("%s[%d]", path, i)
		if _, null := item.(*ast.NullNode); null || item == nil {
			d.fail(sequence.GetToken(), "%s is empty", inner)
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		d.value(item, value, inner)
		made = reflect.Append(made, value)
	}
	v.Set(made)
}

// scalar decodes a string, number, duration or boolean into v. Except for strings
// and durations, a quoted value is an error unless it refers to the environment.
func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	text, quoted, ok := scalarText(n)
	if !ok {
		d.fail(n.GetToken(), "%s is %s; it must be %s", path, shown(n), wanted(v.Type()))
		return
	}
	expanded, ok := d.expand(text, n.GetToken(), path)
	if !ok {
		return
	}
	wrong := func() {
		d.fail(n.GetToken(), "%s is %q; it must be %s", path, expanded, wanted(v.Type()))
	}
	if v.Kind() == reflect.String {
		v.SetString(expanded)
		return
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		if t, err := time.ParseDuration(expanded); err == nil {
			v.SetInt(int64(t))
		} else {
			wrong()
		}
		return
	}
	if quoted && expanded == text { // "5" is a string
		wrong()
		return
	}
	if expanded != text {
		expanded = strings.TrimSpace(expanded)
	}
	switch v.Kind() {
	case reflect.Bool:
		if expanded != "true" && expanded != "false" {
			wrong()
			return
		}
		v.SetBool(expanded == "true")
	case reflect.Int:
		i, err := strconv.ParseInt(strings.ReplaceAll(expanded, "_", ""), 0, 0)
		if err != nil {
			wrong()
			return
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(expanded, 64)
		if err != nil || f != f || f-f != 0 { // no NaN, no infinity
			wrong()
			return
		}
		v.SetFloat(f)
	default: // not reached: the configuration has no other types
		wrong()
	}
}

// scalarText is the text of a scalar, and whether it is written as a string.
func scalarText(n ast.Node) (text string, quoted, ok bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true, true
	case *ast.LiteralNode:
		return n.Value.Value, true, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, false, true
	}
	return "", false, false
}

var reference = regexp.MustCompile(`\$\{env\.([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)

// expand puts environment variables into a text.
func (d *decoder) expand(text string, t *token.Token, path string) (string, bool) {
	missing := ""
	expanded := reference.ReplaceAllStringFunc(text, func(ref string) string {
		part := reference.FindStringSubmatch(ref)
		if v, ok := d.lookup(part[1]); ok && (v != "" || part[2] == "") {
			return v
		}
		if part[2] == "" {
			missing = part[1]
		}
		return part[3]
	})
	if missing != "" {
		d.fail(t, "%s uses the environment variable %s, which is not set; set it, or write ${env.%s:-default} to provide a default", path, missing, missing)
	}
	return expanded, missing == ""
}

// shown describes a node that has the wrong type, for messages.
func shown(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a block of keys"
	case *ast.SequenceNode:
		return "a list"
	}
	if text, _, ok := scalarText(n); ok {
		return strconv.Quote(text)
	}
	return "of another kind"
}

// wanted describes the values that a type accepts, for messages.
func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration, such as 30s"
	case t.Kind() == reflect.Pointer:
		return wanted(t.Elem())
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "a string"
	case t.Kind() == reflect.Int:
		return "a whole number, such as 100"
	case t.Kind() == reflect.Slice:
		return "a list, such as [a, b]"
	case t.Kind() == reflect.Map:
		return "a block of names"
	case t.Kind() == reflect.Struct:
		_, known := fieldNamed(t, "")
		return "a block with the keys " + strings.Join(known, ", ")
	}
	return "a number, such as 0.5"
}

func fieldNamed(t reflect.Type, key string) (found *reflect.StructField, known []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("yaml")
		if name == key {
			found = &f
		}
		known = append(known, name)
	}
	slices.Sort(known)
	return found, known
}

// decode decodes a document into c. Keys that are missing keep their values.
func decode(data []byte, c *Config, file string, lookup func(string) (string, bool)) (*Source, Errors) {
	d := &decoder{lookup: lookup, source: &Source{file: file, places: map[string]place{}}, anchors: map[string]ast.Node{}}
	parsed, err := parser.ParseBytes(data, 0)
	if err != nil {
		e := located(file, err)
		e.Message = unquotedReference(data, e.Line, e.Column, e.Message)
		return d.source, Errors{e}
	}
	for _, doc := range parsed.Docs {
		if doc.Body != nil {
			d.value(doc.Body, reflect.ValueOf(c).Elem(), "")
		}
	}
	return d.source, d.problems
}

// A Source records the positions of the keys in a configuration file. A nil
// Source has no positions.
type Source struct {
	// file is its path. It is empty if the text has no name.
	file   string
	places map[string]place
	// overrides maps the path of a key to the flag or the environment variable that
	// sets it instead of the file.
	overrides map[string]string
}

// Override records that the value at a path is not from the file but from a flag or an
// environment variable, such as "--listen". Problems with it name that instead.
func (s *Source) Override(path, by string) {
	if s == nil {
		return
	}
	if s.overrides == nil {
		s.overrides = map[string]string{}
	}
	s.overrides[path] = by
}

// Overridden reports whether the value at a path is not from the file.
func (s *Source) Overridden(path string) bool { return s != nil && s.overrides[path] != "" }

// name returns what the user has set for the value at a path: a flag, an environment
// variable, or the key itself.
func (s *Source) name(path string) string {
	if s.Overridden(path) {
		return s.overrides[path]
	}
	return path
}

type place struct{ line, column int }

func (s *Source) set(path string, t *token.Token) {
	if t != nil && t.Position != nil {
		s.places[path] = place{t.Position.Line, t.Position.Column}
	}
}

// Given reports whether the file sets the key at a path, such as
// "limits.max_depth".
func (s *Source) Given(path string) bool {
	if s == nil {
		return false
	}
	_, ok := s.places[path]
	return ok
}

// Problem returns an error about the value at a path. If the file does not set the
// key, the position is that of the innermost enclosing block. If a flag or an
// environment variable sets it, there is no position.
func (s *Source) Problem(path, format string, args ...any) *Error {
	e := &Error{Message: fmt.Sprintf(format, args...)}
	if s == nil || s.Overridden(path) {
		return e
	}
	for at := path; ; {
		if p, ok := s.places[at]; ok {
			e.File, e.Line, e.Column = s.file, p.line, p.column
			return e
		}
		cut := strings.LastIndexAny(at, ".[")
		if cut < 0 {
			break
		}
		at = at[:cut]
	}
	e.File = s.file
	if len(s.places) > 0 || s.file != "" {
		e.Line, e.Column = 1, 1
	}
	return e
}
