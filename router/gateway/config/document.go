package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

const documentHeader = "# yaml-language-server: $schema=../router/gateway/config/router.schema.json\n" +
	"# Every key of the router's configuration with its default. Any value may be\n" +
	"# ${env.NAME}, ${env.NAME:-default}, or ${file.PATH} for the content of a file.\n"

// Document returns a configuration file that lists every key with its default and
// its description. Loading it gives the same configuration as an empty file.
func Document() []byte {
	var out strings.Builder
	out.WriteString(documentHeader)
	document(&out, reflect.ValueOf(Default()), "", func(string) {})
	return []byte(out.String())
}

// document writes the block at a path. It calls at before it writes the line of each key.
func document(out *strings.Builder, v reflect.Value, block string, at func(path string)) {
	depth := 0
	if block != "" {
		depth = strings.Count(block, ".") + 1
	}
	indent := strings.Repeat("  ", depth)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if onlyOfOne(block, f) {
			continue
		}
		if depth == 0 {
			out.WriteString("\n")
		}
		path := strings.TrimPrefix(block+"."+f.Tag.Get("yaml"), ".")
		comment := f.Tag.Get("desc")
		if enum := f.Tag.Get("enum"); enum != "" {
			word := " One of "
			if f.Type.Kind() == reflect.Slice {
				word = " Any of "
			}
			comment += word + strings.ReplaceAll(enum, ",", ", ") + "."
		}
		value := v.Field(i)
		if value.Kind() == reflect.Struct {
			fmt.Fprintf(out, "%s# %s\n", indent, comment)
			at(path)
			fmt.Fprintf(out, "%s%s:\n", indent, f.Tag.Get("yaml"))
			document(out, value, path, at)
			continue
		}
		at(path)
		text, set := scalar(value, f.Tag)
		if !set {
			indent += "# " // a null would not be the default
		}
		fmt.Fprintf(out, "%s%s: %s", indent, f.Tag.Get("yaml"), text)
		fmt.Fprintf(out, " # %s\n", comment)
		indent = strings.TrimSuffix(indent, "# ")
	}
}

// scalar formats a value as YAML. It reports whether the value is set: an unset
// one is written as a comment. The tag of a key whose value is a pointer has what applies
// without one.
func scalar(v reflect.Value, tag reflect.StructTag) (text string, set bool) {
	switch x := v.Interface().(type) {
	case time.Duration:
		return x.String(), x != 0
	case string:
		return fmt.Sprintf("%q", x), true
	case []string:
		return fmt.Sprintf("[%s]", strings.Join(x, ", ")), len(x) > 0
	}
	switch v.Kind() {
	case reflect.Map:
		return "{}", false
	case reflect.Slice:
		return "[]", false
	case reflect.Pointer:
		if v.IsNil() {
			return tag.Get("default"), false
		}
		text, _ = scalar(v.Elem(), tag)
		return text, true
	}
	return fmt.Sprint(v.Interface()), true
}
