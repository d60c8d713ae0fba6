package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/vektah/gqlparser/v2/validator/core"

	"souk/router/internal/clientaddr"
)

// Load reads a file over the defaults. lookup gives the environment's
// variables for ${env.NAME} and ${env.NAME:-default} inside it.
func Load(path string, lookup func(string) (string, bool)) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := Parse(data, lookup)
	if err != nil {
		return Config{}, fmt.Errorf("%s:%w", path, err)
	}
	return c, nil
}

// An Error is a place in the file and what is wrong there.
type Error struct {
	Line, Column int
	Message      string
}

// Error gives line, column and message as compilers do.
func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message) }

// Parse is Load for a file's contents. The error is an [*Error].
func Parse(data []byte, lookup func(string) (string, bool)) (Config, error) {
	c := Default()
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return Config{}, located(err)
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		w := walker{lookup: lookup}
		body, err := w.node(doc.Body, reflect.TypeFor[Config](), "")
		if err != nil {
			return Config{}, err
		}
		if err := yaml.NodeToValue(body, &c); err != nil {
			return Config{}, located(err)
		}
	}
	if c.Version != "1" {
		return Config{}, &Error{1, 1, fmt.Sprintf("version is %q; this router reads version \"1\"", c.Version)}
	}
	return c, c.check()
}

func located(err error) error {
	if y := yaml.Error(nil); errors.As(err, &y) {
		e := &Error{1, 1, y.GetMessage()}
		if t := y.GetToken(); t != nil {
			e.Line, e.Column = t.Position.Line, t.Position.Column
		}
		return e
	}
	return &Error{1, 1, err.Error()}
}

// A walker checks keys against a type and puts the environment in.
type walker struct {
	lookup func(string) (string, bool)
}

func (w *walker) node(n ast.Node, t reflect.Type, path string) (ast.Node, error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		seen := map[string]bool{}
		for _, pair := range n.Values {
			if err := w.pair(pair, t, path, seen); err != nil {
				return nil, err
			}
		}
	case *ast.MappingValueNode:
		return n, w.pair(n, t, path, map[string]bool{})
	case *ast.SequenceNode:
		if t.Kind() != reflect.Slice {
			return nil, fail(n.GetToken(), "%s is a list; it should be %s", path, describe(t))
		}
		for i, item := range n.Values {
			value, err := w.node(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i))
			if err != nil {
				return nil, err
			}
			n.Values[i] = value
		}
	case *ast.StringNode:
		return w.text(n, t, path)
	}
	return n, nil
}

func (w *walker) pair(pair *ast.MappingValueNode, t reflect.Type, path string, seen map[string]bool) error {
	key := pair.Key.GetToken().Value
	inner := strings.TrimPrefix(path+"."+key, ".")
	var value reflect.Type
	switch t.Kind() {
	case reflect.Struct:
		field, known := fieldNamed(t, key)
		if field == nil {
			var hint string
			if near := core.SuggestionList(key, known); len(near) > 0 {
				hint = fmt.Sprintf("; did you mean %q?", near[0])
			} else {
				hint = "; known are " + strings.Join(known, ", ")
			}
			return fail(pair.Key.GetToken(), "unknown key %q%s", inner, hint)
		}
		value = field.Type
	case reflect.Map:
		value = t.Elem()
	default:
		return fail(pair.Key.GetToken(), "%s has keys; it should be %s", path, describe(t))
	}
	if seen[key] {
		return fail(pair.Key.GetToken(), "key %q is given twice", inner)
	}
	seen[key] = true
	replaced, err := w.node(pair.Value, value, inner)
	pair.Value = replaced
	return err
}

var reference = regexp.MustCompile(`\$\{env\.([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)

// text puts environment variables into a scalar. A scalar that becomes
// something else than a string by that is read as YAML again.
func (w *walker) text(n *ast.StringNode, t reflect.Type, path string) (ast.Node, error) {
	var missing string
	expanded := reference.ReplaceAllStringFunc(n.Value, func(ref string) string {
		part := reference.FindStringSubmatch(ref)
		if v, ok := w.lookup(part[1]); ok && (v != "" || part[2] == "") {
			return v
		}
		if part[2] == "" {
			missing = part[1]
		}
		return part[3]
	})
	if missing != "" {
		return nil, fail(n.GetToken(), "%s uses the environment variable %s, which is not set; ${env.%s:-default} gives a default", path, missing, missing)
	}
	unchanged := expanded == n.Value
	n.Value = expanded
	wrong := fail(n.GetToken(), "%s is %q; it should be %s", path, expanded, describe(t))
	switch {
	case t.String() == "time.Duration":
		if _, err := time.ParseDuration(expanded); err != nil {
			return nil, wrong
		}
		return n, nil
	case t.Kind() == reflect.String:
		return n, nil
	case unchanged:
		return nil, wrong
	}
	file, err := parser.ParseBytes([]byte(expanded), 0)
	if err != nil || len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, wrong
	}
	value := file.Docs[0].Body
	value.GetToken().Position = n.GetToken().Position
	return value, nil
}

func fail(t *token.Token, format string, args ...any) error {
	return &Error{t.Position.Line, t.Position.Column, fmt.Sprintf(format, args...)}
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

func describe(t reflect.Type) string {
	switch {
	case t.String() == "time.Duration":
		return "a duration such as 30s"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "a string"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Struct || t.Kind() == reflect.Map:
		return "a block of keys"
	}
	return "a number"
}

// check finds values that cannot be meant.
func (c *Config) check() error {
	bad := func(format string, args ...any) error { return &Error{1, 1, fmt.Sprintf(format, args...)} }
	for _, path := range []struct{ key, value string }{{"path", c.Path}, {"playground.path", c.Playground.Path}} {
		if !strings.HasPrefix(path.value, "/") {
			return bad("%s is %q; it should begin with /", path.key, path.value)
		}
	}
	for _, p := range []string{c.CORS.problem(), c.Headers.problem(), c.TrafficShaping.problem()} {
		if p != "" {
			return bad("%s", p)
		}
	}
	if c.PersistedDocuments.Require && c.PersistedDocuments.Path == "" {
		return bad("persisted_documents.require needs persisted_documents.path")
	}
	if c.CSRF.Enabled && len(c.CSRF.RequiredHeaders) == 0 {
		return bad("csrf.required_headers is empty; name a header or set csrf.enabled to false")
	}
	if _, err := clientaddr.New(c.ClientAddress.TrustedProxies, c.ClientAddress.Header); err != nil {
		return bad("client_address.trusted_proxies: %s", err)
	}
	return checkEnums(reflect.ValueOf(*c), "")
}

func checkEnums(v reflect.Value, path string) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := strings.TrimPrefix(path+"."+f.Tag.Get("yaml"), ".")
		if f.Type.Kind() == reflect.Struct {
			if err := checkEnums(v.Field(i), name); err != nil {
				return err
			}
		}
		if enum := f.Tag.Get("enum"); enum != "" && !slices.Contains(strings.Split(enum, ","), v.Field(i).String()) {
			return &Error{1, 1, fmt.Sprintf("%s is %q; it should be one of %s", name, v.Field(i), strings.ReplaceAll(enum, ",", ", "))}
		}
	}
	return nil
}
