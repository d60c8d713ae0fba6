package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Document returns a configuration file that lists every key with its default and
// its description. Loading it gives the same configuration as an empty file.
func Document() []byte {
	var out strings.Builder
	out.WriteString("# yaml-language-server: $schema=../router/gateway/config/router.schema.json\n" +
		"# Every key of the router's configuration with its default. Any value may be\n" +
		"# ${env.NAME} or ${env.NAME:-default}.\n")
	document(&out, reflect.ValueOf(Default()), 0)
	return []byte(out.String())
}

func document(out *strings.Builder, v reflect.Value, depth int) {
	indent := strings.Repeat("  ", depth)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if depth == 0 {
			out.WriteString("\n")
		}
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
			fmt.Fprintf(out, "%s# %s\n%s%s:\n", indent, comment, indent, f.Tag.Get("yaml"))
			document(out, value, depth+1)
			continue
		}
		text, set := scalar(value)
		if !set {
			indent += "# " // a null would not be the default
		}
		fmt.Fprintf(out, "%s%s: %s", indent, f.Tag.Get("yaml"), text)
		fmt.Fprintf(out, " # %s\n", comment)
		indent = strings.TrimSuffix(indent, "# ")
	}
}

// scalar formats a value as YAML. It reports whether the value is set: an unset
// one is written as a comment.
func scalar(v reflect.Value) (text string, set bool) {
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
		return "true", false
	}
	return fmt.Sprint(v.Interface()), true
}
