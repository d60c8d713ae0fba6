package yamlfile

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// Options configure how a document is decoded.
type Options struct {
	// File is the path of the document, for error messages.
	File string
	// Lookup returns environment variables, for ${env.NAME}.
	Lookup func(string) (string, bool)
	// ReadFile returns the contents of files, for ${file.PATH}. If it is nil, such
	// references are not expanded.
	ReadFile func(string) (string, error)
	// Refused are messages for keys that are known and not supported. A key is the path of
	// the document's key in which * stands for the names of a map, such as "graphs.*.key".
	Refused map[string]string
	// Elsewhere returns the paths of the keys of other blocks that a key may be meant for. It may be nil.
	Elsewhere func(key string) []string
}

// Decode decodes a document into the struct that v points to, by the tags `yaml` of its
// fields. Keys that are missing, or whose values are wrong, keep their values. It continues
// after a problem, so that it returns all of them; [Source.Unread] tells what to leave out of
// further checks.
//
// A field with the tag `former:"NAME"` also has the key NAME, which it had before: that is a
// warning, see [Source.Warnings].
//
// A map of structs may also be written as a list if the struct has a field with the tag
// `list:"key"`. That field then is the key of each entry.
func Decode(data []byte, v any, o Options) (*Source, Errors) {
	d := &decoder{
		Options: o, source: &Source{file: o.File, places: map[string]place{}},
		lines: strings.Split(string(bytes.TrimPrefix(data, byteOrderMark)), "\n"),
	}
	document, err := Document(data)
	if err != nil {
		e := located(o.File, err)
		e.Message = explain(data, e.Line, e.Column, e.Message)
		d.source.unread = []string{""}
		return d.source, append(Errors{e}, furtherDuplicates(o.File, data, e)...)
	}
	if document != nil {
		d.anchors = anchorsIn(document)
		d.value(document, reflect.ValueOf(v).Elem(), "", "")
	}
	return d.source, d.problems
}

// A decoder decodes one document.
type decoder struct {
	Options
	source   *Source
	problems Errors
	anchors  []*ast.AnchorNode // of the document, in order
	lines    []string          // of the document
	depth    int
	merges   int  // blocks that << has merged
	entry    bool // the next block is an entry of a list that is decoded into a map
}

// maxDepth bounds the nesting of blocks and aliases. Without it, a recursive alias
// would not terminate.
const maxDepth = 50

// fail adds a problem with the value at a path, which then is unread.
func (d *decoder) fail(t *token.Token, path, format string, args ...any) {
	d.source.unread = append(d.source.unread, path)
	d.report(t, format, args...)
}

// failAt is like fail for a problem at a position.
func (d *decoder) failAt(at place, path, format string, args ...any) {
	d.source.unread = append(d.source.unread, path)
	d.reportAt(at, format, args...)
}

// report adds a problem that concerns no value.
func (d *decoder) report(t *token.Token, format string, args ...any) {
	at := place{1, 1}
	if t != nil && t.Position != nil {
		at = place{t.Position.Line, t.Position.Column}
	}
	d.reportAt(at, format, args...)
}

