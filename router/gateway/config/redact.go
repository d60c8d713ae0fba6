package config

import (
	"fmt"
	"net/url"
	"reflect"
	"time"

	"github.com/goccy/go-yaml"
)

// hidden replaces a secret that is set.
const hidden = "(hidden)"

// Redacted returns the configuration in effect as YAML, without secrets: fields
// with the tag secret, and user, password and query of URLs. It is for people
// who look for the cause of a problem, and cannot be loaded.
func (c *Config) Redacted() ([]byte, error) {
	text, err := yaml.Marshal(redact(reflect.ValueOf(*c)))
	if err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	return text, nil
}

func redact(v reflect.Value) any {
	if d, ok := v.Interface().(time.Duration); ok {
		return d.String()
	}
	switch v.Kind() {
	case reflect.Struct:
		out := make(yaml.MapSlice, 0, v.NumField())
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name := f.Tag.Get("yaml")
			if name == "" || name == "-" {
				continue
			}
			value := redact(v.Field(i))
			if f.Tag.Get("secret") != "" {
				value = hide(v.Field(i))
			}
			out = append(out, yaml.MapItem{Key: name, Value: value})
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			out[it.Key().String()] = redact(it.Value())
		}
		return out
	case reflect.Slice:
		if v.Type() == oneOrMore && v.Len() == 1 {
			return redact(v.Index(0))
		}
		out := make([]any, v.Len())
		for i := range out {
			out[i] = redact(v.Index(i))
		}
		return out
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return redact(v.Elem())
	case reflect.String:
		return redactURL(v.String())
	}
	return v.Interface()
}

// hide returns a value without what it says; whether it is set may be known, and
// the names of a map.
func hide(v reflect.Value) any {
	if v.Kind() == reflect.Map {
		out := map[string]any{}
		for _, key := range v.MapKeys() {
			out[key.String()] = hidden
		}
		return out
	}
	if v.IsZero() {
		return v.Interface()
	}
	return hidden
}

// redactURL hides what a URL may carry besides its address. Other texts, and
// URLs without any of it, stay as they are.
func redactURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return hidden // it cannot be told apart from a URL with an odd password
	}
	if u.Scheme == "" || u.User == nil && u.RawQuery == "" {
		return text
	}
	out := u.Scheme + "://"
	if u.User != nil {
		out += hidden + "@"
	}
	out += u.Host + u.Path
	if u.RawQuery != "" {
		out += "?" + hidden
	}
	return out
}
