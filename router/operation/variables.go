package operation

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"

	"souk/router/internal/jsonscan"
)

// variable is a variable's definition, ready for coercion.
type variable struct {
	name     string
	typ      *ast.Type
	scalar   bool            // the type is a scalar, not a list
	fallback json.RawMessage // the default as JSON; nil without one
	at       []Location
}

func newVariable(v *ast.VariableDefinition) variable {
	out := variable{name: v.Variable, typ: v.Type, at: locations(v.Position)}
	out.scalar = v.Definition.Kind == ast.Scalar && v.Type.Elem == nil
	return out
}

// maxDepth bounds how deep variables may be nested.
const maxDepth = 500

// Variables checks a JSON object against the definitions of the operation's
// variables (spec, section 6.1.2, CoerceVariableValues) and completes it by
// the defaults. Values keep their bytes, since subgraphs coerce them again with
// the same types, except for numbers: an Int loses its fraction and exponent
// (1.0 becomes 1), an ID becomes a string, which no reader rounds. Empty and
// null stand for {}; what is not defined is left out. The error is an [Errors]
// with all that is wrong.
func (d *Document) Variables(raw json.RawMessage) (Variables, error) {
	if len(d.definitions) == 0 && len(raw) == 0 {
		return nil, nil
	}
	if most := d.schema.Limits.ListItems; exceeds(raw, most) {
		return nil, Errors{tooLong(most, nil)}
	}
	given, err := d.split(raw)
	if err != nil {
		return nil, Errors{{Message: "variables: " + err.Error() + ".", Code: CodeBadVariables}}
	}
	var errs Errors
	out := given[:0]
	for i := range d.definitions {
		v := &d.definitions[i]
		value := given[i].Value
		if value == nil {
			if value = v.fallback; value == nil {
				if v.typ.NonNull {
					errs = append(errs, v.wrong("Variable \"$%s\" of required type %q was not provided.", v.name, v.typ.String()))
				}
				continue
			}
		} else if value, errs = d.coerce(v, value, errs); len(errs) >= maxErrors {
			break
		}
		out = append(out, Variable{Name: v.name, Value: value})
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return out, nil
}

// split finds the value of each definition, in the order of definitions.
func (d *Document) split(raw json.RawMessage) (Variables, error) {
	given := make(Variables, len(d.definitions))
	r := jsonscan.NewReader(raw, maxDepth)
	switch r.Peek() {
	case 0: // absent
	case 'n':
		if _, err := r.Value(); err != nil {
			return nil, err
		}
	case '{':
		if err := d.members(&r, given); err != nil {
			return nil, err
		}
	default:
		value, err := r.Value()
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("expected an object, but found %s", jsonscan.KindOf(value))
	}
	return given, r.End()
}

// members reads an object of variables.
func (d *Document) members(r *jsonscan.Reader, given Variables) error {
	return r.Object(func(name []byte) error {
		value, err := r.Value()
		if err != nil {
			return err
		}
		for i := range d.definitions {
			if d.definitions[i].name == string(name) {
				if given[i].Value != nil {
					return fmt.Errorf("%q is given twice", name)
				}
				given[i].Value = value
			}
		}
		return nil
	})
}

func (v *variable) wrong(format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, args...), Locations: v.at, Code: CodeBadVariables}
}

// coerce checks a value and gives it as it is sent on.
func (d *Document) coerce(v *variable, value json.RawMessage, errs Errors) (json.RawMessage, Errors) {
	if string(value) == "null" {
		if v.typ.NonNull || slices.Contains(d.conditions, v.name) {
			errs = append(errs, v.wrong("Variable \"$%s\" of non-null type %q must not be null.", v.name, strings.TrimSuffix(v.typ.String(), "!")+"!"))
		}
		return value, errs
	}
	if v.scalar && scalar(v.typ.NamedType, value) == "" {
		return canonical(v.typ.NamedType, value), errs
	}
	return d.walk(v, value, errs)
}

