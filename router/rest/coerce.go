package rest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/internal/constraint"
	"souk/router/internal/jsonscan"
)

// position is the position of a value in a request.
type position struct {
	in      string   // body, path, query or header
	name    string   // name of the parameter or of the body member
	pointer []string // path from there
}

func (p position) below(part string) position {
	p.pointer = append(p.pointer[:len(p.pointer):len(p.pointer)], part)
	return p
}

// violation returns a violation for the value at the position.
func (p position) violation(detail, hint string) violation {
	v := violation{In: p.in, Detail: detail, Hint: hint}
	if p.in != "body" {
		v.Name = strings.Join(append([]string{p.name}, p.pointer...), ".")
		return v
	}
	parts := p.pointer
	if p.name != "" {
		parts = append([]string{p.name}, parts...)
	}
	v.Pointer = "#"
	for _, part := range parts {
		v.Pointer += "/" + pointerEscape.Replace(part)
	}
	return v
}

// RFC 6901, section 3.
var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// coercer converts values of a request to GraphQL input values and collects all violations.
type coercer struct {
	schema     *ast.Schema
	ids        integerIDs
	limits     map[*ast.FieldDefinition]*constraint.Limits // of input fields
	violations []violation
	// quiet is set if violations must not reveal names of the schema.
	quiet bool
}

// hint suggests the candidate that is most similar to name, or lists all.
func (c *coercer) hint(name string, candidates []string) string {
	if c.quiet {
		return ""
	}
	return suggest(name, candidates)
}

func (c *coercer) refuse(at position, hint, format string, arguments ...any) {
	c.violations = append(c.violations, at.violation(fmt.Sprintf(format, arguments...), hint))
}

