package config

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/validator/core"
)

// A Key describes a key of the configuration file.
type Key struct {
	// Name is the path of the key, such as traffic_shaping.subgraphs.NAME.timeout.
	Name        string   `json:"key"`
	Type        string   `json:"type"`
	Description string   `json:"description"`
	Values      []string `json:"values,omitempty"` // all that are allowed
	Minimum     string   `json:"minimum,omitempty"`
	Maximum     string   `json:"maximum,omitempty"`
	// Default is the value without the key, as YAML. It is empty for a block.
	Default string `json:"default,omitempty"`
	// Environment is the environment variable that replaces the value.
	Environment string   `json:"environment,omitempty"`
	Secret      bool     `json:"secret,omitempty"`
	Keys        []string `json:"keys,omitempty"` // of a block, or of the entries of a map or a list
	Example     string   `json:"example"`        // part of a configuration file
	// Documented is the line of the documentation that has the key.
	Documented string `json:"documented"`
}

// Explain describes a key. The names of entries of a map, such as the names of subgraphs,
// are part of a path; positions in lists are not: authentication.jwt.jwks.url.
func Explain(path string) (Key, error) {
	key := Key{Name: path}
	f := found{typ: reflect.TypeFor[Config](), value: reflect.ValueOf(Default())}
	for i, name := range strings.Split(path, ".") {
		child, err := f.below(name)
		if err != nil {
			return Key{}, fmt.Errorf("there is no key %q%s", path, f.suggestion(path, i))
		}
		f = child
	}
	key.Type, key.Description = typeName(f.typ), f.tag.Get("desc")
	key.Keys = f.keys()
	if enum := f.tag.Get("enum"); enum != "" {
		key.Values = strings.Split(enum, ",")
	}
	if isNumber(elementary(f.typ)) {
		key.Minimum, key.Maximum = cmp.Or(f.tag.Get("min"), "0"), f.tag.Get("max")
	}
	if f.value.IsValid() && f.typ.Kind() != reflect.Struct {
		if text, set := scalar(f.value, f.tag); set || f.typ.Kind() == reflect.Pointer {
			key.Default = text
		} else {
			key.Default = emptyValue(f.value)
		}
	}
	for variable, of := range environment {
		if of == path {
			key.Environment = variable
		}
	}
	key.Secret = f.tag.Get("secret") != ""
	if key.Example = cmp.Or(together[path], together[path+".enabled"], attributeExample(path)); key.Example == "" {
		key.Example = providerExample(path, example(path))
	}
	key.Documented = fmt.Sprintf("docs/router.yaml:%d", documentedLine(path))
	return key, nil
}

func emptyValue(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Map:
		return "{}"
	case reflect.Slice:
		return "[]"
	}
	return fmt.Sprint(v.Interface())
}

// A found type is that of a path.
type found struct {
	typ   reflect.Type
	value reflect.Value // its default; invalid below an entry of a map or a list
	tag   reflect.StructTag
}

// block returns the type that has the keys below f: that of a list is the type of its
// entries.
func (f found) block() reflect.Type {
	t := f.typ
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func (f found) below(name string) (found, error) {
	t := f.block()
	next := found{}
	switch t.Kind() {
	case reflect.Map:
		next.typ, next.tag = t.Elem(), f.tag
		if name != "" {
			return next, nil
		}
	case reflect.Struct:
		for i := range t.NumField() {
			field := t.Field(i)
			if field.Tag.Get("yaml") != name {
				continue
			}
			next.typ, next.tag = field.Type, field.Tag
			if f.value.IsValid() && f.value.Kind() == reflect.Struct {
				next.value = f.value.Field(i)
			}
			return next, nil
		}
	}
	return found{}, fmt.Errorf("no key %q", name)
}

// keys returns the names of the keys below f.
func (f found) keys() (names []string) {
	t := f.block()
	if t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		names = append(names, t.Field(i).Tag.Get("yaml"))
	}
	return names
}

// suggestion says what to write instead of a part of a path, which is below f.
func (f found) suggestion(path string, part int) string {
	keys, parts := f.keys(), strings.Split(path, ".")
	if len(keys) == 0 {
		return "; nothing is below " + typeName(f.typ)
	}
	if near := core.SuggestionList(parts[part], keys); len(near) > 0 {
		parts[part] = near[0]
		return fmt.Sprintf("; did you mean %s?", strings.Join(parts, "."))
	}
	if others := elsewhere(parts[part], true); len(others) > 0 && part == len(parts)-1 {
		return fmt.Sprintf("; did you mean %s?", strings.Join(others, " or "))
	}
	return "; the keys are " + strings.Join(keys, ", ")
}

