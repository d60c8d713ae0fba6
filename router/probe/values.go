package probe

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// make makes the fields of a selection on a type. n from 1 selects values. ok is false if a
// value is of a scalar whose form is not known.
func (s *schema) make(typename string, selection ast.SelectionSet, n int) (fields map[string]any, ok bool) {
	fields, ok = map[string]any{}, true
	for _, each := range selection {
		f, isField := each.(*ast.Field)
		if !isField {
			continue
		}
		var d *ast.FieldDefinition
		if d = s.fields(typename).ForName(f.Name); d == nil {
			return fields, false
		}
		value, known := s.makeValue(d.Type, f.SelectionSet, n)
		fields[f.Name], ok = value, ok && known
	}
	return fields, ok
}

func (s *schema) makeValue(t *ast.Type, selection ast.SelectionSet, n int) (any, bool) {
	if t.Elem != nil {
		value, ok := s.makeValue(t.Elem, selection, n)
		return []any{value}, ok
	}
	switch t.NamedType {
	case "Int":
		return json.Number(amount(n)), true
	case "Float":
		return json.Number(amount(n) + ".5"), true
	case "ID":
		return strconv.Itoa(n), true
	case "String":
		return strings.Repeat("sample ", n), true
	case "Boolean":
		return n%2 == 1, true
	}
	d := s.types[t.NamedType]
	switch {
	case d == nil || d.Kind == ast.Scalar:
		return scalar(t.NamedType, n), false
	case d.Kind == ast.Enum && len(d.EnumValues) > 0:
		return d.EnumValues[n%len(d.EnumValues)].Name, true
	}
	name := t.NamedType
	if possible := s.possible[name]; len(possible) > 0 {
		name = possible[n%len(possible)]
	}
	fields, ok := s.make(name, selection, n)
	if d.Kind != ast.Object {
		fields["__typename"] = name
	}
	return fields, ok
}

// amount makes numbers of several magnitudes: 1, 300, 90000.
func amount(n int) string { return strconv.Itoa(int(math.Pow(300, float64(n-1)))) }

// scalar makes a value of a custom scalar from its name.
func scalar(name string, n int) any {
	lower := strings.ToLower(name)
	switch {
	case strings.Contains(lower, "datetime") || strings.Contains(lower, "timestamp") || lower == "time":
		return fmt.Sprintf("202%d-01-02T03:04:05Z", n)
	case strings.Contains(lower, "date"):
		return fmt.Sprintf("202%d-01-02", n)
	case strings.Contains(lower, "uuid"):
		return fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", n)
	case strings.Contains(lower, "int") || strings.Contains(lower, "long"):
		return json.Number(strconv.Itoa(n))
	case strings.Contains(lower, "decimal") || strings.Contains(lower, "money"):
		return fmt.Sprintf("%d.50", n)
	case strings.Contains(lower, "url") || strings.Contains(lower, "uri"):
		return fmt.Sprintf("https://example.com/%d", n)
	}
	return fmt.Sprintf("sample %d", n)
}

var (
	wholeNumber = regexp.MustCompile(`^\d+$`)
	uuid        = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
)

// unknown returns a value of the form of another one that no entity should have.
func unknown(value any) any {
	switch v := value.(type) {
	case map[string]any:
		fields := map[string]any{}
		for name, inner := range v {
			if name == "__typename" {
				fields[name] = inner
				continue
			}
			fields[name] = unknown(inner)
		}
		return fields
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = unknown(item)
		}
		return list
	case json.Number:
		return json.Number("1999999999")
	case string:
		switch {
		case wholeNumber.MatchString(v):
			return "1999999999"
		case uuid.MatchString(v):
			return "00000000-0000-4000-8000-0000000000ff"
		}
		return v + "-unknown"
	}
	return value
}
