package config

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
)

// JSONSchema returns a JSON Schema (draft 2020-12) of the configuration file, for
// completion and validation in editors.
func JSONSchema() ([]byte, error) {
	s := schemaOf(reflect.TypeFor[Config](), reflect.ValueOf(Default()))
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Souk router configuration"
	out, err := json.MarshalIndent(s, "", "  ")
	return append(out, '\n'), err
}

// referenceText matches a value that refers to an environment variable or a file.
const referenceText = `\$\{(env|file)\.`

func schemaOf(t reflect.Type, value reflect.Value) map[string]any {
	if t.Kind() == reflect.Pointer {
		return schemaOf(t.Elem(), reflect.Value{})
	}
	if t.String() == "time.Duration" {
		return map[string]any{"type": "string", "pattern": `^([0-9.]+(ns|us|µs|ms|s|m|h))+$|` + referenceText}
	}
	if t == oneOrMore {
		return map[string]any{"anyOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "array", "minItems": 1, "items": map[string]any{"type": "string"}}}}
	}
	switch t.Kind() {
	case reflect.Struct:
		return blockSchema(t, value)
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem(), reflect.Value{})}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem(), reflect.Value{})}
	case reflect.Bool:
		return orReference(map[string]any{"type": "boolean"})
	case reflect.Int:
		return orReference(map[string]any{"type": "integer"})
	case reflect.Float64:
		return orReference(map[string]any{"type": "number"})
	}
	return map[string]any{"type": "string"}
}

// orReference returns a schema that accepts s or a reference to an environment variable or
// a file.
func orReference(s map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{s, map[string]any{"type": "string", "pattern": referenceText}}}
}

func blockSchema(t reflect.Type, value reflect.Value) map[string]any {
	properties, with := map[string]any{}, map[string]any{}
	for i := range t.NumField() {
		f := t.Field(i)
		var inner reflect.Value
		if value.IsValid() {
			inner = value.Field(i)
		}
		p := schemaOf(f.Type, inner)
		restrict(p, f.Type, f.Tag)
		p["description"] = f.Tag.Get("desc")
		if inner.IsValid() && f.Type.Kind() != reflect.Struct && !inner.IsZero() {
			p["default"] = plain(inner)
		}
		properties[f.Tag.Get("yaml")] = p
		if old, _, _ := strings.Cut(f.Tag.Get("former"), ";"); old != "" {
			before := maps.Clone(p)
			delete(before, "default")
			before["deprecated"], before["description"] = true, "The old name of "+f.Tag.Get("yaml")+"."
			properties[old] = before
		}
		if other := f.Tag.Get("required_with"); other != "" {
			with[f.Tag.Get("yaml")] = []string{other}
		}
	}
	s := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if len(with) > 0 {
		s["dependentRequired"] = with
	}
	return s
}

// restrict adds the constraints in a field's tags to its schema s. For a list or a
// map they apply to the elements.
func restrict(s map[string]any, t reflect.Type, tag reflect.StructTag) {
	for _, below := range []string{"items", "additionalProperties"} {
		if inner, ok := s[below].(map[string]any); ok && (t.Kind() == reflect.Slice || t.Kind() == reflect.Map) {
			if t.Elem().Kind() != reflect.Struct {
				restrict(inner, t.Elem(), tag)
			}
			return
		}
	}
	if t == oneOrMore {
		for _, form := range s["anyOf"].([]any) {
			form, _ := form.(map[string]any)
			if items, list := form["items"].(map[string]any); list {
				form = items
			}
			restrict(form, t.Elem(), tag)
		}
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		restrict(s, t.Elem(), tag)
	case reflect.Int, reflect.Float64:
		number, _ := s["anyOf"].([]any)[0].(map[string]any)
		number["minimum"] = json.Number(cmp.Or(tag.Get("min"), "0"))
		if most := tag.Get("max"); most != "" {
			number["maximum"] = json.Number(most)
		}
	case reflect.String:
		if enum := tag.Get("enum"); enum != "" {
			delete(s, "type")
			s["anyOf"] = orReference(map[string]any{"enum": strings.Split(enum, ",")})["anyOf"]
		} else if tag.Get("empty") == "no" {
			s["minLength"] = 1
		}
	}
}

func plain(v reflect.Value) any {
	if s, ok := v.Interface().(interface{ String() string }); ok {
		return s.String()
	}
	return v.Interface()
}