// maxElsewhere bounds the keys of other blocks that a message names.
const maxElsewhere = 3

// sameElsewhere returns the keys of all blocks whose last part is a name.
func sameElsewhere(name string) []string { return elsewhere(name, false) }

// elsewhere returns the keys of all blocks whose last part is a name, or else may be similar to it:
// those that are nested least first.
func elsewhere(name string, similar bool) []string {
	byName := map[string][]string{}
	for _, key := range Keys() {
		if last := key[strings.LastIndexByte(key, '.')+1:]; last != "NAME" {
			byName[last] = append(byName[last], key)
		}
	}
	keys := byName[name]
	if similar && len(keys) == 0 && len(name) > 3 { // anything is similar to a short one
		if near := core.SuggestionList(name, slices.Sorted(maps.Keys(byName))); len(near) > 0 {
			keys = byName[near[0]]
		}
	}
	slices.SortStableFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(a, "."), strings.Count(b, ".")), strings.Compare(a, b))
	})
	return keys[:min(len(keys), maxElsewhere)]
}

// typeName describes the values of a type.
func typeName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t.Kind() == reflect.Pointer:
		return typeName(t.Elem())
	case t.Kind() == reflect.Struct:
		return "block"
	case t.Kind() == reflect.Map:
		return "map of " + typeName(t.Elem())
	case t == oneOrMore:
		return "string or list of string"
	case t.Kind() == reflect.Slice:
		return "list of " + typeName(t.Elem())
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.Int:
		return "integer"
	case t.Kind() == reflect.Float64:
		return "number"
	}
	return "string"
}

// elementary returns the type of single values: that of the entries of a map or a list.
func elementary(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Map || t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func isNumber(t reflect.Type) bool {
	return slices.Contains([]reflect.Kind{reflect.Int, reflect.Int64, reflect.Float64}, t.Kind())
}

// documentedLine returns the line of docs/router.yaml that has a key, or else the map or list
// around it.
func documentedLine(path string) int {
	lines := map[string]int{}
	out := strings.Builder{}
	out.WriteString(documentHeader)
	document(&out, reflect.ValueOf(Default()), "", func(path string) { lines[path] = strings.Count(out.String(), "\n") + 1 })
	for lines[path] == 0 {
		path = path[:strings.LastIndexByte(path, '.')]
	}
	return lines[path]
}

// String returns the description for people.
func (k Key) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s (%s)\n    %s\n\n", k.Name, k.Type, k.Description)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&out, "%-13s%s\n", name+":", value)
		}
	}
	line("values", strings.Join(k.Values, ", "))
	line("minimum", k.Minimum)
	line("maximum", k.Maximum)
	line("default", k.Default)
	line("environment", k.Environment)
	if k.Secret {
		line("secret", "yes; write it as ${env.NAME}")
	}
	line("keys", strings.Join(k.Keys, ", "))
	line("documented", k.Documented)
	fmt.Fprintf(&out, "example:\n    %s", strings.ReplaceAll(strings.TrimSuffix(k.Example, "\n"), "\n", "\n    "))
	return out.String() + "\n"
}

// Keys returns the paths of all keys, sorted. NAME stands for the names of the entries of a
// map.
func Keys() []string {
	all := map[string]bool{}
	var walk func(f found, path string)
	walk = func(f found, path string) {
		t := f.block()
		if t.Kind() == reflect.Map {
			t, path = t.Elem(), path+".NAME"
			all[path] = true
		}
		if t.Kind() != reflect.Struct {
			return
		}
		for i := range t.NumField() {
			if onlyOfOne(path, t.Field(i)) {
				continue
			}
			below := strings.TrimPrefix(path+"."+t.Field(i).Tag.Get("yaml"), ".")
			all[below] = true
			walk(found{typ: t.Field(i).Type}, below)
		}
	}
	walk(found{typ: reflect.TypeFor[Config]()}, "")
	return slices.Sorted(maps.Keys(all))
}

// onlyOfOne reports whether a key can be set for single subgraphs, but not in this block, which is
// of all: its field has the tag only.
func onlyOfOne(block string, f reflect.StructField) bool {
	return f.Tag.Get("only") != "" && strings.HasSuffix(block, ".all")
}

// quote formats a string as YAML, with quotes only if it needs them.
func quote(s string) string {
	if s == "" || strings.ContainsAny(s, "{}[]:#*&!|>'\"%@`, ") {
		return strconv.Quote(s)
	}
	return s
}
