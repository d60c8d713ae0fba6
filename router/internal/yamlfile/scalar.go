package yamlfile

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// scalar decodes a string, number, duration or boolean into v. Except for strings
// and durations, a quoted value is an error unless it refers to the environment.
func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	text, quoted, ok := scalarText(n)
	if !ok {
		d.fail(n.GetToken(), path, "%s is %s; it must be %s", path, shown(n), wanted(v.Type()))
		return
	}
	expanded, ok := d.expand(text, n, path)
	if !ok {
		return
	}
	if expanded != text {
		d.source.refer(path, text)
	}
	wrong := func() {
		d.fail(n.GetToken(), path, "%s is %s; it must be %s", path, d.source.Shown(path, expanded), wanted(v.Type()))
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

// A reference is the text of ${env.NAME}, ${env.NAME:-default} or ${file.PATH}.
var reference = regexp.MustCompile(`\$\{(?:env\.([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?|file\.([^}]+))\}`)

// expand puts environment variables and files into a text. It reports every reference that has
// no value, at its position.
func (d *decoder) expand(text string, n ast.Node, path string) (string, bool) {
	at, ok := d.references(n), true
	if part := strayReference(text); part != "" {
		d.fail(n.GetToken(), path, "%s has %s, which is no reference; write ${env.NAME} or ${env.NAME:-default}, where NAME has letters, digits and _", path, part)
		return text, false
	}
	expanded := reference.ReplaceAllStringFunc(text, func(ref string) string {
		place := at.next(ref)
		value, problem := d.resolve(ref)
		if problem != "" {
			ok = false
			d.failAt(place, path, "%s uses %s", path, problem)
		}
		return value
	})
	return expanded, ok
}

// strayReference returns what begins like a reference to an environment variable and is none, or "".
func strayReference(text string) string {
	_, stray, found := strings.Cut(reference.ReplaceAllString(text, ""), "${env.")
	if !found {
		return ""
	}
	if end := strings.IndexByte(stray, '}'); end >= 0 {
		stray = stray[:end+1]
	}
	return "${env." + stray
}

// resolve returns the value of a reference, or why it has none.
func (d *decoder) resolve(ref string) (value, problem string) {
	part := reference.FindStringSubmatch(ref)
	name, optional, otherwise, file := part[1], part[2] != "", part[3], part[4]
	switch {
	case file != "" && d.ReadFile == nil:
		return ref, ""
	case file != "":
		contents, err := d.ReadFile(file)
		if err != nil {
			problem = fmt.Sprintf("the file %s: %v", file, err)
		}
		return contents, problem
	}
	if v, ok := d.Lookup(name); ok && (v != "" || !optional) {
		return v, ""
	}
	if !optional {
		problem = fmt.Sprintf("the environment variable %s, which is not set; set it, or write ${env.%s:-default} to provide a default", name, name)
	}
	return otherwise, problem
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
	case t == reflect.TypeFor[OneOrMore]():
		return "a string or a list of strings"
	case t.Kind() == reflect.Slice:
		return "a list, such as [a, b]"
	case t.Kind() == reflect.Map:
		return "a block of names"
	case t.Kind() == reflect.Struct:
		return "a block with the keys " + strings.Join(keysOf(t, false), ", ")
	}
	return "a number, such as 0.5"
}