func (d *decoder) reportAt(at place, format string, args ...any) {
	d.problems = append(d.problems, &Error{File: d.source.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

// value decodes a node into v. A null node leaves the default in place. pattern is the path
// with * for the names of maps.
func (d *decoder) value(n ast.Node, v reflect.Value, path, pattern string) {
	if d.depth++; d.depth > maxDepth {
		d.fail(n.GetToken(), path, "%s is nested too deeply", cmp.Or(path, "the configuration"))
		return
	}
	defer func() { d.depth-- }()
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return
	case *ast.AnchorNode:
		d.value(n.Value, v, path, pattern)
		return
	case *ast.AliasNode:
		target := d.target(n)
		if target == nil {
			d.fail(n.GetToken(), path, "%s refers to the anchor %q, which is not defined before it", cmp.Or(path, "the configuration"), n.Value.GetToken().Value)
			return
		}
		d.value(target, v, path, pattern)
		return
	case *ast.TagNode:
		d.value(n.Value, v, path, pattern)
		return
	}
	d.source.set(path, n.GetToken())
	switch {
	case v.Kind() == reflect.Pointer:
		inner := reflect.New(v.Type().Elem())
		before := len(d.problems)
		d.value(n, inner.Elem(), path, pattern)
		if len(d.problems) == before {
			v.Set(inner)
		}
	case v.Kind() == reflect.Struct:
		d.block(n, v, path, pattern)
	case v.Kind() == reflect.Map:
		d.names(n, v, path, pattern)
	case v.Type() == reflect.TypeFor[OneOrMore]() && !isList(n):
		d.one(n, v, path)
	case v.Kind() == reflect.Slice:
		d.list(n, v, path, pattern)
	default:
		d.scalar(n, v, path)
	}
}

func (d *decoder) block(n ast.Node, v reflect.Value, path, pattern string) {
	entry := d.entry
	d.entry = false
	pairs := d.pairs(n, path, v.Type())
	for _, pair := range pairs {
		key := pair.Key.GetToken().Value
		inner, generic := join(path, key), join(pattern, key)
		if refused := d.Refused[generic]; refused != "" {
			d.fail(pair.Key.GetToken(), inner, "%s is not supported; %s", inner, refused)
			continue
		}
		field := fieldNamed(v.Type(), key, entry)
		if field == nil {
			if field = d.former(pair, pairs, v.Type(), path); field != nil {
				inner, generic = join(path, keyOf(*field)), join(pattern, keyOf(*field))
			}
		}
		if field == nil {
			d.unknown(pair, pairs, path, keysOf(v.Type(), entry))
			continue
		}
		d.value(pair.Value, v.FieldByIndex(field.Index), inner, generic)
	}
}

// former returns the field whose key had the name of a pair before, or nil. It warns of the old
// name. A block that has both names is refused.
func (d *decoder) former(pair *ast.MappingValueNode, block []*ast.MappingValueNode, t reflect.Type, path string) *reflect.StructField {
	key := pair.Key.GetToken()
	for i := range t.NumField() {
		f := t.Field(i)
		name, hint, _ := strings.Cut(f.Tag.Get("former"), ";")
		if name == "" || name != key.Value {
			continue
		}
		old, now := join(path, name), join(path, keyOf(f))
		if slices.ContainsFunc(block, func(p *ast.MappingValueNode) bool { return p.Key.GetToken().Value == keyOf(f) }) {
			d.report(key, "%s and %s are the same key; remove %s, its old name", old, now, old)
		} else {
			message := fmt.Sprintf("%s is the old name of %s; rename it", old, now)
			if hint != "" {
				message += ". " + hint
			}
			d.source.warn(&Error{File: d.source.file, Line: key.Position.Line, Column: key.Position.Column, Message: message})
		}
		return &f
	}
	return nil
}

// keyOf returns the key of a field.
func keyOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

// unknown adds the problem of an unknown key of a block. The value of a key that it seems to
// stand for is unread, unless the block has that key, too.
func (d *decoder) unknown(pair *ast.MappingValueNode, block []*ast.MappingValueNode, path string, known []string) {
	key := pair.Key.GetToken()
	inner := join(path, key.Value)
	defer func() { d.problems[len(d.problems)-1].Unknown = inner }()
	near := core.SuggestionList(key.Value, known)
	if len(near) == 0 && d.Elsewhere != nil {
		if others := d.Elsewhere(key.Value); len(others) > 0 {
			d.report(key, "unknown key %q; did you mean %s?", inner, strings.Join(others, " or "))
			return
		}
	}
	if len(near) == 0 {
		d.report(key, "unknown key %q; known are %s", inner, strings.Join(known, ", "))
		return
	}
	if !slices.ContainsFunc(block, func(p *ast.MappingValueNode) bool { return p.Key.GetToken().Value == near[0] }) {
		d.source.unread = append(d.source.unread, join(path, near[0]))
	}
	d.report(key, "unknown key %q; did you mean %q?", inner, near[0])
}

// names decodes a block into a map. Its keys are chosen by the user, such as
// subgraph names.
func (d *decoder) names(n ast.Node, v reflect.Value, path, pattern string) {
	made := reflect.MakeMap(v.Type())
	if sequence, ok := n.(*ast.SequenceNode); ok && keyField(v.Type().Elem()) != nil {
		d.named(sequence, made, path, pattern)
		v.Set(made)
		return
	}
	for _, pair := range d.pairs(n, path, v.Type()) {
		key := pair.Key.GetToken().Value
		if ref := reference.FindString(key); ref != "" {
			d.fail(pair.Key.GetToken(), path+"."+key, "%s has a key with %s, which is expanded only in values; write the key itself", path, ref)
			continue
		}
		if strings.TrimSpace(key) == "" {
			d.fail(pair.Key.GetToken(), path+"."+key, "%s has an entry without a name", path)
			continue
		}
		inner := path + "." + key
		value := reflect.New(v.Type().Elem()).Elem()
		d.value(pair.Value, value, inner, pattern+".*")
		d.source.set(inner, pair.Key.GetToken()) // report an unknown name at the key
		made.SetMapIndex(reflect.ValueOf(key), value)
	}
	v.Set(made)
}

// named decodes a list into a map: a field of each entry is its key.
func (d *decoder) named(n *ast.SequenceNode, made reflect.Value, path, pattern string) {
	field := keyField(made.Type().Elem())
	for i, item := range n.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		value := reflect.New(made.Type().Elem()).Elem()
		d.entry = true
		d.value(item, value, at, pattern+".*")
		name := value.FieldByIndex(field.Index).String()
		token := item.GetToken()
		switch key := reflect.ValueOf(name); {
		case strings.TrimSpace(name) == "":
			d.fail(token, at, "%s has no %s", at, field.Tag.Get("yaml"))
		case made.MapIndex(key).IsValid():
			d.fail(token, at, "%s has the %s %q, which another entry has; choose another one", at, field.Tag.Get("yaml"), name)
		default:
			d.source.rename(at, path+"."+name)
			made.SetMapIndex(key, value)
		}
	}
}

func (d *decoder) list(n ast.Node, v reflect.Value, path, pattern string) {
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(n.GetToken(), path, "%s is %s; it must be a list, such as [a, b]", path, shown(n))
		return
	}
	made := reflect.MakeSlice(v.Type(), 0, len(sequence.Values))
	for i, item := range sequence.Values {
		inner := fmt.Sprintf("%s[%d]", path, i)
		if _, null := item.(*ast.NullNode); null || item == nil {
			d.fail(sequence.GetToken(), inner, "%s is empty", inner)
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		d.value(item, value, inner, pattern+".*")
		made = reflect.Append(made, value)
	}
	v.Set(made)
}

// OneOrMore is a list of strings that may also be written as a single string. The path of that one
// is the path of the list.
type OneOrMore []string

// one decodes a single string into a list.
func (d *decoder) one(n ast.Node, v reflect.Value, path string) {
	if _, _, ok := scalarText(n); !ok {
		d.fail(n.GetToken(), path, "%s is %s; it must be %s", path, shown(n), wanted(v.Type()))
		return
	}
	var text string
	d.scalar(n, reflect.ValueOf(&text).Elem(), path)
	v.Set(reflect.ValueOf(OneOrMore{text}))
}

func isList(n ast.Node) bool {
	_, ok := n.(*ast.SequenceNode)
	return ok
}

func join(path, key string) string { return strings.TrimPrefix(path+"."+key, ".") }

// keyField returns the field of a struct that is the key of an entry in a list, or nil.
func keyField(t reflect.Type) *reflect.StructField {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("list") == "key" {
			return &f
		}
	}
	return nil
}

// fieldNamed returns the field for a key, or nil. The key of an entry in a list is one only there.
func fieldNamed(t reflect.Type, key string, entry bool) *reflect.StructField {
	for i := range t.NumField() {
		if f := t.Field(i); key != "" && keyOf(f) == key && isKey(f, entry) {
			return &f
		}
	}
	return nil
}

// keysOf returns the keys of a block, or of an entry in a list.
func keysOf(t reflect.Type, entry bool) []string {
	var keys []string
	for i := range t.NumField() {
		if f := t.Field(i); keyOf(f) != "" && isKey(f, entry) {
			keys = append(keys, keyOf(f))
		}
	}
	slices.Sort(keys)
	return keys
}

func isKey(f reflect.StructField, entry bool) bool { return entry || f.Tag.Get("list") != "key" }
