package rest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/execute/jsonscan"
)

// spot is where in a request a value stands.
type spot struct {
	in      string   // body, path, query or header
	name    string   // the parameter's, or the body member's
	pointer []string // from the body's member on
}

func (s spot) below(part string) spot {
	s.pointer = append(s.pointer[:len(s.pointer):len(s.pointer)], part)
	return s
}

// violation says what is wrong with the value that stands there.
func (s spot) violation(detail, hint string) violation {
	v := violation{In: s.in, Detail: detail, Hint: hint}
	if s.in != "body" {
		v.Name = strings.Join(append([]string{s.name}, s.pointer...), ".")
		return v
	}
	parts := s.pointer
	if s.name != "" {
		parts = append([]string{s.name}, parts...)
	}
	v.Pointer = "#"
	for _, part := range parts {
		v.Pointer += "/" + pointerEscape.Replace(part)
	}
	return v
}

// RFC 6901, section 3.
var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// coercer turns values of a request into the schema's input values and notes
// every one that does not fit.
type coercer struct {
	schema     *ast.Schema
	ids        integerIDs
	violations []violation
	// quiet says that violations name nothing of the schema.
	quiet bool
}

// hint says which candidate was meant, or which there are.
func (c *coercer) hint(name string, candidates []string) string {
	if c.quiet {
		return ""
	}
	return suggest(name, candidates)
}

func (c *coercer) refuse(at spot, hint, format string, arguments ...any) {
	c.violations = append(c.violations, at.violation(fmt.Sprintf(format, arguments...), hint))
}

// coerce appends v as a value of type t.
func (c *coercer) coerce(to []byte, v *value, t *ast.Type, at spot) []byte {
	if v.isNull() {
		if t.NonNull {
			c.refuse(at, "", "must not be null")
		}
		return append(to, "null"...)
	}
	if t.Elem != nil {
		if v.kind != list {
			c.refuse(at, "", "must be an array, not %s", v.kind)
			return append(to, "null"...)
		}
		to = append(to, '[')
		for i := range v.items {
			if i > 0 {
				to = append(to, ',')
			}
			to = c.coerce(to, &v.items[i], t.Elem, at.below(strconv.Itoa(i)))
		}
		return append(to, ']')
	}
	definition := c.schema.Types[t.NamedType]
	switch definition.Kind {
	case ast.InputObject:
		return c.object(to, v, definition, at)
	case ast.Enum:
		return c.enum(to, v, definition, at)
	default:
		return c.scalar(to, v, definition.Name, at)
	}
}

func (c *coercer) object(to []byte, v *value, definition *ast.Definition, at spot) []byte {
	if v.kind != object {
		c.refuse(at, "", "must be an object, not %s", v.kind)
		return append(to, "null"...)
	}
	to = append(to, '{')
	first := true
	for i := range v.members {
		m := &v.members[i]
		field := definition.Fields.ForName(m.name)
		if field == nil {
			c.refuse(at.below(m.name), c.hint(m.name, fieldNames(definition)), "is not known")
			continue
		}
		if !first {
			to = append(to, ',')
		}
		first = false
		to = append(quote(to, m.name), ':')
		to = c.coerce(to, &m.value, field.Type, at.below(m.name))
	}
	for _, field := range definition.Fields {
		if _, given := v.member(field.Name); !given && field.Type.NonNull && field.DefaultValue == nil {
			c.refuse(at.below(field.Name), "", "is required")
		}
	}
	return append(to, '}')
}

func (c *coercer) enum(to []byte, v *value, definition *ast.Definition, at spot) []byte {
	if v.kind == text && definition.EnumValues.ForName(v.text) != nil {
		return quote(to, v.text)
	}
	names := make([]string, len(definition.EnumValues))
	for i, value := range definition.EnumValues {
		names[i] = value.Name
	}
	if c.quiet {
		c.refuse(at, "", "is not an allowed value")
	} else {
		c.refuse(at, c.hint(v.scalarText(), names), "must be one of %s", strings.Join(names, ", "))
	}
	return append(to, "null"...)
}

// scalar appends a scalar. What is known of a scalar is checked here; any value
// goes for the types of a schema that this package does not know.
func (c *coercer) scalar(to []byte, v *value, name string, at spot) []byte {
	wrong := func(want string) []byte {
		c.refuse(at, "", "must be %s, not %s", want, v.shown())
		return append(to, "null"...)
	}
	switch name {
	case "Int", "Long":
		size := map[string]int{"Int": 32, "Long": 64}[name]
		if digits, ok := v.integer(); ok {
			if _, err := strconv.ParseInt(string(digits), 10, size); err == nil {
				return append(to, digits...)
			}
		}
		return wrong(fmt.Sprintf("an integer of %d bits", size))
	case "Float", "Decimal":
		if v.kind != number {
			return wrong("a number")
		}
	case "String":
		if v.kind != text {
			return wrong("a string")
		}
	case "Boolean":
		if v.kind != boolean {
			return wrong("true or false")
		}
	case "ID":
		return c.id(to, v, at)
	case "DateTime":
		if v.kind != text {
			return wrong("a string")
		}
		if _, err := time.Parse(time.RFC3339, v.text); err != nil {
			c.refuse(at, "such as 2026-01-31T12:00:00Z", "must be an RFC 3339 date and time")
		}
	}
	return append(to, v.raw...)
}

// integer gives the digits of a number that is an integer: of 1.0 as of 1.
func (v *value) integer() ([]byte, bool) {
	if v.kind != number {
		return nil, false
	}
	return jsonscan.Integer(v.raw)
}

// id appends an ID as a string, with all digits of a number.
func (c *coercer) id(to []byte, v *value, at spot) []byte {
	digits, ok := v.integer()
	switch {
	case ok && (!bool(c.ids) || isInteger(string(digits))):
		return quote(to, string(digits))
	case v.kind == text && !bool(c.ids):
		return append(to, v.raw...)
	case bool(c.ids):
		c.refuse(at, "", "must be an ID (a non-negative integer), not %s", v.shown())
	default:
		c.refuse(at, "", "must be an ID (a string), not %s", v.shown())
	}
	return append(to, "null"...)
}

// shown names a value in a message: short ones as they are.
func (v *value) shown() string {
	const most = 40
	switch {
	case v.kind == list || v.kind == object:
		return v.kind.String()
	case len(v.raw) > most:
		return v.kind.String() + " of " + strconv.Itoa(len(v.raw)) + " bytes"
	default:
		return string(v.raw)
	}
}

// parameterValue reads a parameter's text as a value of the type it is for: a
// number where one is wanted and the text is one, else a string.
func parameterValue(s string, t *ast.Type) *value {
	asText := &value{kind: text, text: s, raw: quote(nil, s)}
	switch t.Name() {
	case "Int", "Long", "ID":
		if strings.ContainsAny(s, ".eE") { // 1e2 is 100 in JSON, but not in a URL
			return asText
		}
	}
	switch t.Name() {
	case "Int", "Long", "Float", "Decimal", "ID", "Boolean":
		v, err := parseJSON([]byte(s))
		if err == nil && (v.kind == number || v.kind == boolean && t.Name() == "Boolean") && string(v.raw) == s {
			return &v
		}
	}
	return asText
}
