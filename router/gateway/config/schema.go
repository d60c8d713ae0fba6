package config

import (
	"encoding/json"
	"reflect"
	"strings"
)

// JSONSchema gives a JSON Schema (2020-12) of the file, for editors.
func JSONSchema() ([]byte, error) {
	s := schemaOf(reflect.TypeFor[Config](), reflect.ValueOf(Default()))
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Souk router configuration"
	out, err := json.MarshalIndent(s, "", "  ")
	return append(out, '\n'), err
}

// environmentReference lets every scalar be given by the environment.
const environmentReference = `\$\{env\.`

func schemaOf(t reflect.Type, value reflect.Value) map[string]any {
	if t.Kind() == reflect.Pointer {
		return schemaOf(t.Elem(), reflect.Value{})
	}
	if t.String() == "time.Duration" {
		return map[string]any{"type": "string", "pattern": `^([0-9.]+(ns|us|µs|ms|s|m|h))+$|` + environmentReference}
	}
	orReference := func(kind string) map[string]any {
		return map[string]any{"anyOf": []any{map[string]any{"type": kind}, map[string]any{"type": "string", "pattern": environmentReference}}}
	}
	switch t.Kind() {
	case reflect.Struct:
		properties := map[string]any{}
		for i := range t.NumField() {
			f := t.Field(i)
			var inner reflect.Value
			if value.IsValid() {
				inner = value.Field(i)
			}
			p := schemaOf(f.Type, inner)
			p["description"] = f.Tag.Get("desc")
			if enum := f.Tag.Get("enum"); enum != "" {
				p["enum"] = strings.Split(enum, ",")
			}
			if inner.IsValid() && f.Type.Kind() != reflect.Struct && !inner.IsZero() {
				p["default"] = plain(inner)
			}
			properties[f.Tag.Get("yaml")] = p
		}
		return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem(), reflect.Value{})}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem(), reflect.Value{})}
	case reflect.Bool:
		return orReference("boolean")
	case reflect.Int:
		return orReference("integer")
	case reflect.Float64:
		return orReference("number")
	}
	return map[string]any{"type": "string"}
}

func plain(v reflect.Value) any {
	if s, ok := v.Interface().(interface{ String() string }); ok {
		return s.String()
	}
	return v.Interface()
}
