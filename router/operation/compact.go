package operation

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// A compactor makes the definitions of a schema small: they lose the positions, which only errors in
// the schema itself have, and what is equal in several of them is in memory once. In most schemas,
// many types have the same fields, and many fields the same arguments. What has directives is not
// shared, since validation sets what they refer to.
type compactor struct {
	strings   map[string]string
	lists     map[string][]string
	types     map[string]*ast.Type
	arguments map[string]ast.ArgumentDefinitionList
	fields    map[string]*ast.FieldDefinition
	key       []byte
}

func newCompactor() *compactor {
	return &compactor{strings: map[string]string{}, lists: map[string][]string{}, types: map[string]*ast.Type{},
		arguments: map[string]ast.ArgumentDefinitionList{}, fields: map[string]*ast.FieldDefinition{}}
}

// definition compacts a definition that has just been parsed. Without directives, it keeps nothing of
// the text in memory.
func (c *compactor) definition(def *ast.Definition) {
	def.Name, def.Description = c.string(def.Name), c.string(def.Description)
	def.Interfaces, def.Types = c.list(def.Interfaces), c.list(def.Types)
	def.Position, def.TypePositions = nil, nil
	def.BeforeDescriptionComment, def.AfterDescriptionComment, def.EndOfDefinitionComment = nil, nil, nil
	def.Fields = exact(def.Fields)
	for i, f := range def.Fields {
		def.Fields[i] = c.field(f)
	}
	def.EnumValues = exact(def.EnumValues)
	for _, v := range def.EnumValues {
		v.Name, v.Description, v.Position = c.string(v.Name), c.string(v.Description), nil
		v.BeforeDescriptionComment, v.AfterDescriptionComment = nil, nil
	}
}

// exact returns a list without spare capacity. A list of nothing is nil.
func exact[L ~[]E, E any](list L) L {
	if len(list) == 0 {
		return nil
	}
	if len(list) == cap(list) {
		return list
	}
	all := make(L, len(list))
	copy(all, list)
	return all
}

func (c *compactor) field(f *ast.FieldDefinition) *ast.FieldDefinition {
	free := len(f.Directives) == 0 && !slices.ContainsFunc(f.Arguments, func(a *ast.ArgumentDefinition) bool { return len(a.Directives) > 0 })
	if free {
		key := c.fieldKey(f)
		if known := c.fields[string(key)]; known != nil {
			return known
		}
		defer func(key string) { c.fields[key] = f }(string(key))
	}
	f.Name, f.Description, f.Type = c.string(f.Name), c.string(f.Description), c.typ(f.Type)
	f.Position, f.BeforeDescriptionComment, f.AfterDescriptionComment = nil, nil, nil
	c.value(f.DefaultValue)
	f.Arguments = c.argumentList(f.Arguments, free)
	return f
}

// argumentList compacts arguments. They are shared unless they have directives.
func (c *compactor) argumentList(list ast.ArgumentDefinitionList, share bool) ast.ArgumentDefinitionList {
	if len(list) == 0 {
		return nil
	}
	if share {
		c.key = argumentsKey(c.key[:0], list)
		if known := c.arguments[string(c.key)]; known != nil {
			return known
		}
	}
	key := string(c.key)
	list = exact(list)
	for _, a := range list {
		a.Name, a.Description, a.Type = c.string(a.Name), c.string(a.Description), c.typ(a.Type)
		a.Position, a.BeforeDescriptionComment, a.AfterDescriptionComment = nil, nil, nil
		c.value(a.DefaultValue)
	}
	if share {
		c.arguments[key] = list
	}
	return list
}

// value compacts a default value.
func (c *compactor) value(v *ast.Value) {
	if v == nil {
		return
	}
	v.Raw, v.Position, v.Comment = c.string(v.Raw), nil, nil
	for _, child := range v.Children {
		child.Name, child.Position, child.Comment = c.string(child.Name), nil, nil
		c.value(child.Value)
	}
}

func (c *compactor) typ(t *ast.Type) *ast.Type {
	c.key = typeKey(c.key[:0], t)
	known := c.types[string(c.key)]
	if known == nil {
		key := string(c.key)
		known = &ast.Type{NamedType: c.string(t.NamedType), NonNull: t.NonNull}
		if t.Elem != nil {
			known.Elem = c.typ(t.Elem)
		}
		c.types[key] = known
	}
	return known
}

// string returns a copy of a string, the same one for equal strings.
func (c *compactor) string(s string) string {
	known, ok := c.strings[s]
	if !ok {
		known = strings.Clone(s)
		c.strings[known] = known
	}
	return known
}

func (c *compactor) list(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	c.key = c.key[:0]
	for _, s := range list {
		c.key = textKey(c.key, s)
	}
	known := c.lists[string(c.key)]
	if known == nil {
		known = make([]string, len(list))
		for i, s := range list {
			known[i] = c.string(s)
		}
		c.lists[string(c.key)] = known
	}
	return known
}

// The keys below begin strings with their lengths, so that no string can pass for two.

func (c *compactor) fieldKey(f *ast.FieldDefinition) []byte {
	key := textKey(textKey(c.key[:0], f.Name), f.Description)
	key = valueKey(typeKey(key, f.Type), f.DefaultValue)
	c.key = argumentsKey(key, f.Arguments)
	return c.key
}

func argumentsKey(key []byte, list ast.ArgumentDefinitionList) []byte {
	for _, a := range list {
		key = textKey(textKey(key, a.Name), a.Description)
		key = valueKey(typeKey(key, a.Type), a.DefaultValue)
	}
	return key
}

func valueKey(key []byte, v *ast.Value) []byte {
	if v == nil {
		return append(key, 0)
	}
	key = textKey(append(key, 1, byte(v.Kind)), v.Raw)
	key = binary.AppendUvarint(key, uint64(len(v.Children)))
	for _, child := range v.Children {
		key = valueKey(textKey(key, child.Name), child.Value)
	}
	return key
}

func typeKey(key []byte, t *ast.Type) []byte {
	for ; t.Elem != nil; t = t.Elem {
		key = append(key, '[', nonNull(t))
	}
	return textKey(append(key, nonNull(t)), t.NamedType)
}

func nonNull(t *ast.Type) byte {
	if t.NonNull {
		return '!'
	}
	return '?'
}

func textKey(key []byte, s string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(s))), s...)
}