// coerce appends v as a value of type t, in JSON. It appends null for an invalid value. A nil
// limits means none.
func (c *coercer) coerce(to []byte, v *jsonscan.Node, t *ast.Type, limits *constraint.Limits, at position) []byte {
	if v.IsNull() {
		if t.NonNull || limits != nil && limits.NotNull {
			c.refuse(at, "", "must not be null")
		}
		return append(to, "null"...)
	}
	if t.Elem != nil {
		if v.Kind != jsonscan.KindArray {
			c.refuse(at, "", "must be an array, not %s", v.Kind)
			return append(to, "null"...)
		}
		c.check(at)(limits.Items(len(v.Items)))
		to = append(to, '[')
		for i := range v.Items {
			if i > 0 {
				to = append(to, ',')
			}
			to = c.coerce(to, &v.Items[i], t.Elem, limits.OfItems(), at.below(strconv.Itoa(i)))
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
		before := len(c.violations)
		to = c.scalar(to, v, definition.Name, at)
		switch {
		case len(c.violations) > before:
		case v.Kind == jsonscan.KindString:
			c.check(at)(limits.Text(v.Text))
		case v.Kind == jsonscan.KindNumber:
			c.check(at)(limits.Number(json.Number(v.Raw)))
		}
		return to
	}
}

// check returns a function that refuses a value if there is a problem with it.
func (c *coercer) check(at position) func(problem, hint string) {
	return func(problem, hint string) {
		if problem != "" {
			c.refuse(at, hint, "%s", problem)
		}
	}
}

func (c *coercer) object(to []byte, v *jsonscan.Node, definition *ast.Definition, at position) []byte {
	if v.Kind != jsonscan.KindObject {
		c.refuse(at, "", "must be an object, not %s", v.Kind)
		return append(to, "null"...)
	}
	to = append(to, '{')
	first := true
	for i := range v.Members {
		m := &v.Members[i]
		field := definition.Fields.ForName(m.Name)
		if field == nil {
			c.refuse(at.below(m.Name), c.hint(m.Name, fieldNames(definition)), "is not known")
			continue
		}
		if !first {
			to = append(to, ',')
		}
		first = false
		to = append(quote(to, m.Name), ':')
		to = c.coerce(to, &m.Value, field.Type, c.limits[field], at.below(m.Name))
	}
	for _, field := range definition.Fields {
		if _, given := v.Member(field.Name); !given && field.Type.NonNull && field.DefaultValue == nil {
			c.refuse(at.below(field.Name), "", "is required")
		}
	}
	return append(to, '}')
}

func (c *coercer) enum(to []byte, v *jsonscan.Node, definition *ast.Definition, at position) []byte {
	if v.Kind == jsonscan.KindString && definition.EnumValues.ForName(v.Text) != nil {
		return quote(to, v.Text)
	}
	names := make([]string, len(definition.EnumValues))
	for i, value := range definition.EnumValues {
		names[i] = value.Name
	}
	if c.quiet {
		c.refuse(at, "", "is not an allowed value")
	} else {
		c.refuse(at, similar(v.ScalarText(), names), "must be one of %s", strings.Join(names, ", "))
	}
	return append(to, "null"...)
}

// scalar appends a scalar. It checks the built-in scalars and the common custom ones below;
// other custom scalars accept any value.
func (c *coercer) scalar(to []byte, v *jsonscan.Node, name string, at position) []byte {
	wrong := func(want string) []byte {
		c.refuse(at, "", "must be %s, not %s", want, shown(v))
		return append(to, "null"...)
	}
	switch name {
	case "Int", "Long":
		size := map[string]int{"Int": 32, "Long": 64}[name]
		if digits, ok := integer(v); ok {
			if _, err := strconv.ParseInt(string(digits), 10, size); err == nil {
				return append(to, digits...)
			}
		}
		return wrong(fmt.Sprintf("an integer of %d bits", size))
	case "Float", "Decimal":
		if v.Kind != jsonscan.KindNumber {
			return wrong("a number")
		}
	case "String":
		if v.Kind != jsonscan.KindString {
			return wrong("a string")
		}
	case "Boolean":
		if v.Kind != jsonscan.KindBoolean {
			return wrong("true or false")
		}
	case "ID":
		return c.id(to, v, at)
	case "DateTime":
		if v.Kind != jsonscan.KindString {
			return wrong("a string")
		}
		if _, err := time.Parse(time.RFC3339, v.Text); err != nil {
			c.refuse(at, "such as 2026-01-31T12:00:00Z", "must be an RFC 3339 date and time")
		}
	}
	return append(to, v.Raw...)
}

// integer returns the digits of a number with an integer value, such as 1 or 1.0.
func integer(v *jsonscan.Node) ([]byte, bool) {
	if v.Kind != jsonscan.KindNumber {
		return nil, false
	}
	return jsonscan.Integer(v.Raw)
}

// id appends an ID as a string. It keeps all digits of a number.
func (c *coercer) id(to []byte, v *jsonscan.Node, at position) []byte {
	digits, ok := integer(v)
	switch {
	case ok && (!bool(c.ids) || isInteger(string(digits))):
		return quote(to, string(digits))
	case v.Kind == jsonscan.KindString && !bool(c.ids):
		return append(to, v.Raw...)
	case bool(c.ids):
		c.refuse(at, "", "must be an ID (an integer from 0 to 2^53), not %s", shown(v))
	default:
		c.refuse(at, "", "must be an ID (a string), not %s", shown(v))
	}
	return append(to, "null"...)
}

// shown describes a value in a message. It quotes short scalars.
func shown(v *jsonscan.Node) string {
	const most = 40
	switch {
	case v.Kind == jsonscan.KindArray || v.Kind == jsonscan.KindObject:
		return v.Kind.String()
	case len(v.Raw) > most:
		return v.Kind.String() + " of " + strconv.Itoa(len(v.Raw)) + " bytes"
	default:
		return string(v.Raw)
	}
}

// parameterValue converts the text of a parameter to a value for type t: a number or boolean
// if t needs one and the text is one, otherwise a string.
func parameterValue(s string, t *ast.Type) *jsonscan.Node {
	asText := &jsonscan.Node{Kind: jsonscan.KindString, Text: s, Raw: quote(nil, s)}
	switch t.Name() {
	case "Int", "Long", "ID":
		if strings.ContainsAny(s, ".eE") { // 1e2 is 100 in JSON, but not in a URL
			return asText
		}
	}
	switch t.Name() {
	case "Int", "Long", "Float", "Decimal", "ID", "Boolean":
		v, err := jsonscan.Parse([]byte(s))
		if err == nil && (v.Kind == jsonscan.KindNumber || v.Kind == jsonscan.KindBoolean && t.Name() == "Boolean") && string(v.Raw) == s {
			return &v
		}
	}
	return asText
}
