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

// A variable is a variable definition, prepared for coercion.
type variable struct {
	name     string
	typ      *ast.Type
	scalar   bool            // the type is a scalar or a non-null scalar
	fallback json.RawMessage // the default value as JSON, or nil
	at       Location
}

func newVariable(v *ast.VariableDefinition) variable {
	out := variable{name: v.Variable, typ: copyType(v.Type), at: Location{Line: v.Position.Line, Column: v.Position.Column}}
	out.scalar = v.Definition.Kind == ast.Scalar && v.Type.Elem == nil
	return out
}

// copyType returns a copy of a type without positions.
func copyType(t *ast.Type) *ast.Type {
	if t == nil {
		return nil
	}
	return &ast.Type{NamedType: t.NamedType, Elem: copyType(t.Elem), NonNull: t.NonNull}
}

// maxDepth bounds the nesting depth of variable values.
const maxDepth = 500

// Variables coerces a JSON object of variable values (GraphQL, section 6.1.2,
// CoerceVariableValues) and adds default values. It treats an empty text and
// null like {} and ignores variables that the operation does not define.
//
// Most values keep their bytes, because subgraphs coerce them again with the
// same types. The exceptions are numbers: an Int is written without fraction and
// exponent (1.0 becomes 1), and an integer for an ID becomes a string, so that
// no later reader rounds it.
//
// The error is an [Errors] with up to maxErrors errors.
func (d *Document) Variables(raw json.RawMessage) (Variables, error) {
	return d.variablesWith(raw, nil)
}

// variablesWith is like Variables for a template, whose first variables have the given values.
func (d *Document) variablesWith(raw json.RawMessage, values Variables) (Variables, error) {
	if len(d.definitions) == 0 && len(raw) == 0 {
		return nil, nil
	}
	if e := d.longList(raw); e != nil && !d.schema.Limits.logs(CodeMaxListItems) {
		return nil, Errors{e}
	}
	given, err := d.split(raw)
	if err != nil {
		return nil, Errors{{Message: "variables: " + err.Error() + ".", Code: CodeBadVariables}}
	}
	copy(given, values)
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

// split returns the given values in the order of the variable definitions.
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

// members stores the values of a JSON object of variables in given.
func (d *Document) members(r *jsonscan.Reader, given Variables) error {
	return r.Object(func(name []byte) error {
		value, err := r.Value()
		if err != nil {
			return err
		}
		for i := d.values; i < len(d.definitions); i++ {
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
	return &Error{Message: fmt.Sprintf(format, args...), Locations: []Location{v.at}, Code: CodeBadVariables}
}

// coerce checks a value and returns the coerced value, which is sent to
// subgraphs. It appends to errs.
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

// walk coerces a value of any type, recursively.
func (d *Document) walk(v *variable, value json.RawMessage, errs Errors) (json.RawMessage, Errors) {
	k := checker{schema: d.schema.schema, quiet: d.schema.quiet, text: value, reader: jsonscan.NewReader(value, maxDepth)}
	k.report = func(at *valuePath, message string) {
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

// excerpt shortens a value for an error message.
func excerpt(raw []byte) string {
	const most = 80
	if len(raw) > most {
		return strings.ToValidUTF8(string(raw[:most]), "") + "…"
	}
	return string(raw)
}

// A valuePath is the path of a nested value in a variable's value: a linked list
// of object keys and list indices, innermost first.
type valuePath struct {
	outer *valuePath
	key   string
	index int
}

// String returns the path in the notation of graphql-js, such as ".tags[0]".
func (p *valuePath) String() string {
	if p == nil {
		return ""
	}
	if p.key != "" {
		return p.outer.String() + "." + p.key
	}
	return p.outer.String() + "[" + strconv.Itoa(p.index) + "]"
}

// A checker coerces one variable's value to its type.
type checker struct {
	quiet  bool // do not suggest names in errors
	schema *ast.Schema
	// text is the value; reader reads it.
	text   []byte
	reader jsonscan.Reader
	// found is the value that the next report is about.
	found  []byte
	report func(at *valuePath, message string)
	// out is the coerced form of text[:copied]. It stays empty while no value
	// has been rewritten.
	out    []byte
	copied int
}

// rewrite replaces value, which the reader has just read.
func (k *checker) rewrite(value, replacement []byte) {
	start := k.reader.Offset() - len(value)
	k.out = append(append(k.out, k.text[k.copied:start]...), replacement...)
	k.copied = k.reader.Offset()
}

// coerced returns the coerced value.
func (k *checker) coerced() []byte {
	if k.copied == 0 {
		return k.text
	}
	return append(k.out, k.text[k.copied:]...)
}

func (k *checker) wrong(value []byte, at *valuePath, format string, args ...any) {
	k.found = value
	k.report(at, fmt.Sprintf(format, args...))
}

// value reads the next value and coerces it to type t. It reports type errors
// with k.report; the returned error is a JSON syntax error.
func (k *checker) value(t *ast.Type, at *valuePath) error {
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
			return k.reader.Array(func(i int) error { return k.value(t.Elem, &valuePath{outer: at, index: i}) })
		}
		return k.value(t.Elem, at) // a single value is coerced to a list of one
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

func (k *checker) object(def *ast.Definition, at *valuePath) error {
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
		inner := &valuePath{outer: at, key: def.Fields[i].Name}
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

func (k *checker) enum(def *ast.Definition, value []byte, at *valuePath) {
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

// scalar checks the value of a scalar type (GraphQL, section 3.5). It returns ""
// if the value is valid, else an error message that lacks the value at its end.
// Custom scalars accept any value.
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

// integer returns the digits of a JSON number that is an integer, such as 100
// for 1e2. It returns false for other values.
func integer(value []byte) ([]byte, bool) {
	if first := value[0]; first != '-' && (first < '0' || first > '9') {
		return nil, false
	}
	return jsonscan.Integer(value)
}

// canonical returns a valid scalar value in the form that every JSON reader
// understands alike. That is the value itself, except for a number as an ID and
// for an Int with a fraction or an exponent.
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

// suggest returns a suggestion for a misspelled name, or "" if the names of the
// schema are hidden.
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

// appendID writes the literal of an ID, a string or an integer, as a JSON string. The ID of an integer is
// its text: -0 is "-0", other than the number -0 in JSON, which is 0.
func appendID[T string | []byte](b []byte, literal T) []byte {
	if literal[0] == '"' {
		return append(b, literal...)
	}
	return append(append(append(b, '"'), literal...), '"')
}

// appendJSON writes a constant literal as JSON, after the validator has found its type.
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
		if err != nil { // unreachable: every string can be marshaled
			panic(err)
		}
		return append(b, quoted...)
	case ast.IntValue:
		if v.Definition != nil && v.Definition.Name == "ID" {
			return appendID(b, v.Raw)
		}
	}
	return append(b, v.Raw...)
}
