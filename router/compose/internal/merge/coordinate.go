package merge

import (
	"slices"
	"strings"

	"souk/router/compose/internal/schema"
)

// nodeAt returns the element with a coordinate, or nil.
func nodeAt(s *schema.Schema, coordinate string) *schema.Node {
	path, argument, _ := strings.Cut(strings.TrimSuffix(coordinate, ":)"), "(")
	if directive, ok := strings.CutPrefix(path, "@"); ok {
		d := s.OwnDirective(directive)
		switch {
		case d == nil:
			return nil
		case argument == "":
			return &d.Node
		}
		return nodeOf(d.Argument(argument))
	}
	name, member, _ := strings.Cut(path, ".")
	t := s.Own(name)
	switch {
	case t == nil:
		return nil
	case member == "":
		return &t.Node
	case t.Kind == schema.Enum:
		if v := t.Value(member); v != nil {
			return &v.Node
		}
		return nil
	}
	f := t.Field(member)
	if f == nil || argument == "" {
		return nodeOf(f)
	}
	return nodeOf(f.Argument(argument))
}

func nodeOf(f *schema.Field) *schema.Node {
	if f == nil {
		return nil
	}
	return &f.Node
}

// fieldAt returns the field with a coordinate T.f, or nil.
func fieldAt(s *schema.Schema, coordinate string) *schema.Field {
	name, field, _ := strings.Cut(coordinate, ".")
	t := s.Own(name)
	if t == nil || !slices.Contains([]schema.Kind{schema.Object, schema.Interface, schema.Input}, t.Kind) {
		return nil
	}
	return t.Field(field)
}