// walk coerces a value part by part.
func (d *Document) walk(v *variable, value json.RawMessage, errs Errors) (json.RawMessage, Errors) {
	k := checker{schema: d.schema.schema, quiet: d.schema.quiet, text: value, reader: jsonscan.NewReader(value, maxDepth)}
	k.report = func(at *place, message string) {
		if len(errs) >= maxErrors {
			return
		}
		where := ""
		if at != nil {
			where = fmt.Sprintf(" at %q", v.name+at.String())
		}
		errs = append(errs, v.wrong("Variable \"$%s\" got invalid value %s%s; %s", v.name, excerpt(k.found), where, message))
	}
	if err := k.value(v.typ, nil); err != nil {
		errs = append(errs, v.wrong("Variable \"$%s\" got an invalid value: %s.", v.name, err))
	}
	return k.coerced(), errs
}

// excerpt shows a value in a message, shortened.
func excerpt(raw []byte) string {
	const most = 80
	if len(raw) > most {
		return strings.ToValidUTF8(string(raw[:most]), "") + "…"
	}
	return string(raw)
}

// A place is a way into a variable's value.
type place struct {
	outer *place
	key   string
	index int
}

func (p *place) String() string {
	if p == nil {
		return ""
	}
	if p.key != "" {
		return p.outer.String() + "." + p.key
	}
	return p.outer.String() + "[" + strconv.Itoa(p.index) + "]"
}

// A checker walks a variable's value along its type.
type checker struct {
	quiet  bool // errors suggest no names
	schema *ast.Schema
	// text is the value, which reader reads.
	text   []byte
	reader jsonscan.Reader
	// found is the value the next report is about.
	found  []byte
	report func(at *place, message string)
	// out is the value up to the index copied, with what was rewritten; empty
	// until something is.
	out    []byte
	copied int
}

// rewrite replaces the value that ends that comes next.
func (k *checker) rewrite(value, by []byte) {
	start := k.reader.Offset() - len(value)
	k.out = append(append(k.out, k.text[k.copied:start]...), by...)
	k.copied = k.reader.Offset()
}

// coerced gives the value with what was rewritten.
func (k *checker) coerced() []byte {
	if k.copied == 0 {
		return k.text
	}
	return append(k.out, k.text[k.copied:]...)
}

func (k *checker) wrong(value []byte, at *place, format string, args ...any) {
	k.found = value
	k.report(at, fmt.Sprintf(format, args...))
}

// value checks the value that comes next and moves behind it. The error is one
// of JSON; what does not fit the type is reported.
func (k *checker) value(t *ast.Type, at *place) error {
	first := k.reader.Peek()
	if first == 'n' {
		value, err := k.reader.Value()
		if err == nil && t.NonNull {
			k.wrong(value, at, "Expected non-nullable type %q not to be null.", t.String())
		}
		return err
	}
	if t.Elem != nil {
		if first == '[' {
			return k.reader.Array(func(i int) error { return k.value(t.Elem, &place{outer: at, index: i}) })
		}
		return k.value(t.Elem, at) // one value stands for a list of it
	}
	def := k.schema.Types[t.NamedType]
	if def.Kind == ast.InputObject && first == '{' {
		return k.object(def, at)
	}
	value, err := k.reader.Value()
	if err != nil {
		return err
	}
	switch def.Kind {
	case ast.InputObject:
		k.wrong(value, at, "Expected type %q to be an object.", def.Name)
	case ast.Enum:
		k.enum(def, value, at)
	default:
		if message := scalar(def.Name, value); message != "" {
			k.wrong(value, at, "%s", message+excerpt(value))
		} else if as := canonical(def.Name, value); &as[0] != &value[0] {
			k.rewrite(value, as)
		}
	}
	return nil
}

func (k *checker) object(def *ast.Definition, at *place) error {
	start := k.reader.Offset()
	seen := make([]bool, len(def.Fields))
	oneOf := def.Directives.ForName("oneOf") != nil
	given, nulls := 0, 0
	err := k.reader.Object(func(key []byte) error {
		i := slices.IndexFunc(def.Fields, func(f *ast.FieldDefinition) bool { return f.Name == string(key) })
		if i < 0 {
			value, err := k.reader.Value()
			k.wrong(value, at, "Field %q is not defined by type %q.%s", key, def.Name, k.suggest(string(key), fieldNames(def)))
			return err
		}
		if given++; k.reader.Peek() == 'n' {
			nulls++
		}
		inner := &place{outer: at, key: def.Fields[i].Name}
		if seen[i] {
			value, err := k.reader.Value()
			k.wrong(value, inner, "Field %q is given twice.", key)
			return err
		}
		seen[i] = true
		return k.value(def.Fields[i].Type, inner)
	})
	if err != nil {
		return err
	}
	value := k.text[start:k.reader.Offset()]
	for i, f := range def.Fields {
		if !seen[i] && f.Type.NonNull && f.DefaultValue == nil {
			k.wrong(value, at, "Field %q of required type %q was not provided.", f.Name, f.Type.String())
		}
	}
	if oneOf && (given != 1 || nulls > 0) {
		k.wrong(value, at, "Exactly one key must be specified for OneOf type %q, and it must not be null.", def.Name)
	}
	return nil
}

