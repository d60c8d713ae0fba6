package operation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/jsonscan"
)

// CheckFiles returns an error unless the files in a coerced variable are values of the scalars. has
// reports whether a JSON value refers to a file.
func (d *Document) CheckFiles(of Variable, has func(value []byte) bool, scalars []string) error {
	i := slices.IndexFunc(d.definitions, func(v variable) bool { return v.name == of.Name })
	if i < 0 {
		return nil
	}
	v := &d.definitions[i]
	k := fileChecker{schema: d.schema.schema, reader: jsonscan.NewReader(of.Value, maxDepth), has: has, scalars: scalars}
	k.report = func(at *valuePath, typeName string) error {
		return Errors{v.wrong("Variable \"$%s\" has a file at %q, where the type is %s. A file can be sent only for %s (file_uploads.scalars).",
			v.name, v.name+at.String(), typeName, strings.Join(scalars, ", "))}
	}
	return k.value(v.typ, nil)
}

// A fileChecker reads a coerced value for files.
type fileChecker struct {
	schema  *ast.Schema
	reader  jsonscan.Reader
	has     func(value []byte) bool
	scalars []string
	report  func(at *valuePath, typeName string) error
}

func (k *fileChecker) value(t *ast.Type, at *valuePath) error {
	first := k.reader.Peek()
	if t.Elem != nil {
		if first == '[' {
			return k.reader.Array(func(i int) error { return k.value(t.Elem, &valuePath{outer: at, index: i}) })
		}
		return k.value(t.Elem, at)
	}
	def := k.schema.Types[t.NamedType]
	if def.Kind == ast.InputObject && first == '{' {
		return k.reader.Object(func(key []byte) error {
			f := def.Fields.ForName(string(key))
			if f == nil {
				return fmt.Errorf("the coerced variable has the field %q, which %s lacks", key, def.Name)
			}
			return k.value(f.Type, &valuePath{outer: at, key: f.Name})
		})
	}
	value, err := k.reader.Value()
	if err != nil || !k.has(value) || first == '"' && slices.Contains(k.scalars, def.Name) {
		return err
	}
	return k.report(at, def.Name)
}
