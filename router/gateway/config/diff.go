package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// A Change is a key whose value differs between two configurations.
type Change struct {
	Key string
	// Old and New are the values as text, without secrets. They are equal if only a secret
	// differs.
	Old, New string
}

// Diff returns the differences between two configurations, by key.
func Diff(old, next *Config) []Change {
	var out []Change
	diff(reflect.ValueOf(*old), reflect.ValueOf(*next), "", false, &out)
	slices.SortFunc(out, func(a, b Change) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

func diff(a, b reflect.Value, path string, secret bool, out *[]Change) {
	if reflect.DeepEqual(a.Interface(), b.Interface()) {
		return
	}
	switch {
	case a.Kind() == reflect.Struct:
		for i := range a.NumField() {
			f := a.Type().Field(i)
			if name := f.Tag.Get("yaml"); name != "" && name != "-" {
				diff(a.Field(i), b.Field(i), strings.TrimPrefix(path+"."+name, "."), secret || f.Tag.Get("secret") != "", out)
			}
		}
	case a.Kind() == reflect.Map && !secret:
		keys := map[string]bool{}
		for _, m := range []reflect.Value{a, b} {
			for _, key := range m.MapKeys() {
				keys[key.String()] = true
			}
		}
		for key := range keys {
			at := reflect.ValueOf(key)
			diffEntry(a.MapIndex(at), b.MapIndex(at), path+"."+key, out)
		}
	default:
		*out = append(*out, Change{Key: path, Old: valueText(a, secret), New: valueText(b, secret)})
	}
}

// diffEntry compares the values of a key of a map. They are not valid where the key is
// missing.
func diffEntry(a, b reflect.Value, path string, out *[]Change) {
	switch {
	case !a.IsValid():
		*out = append(*out, Change{Key: path, New: valueText(b, false)})
	case !b.IsValid():
		*out = append(*out, Change{Key: path, Old: valueText(a, false)})
	default:
		diff(a, b, path, false, out)
	}
}

// valueText returns a value as text, without secrets.
func valueText(v reflect.Value, secret bool) string {
	if secret {
		if v.IsZero() {
			return ""
		}
		return hidden
	}
	if d, ok := v.Interface().(time.Duration); ok {
		return d.String()
	}
	return fmt.Sprint(redact(v))
}