func (k *checker) enum(def *ast.Definition, value []byte, at *place) {
	var name string
	if value[0] != '"' || json.Unmarshal(value, &name) != nil {
		k.wrong(value, at, "Enum %q cannot represent non-string value: %s.", def.Name, excerpt(value))
		return
	}
	if def.EnumValues.ForName(name) == nil {
		names := make([]string, len(def.EnumValues))
		for i, v := range def.EnumValues {
			names[i] = v.Name
		}
		k.wrong(value, at, "Value %q does not exist in %q enum.%s", name, def.Name, k.suggest(name, names))
	}
}

// scalar checks a value of a built-in scalar (spec, section 3.5). It gives
// the beginning of a message that ends with the value, or nothing. Scalars of
// the schema's own take any value.
func scalar(name string, value []byte) string {
	first := value[0]
	number := first == '-' || first >= '0' && first <= '9'
	switch name {
	case "Int":
		digits, ok := integer(value)
		if !ok {
			return "Int cannot represent non-integer value: "
		}
		if n, err := strconv.ParseInt(string(digits), 10, 64); err != nil || n < math.MinInt32 || n > math.MaxInt32 {
			return "Int cannot represent non 32-bit signed integer value: "
		}
	case "Float":
		if f, err := strconv.ParseFloat(string(value), 64); !number || err != nil || math.IsInf(f, 0) {
			return "Float cannot represent non numeric value: "
		}
	case "String":
		if first != '"' {
			return "String cannot represent a non string value: "
		}
	case "Boolean":
		if first != 't' && first != 'f' {
			return "Boolean cannot represent a non boolean value: "
		}
	case "ID":
		if _, ok := integer(value); first != '"' && !ok {
			return "ID cannot represent value: "
		}
	}
	return ""
}

// integer gives the digits of a JSON value that is an integer.
func integer(value []byte) ([]byte, bool) {
	if first := value[0]; first != '-' && (first < '0' || first > '9') {
		return nil, false
	}
	return jsonscan.Integer(value)
}

// canonical gives a value that scalar has passed as every reader understands it
// alike: the value itself, unless it is a number for an ID or an Int with a
// fraction or exponent.
func canonical(name string, value []byte) []byte {
	if name != "Int" && name != "ID" {
		return value
	}
	digits, ok := integer(value)
	if !ok {
		return value
	}
	if name == "ID" {
		quoted := make([]byte, 0, len(digits)+2)
		return append(append(append(quoted, '"'), digits...), '"')
	}
	return digits
}

func fieldNames(def *ast.Definition) []string {
	names := make([]string, len(def.Fields))
	for i, f := range def.Fields {
		names[i] = f.Name
	}
	return names
}

// suggest is suggest unless the schema's names are hidden.
func (k *checker) suggest(name string, known []string) string {
	if k.quiet {
		return ""
	}
	return suggest(name, known)
}

func suggest(name string, known []string) string {
	if near := core.SuggestionList(name, known); len(near) > 0 {
		return " Did you mean " + core.QuotedOrList(near...) + "?"
	}
	return ""
}

// appendJSON writes a constant literal as JSON.
func appendJSON(b []byte, v *ast.Value) []byte {
	switch v.Kind {
	case ast.ListValue:
		b = append(b, '[')
		for i, c := range v.Children {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, c.Value)
		}
		return append(b, ']')
	case ast.ObjectValue:
		b = append(b, '{')
		for i, c := range v.Children {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, '"')
			b = append(b, c.Name...)
			b = append(b, '"', ':')
			b = appendJSON(b, c.Value)
		}
		return append(b, '}')
	case ast.StringValue, ast.BlockValue, ast.EnumValue:
		quoted, err := json.Marshal(v.Raw)
		if err != nil { // not reached: strings always have a JSON form
			panic(err)
		}
		return append(b, quoted...)
	}
	return append(b, v.Raw...)
}
