package schema

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A ValueKind is a kind of value.
type ValueKind uint8

// The kinds of values.
const (
	NullValue ValueKind = iota
	BoolValue
	NumberValue
	StringValue
	EnumLiteral
	ListValue
	ObjectValue
	VariableValue
)

// A Value is a constant, as it is written. A nil *Value is one that is not given.
type Value struct {
	Kind   ValueKind
	Raw    string     // of scalars; numbers are normalised
	List   []*Value   // items of a list
	Object []Argument // fields of an object, in order
}

// Null is the value null.
var Null = &Value{Kind: NullValue}

// Text returns a string.
func Text(s string) *Value { return &Value{Kind: StringValue, Raw: s} }

// Name returns a value of an enum.
func Name(s string) *Value { return &Value{Kind: EnumLiteral, Raw: s} }

// Bool returns a boolean.
func Bool(b bool) *Value { return &Value{Kind: BoolValue, Raw: strconv.FormatBool(b)} }

// Number returns a number from its literal. Equal numbers have the same text.
func Number(literal string) *Value { return &Value{Kind: NumberValue, Raw: number(literal)} }

// List returns a list.
func List(items ...*Value) *Value { return &Value{Kind: ListValue, List: items} }

// Struct returns an object.
func Struct(fields ...Argument) *Value { return &Value{Kind: ObjectValue, Object: fields} }

// number writes a number as JavaScript does.
func number(literal string) string {
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil && !math.IsInf(f, 0) {
		return literal
	}
	switch magnitude := math.Abs(f); {
	case f == 0:
		return "0"
	case math.IsInf(f, 0):
		return literal
	case magnitude >= 1e21 || magnitude < 1e-6:
		text := strconv.FormatFloat(f, 'e', -1, 64)
		mantissa, exponent, _ := strings.Cut(text, "e")
		sign := exponent[:1]
		return mantissa + "e" + sign + strings.TrimLeft(exponent[1:], "0")
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// IsText reports whether the value is a string or a name.
func (v *Value) IsText() bool { return v != nil && (v.Kind == StringValue || v.Kind == EnumLiteral) }

// IsInteger reports whether the value is a number without a fraction.
func (v *Value) IsInteger() bool {
	return v != nil && v.Kind == NumberValue && !strings.ContainsAny(v.Raw, ".eE")
}

// IsFalse reports whether the value is false.
func (v *Value) IsFalse() bool { return v != nil && v.Kind == BoolValue && v.Raw == "false" }

// IsNull reports whether the value is null or not given.
func (v *Value) IsNull() bool { return v == nil || v.Kind == NullValue }

// Texts returns the strings of a list, or of a single string.
func (v *Value) Texts() []string {
	if v == nil {
		return nil
	}
	if v.IsText() {
		return []string{v.Raw}
	}
	var all []string
	for _, item := range v.List {
		if item.IsText() {
			all = append(all, item.Raw)
		}
	}
	return all
}

// Field returns the value of a field of an object, or nil.
func (v *Value) Field(name string) *Value {
	for _, f := range v.Object {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// Equal reports whether two values are equal. Names and strings are not told apart,
// because the type tells which it is.
func (v *Value) Equal(other *Value) bool {
	if v == nil || other == nil {
		return v == other
	}
	switch {
	case v.IsText():
		return other.IsText() && v.Raw == other.Raw
	case v.Kind != other.Kind:
		return false
	case v.Kind == ListValue:
		return slices.EqualFunc(v.List, other.List, (*Value).Equal)
	case v.Kind == ObjectValue:
		return SameArguments(v.Object, other.Object)
	}
	return v.Raw == other.Raw
}

// Types finds types by name.
type Types interface{ Type(name string) *Type }

// complete adds the default values of input fields. Values that do not fit the type
// stay as they are.
func (v *Value) complete(ref *Ref, types Types) *Value {
	if v == nil || v.Kind == NullValue {
		return v
	}
	if ref.Of != nil {
		if v.Kind != ListValue {
			return v.complete(ref.Of, types)
		}
		items := make([]*Value, len(v.List))
		for i, item := range v.List {
			items[i] = item.complete(ref.Of, types)
		}
		return List(items...)
	}
	t := types.Type(ref.Name)
	if t == nil || t.Kind != Input || v.Kind != ObjectValue {
		return v
	}
	var fields []Argument
	for _, f := range t.Fields {
		value := cmp.Or(v.Field(f.Name), f.Default, Null)
		fields = append(fields, Argument{f.Name, value.complete(f.Type, types)})
	}
	return &Value{Kind: ObjectValue, Object: fields}
}

// Write appends the value as GraphQL writes it. ref is its type, or nil if that is
// unknown; it tells names from strings.
func (v *Value) Write(b *strings.Builder, ref *Ref, types Types) {
	if v == nil || v.Kind == NullValue {
		b.WriteString("null")
		return
	}
	switch v.Kind {
	case ListValue:
		b.WriteByte('[')
		for i, item := range v.List {
			if i > 0 {
				b.WriteString(", ")
			}
			item.Write(b, ref.items(), types)
		}
		b.WriteByte(']')
		return
	case VariableValue:
		b.WriteString("$" + v.Raw)
		return
	}
	for ref.items() != nil {
		ref = ref.items()
	}
	typ := ref.literal(types)
	switch {
	case v.Kind == ObjectValue:
		b.WriteByte('{')
		for i, f := range v.Object {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(f.Name + ": ")
			f.Value.Write(b, typ.inputType(f.Name), types)
		}
		b.WriteByte('}')
	case !v.IsText(), typ.hasValue(v.Raw), typ.isIntegerID(v.Raw):
		b.WriteString(v.Raw)
	default:
		writeQuoted(b, v.Raw)
	}
}

// items returns the type of the items of a list, or nil.
func (r *Ref) items() *Ref {
	if r == nil {
		return nil
	}
	return r.Of
}

// literal returns the named type if it tells how values are written; otherwise nil.
func (r *Ref) literal(types Types) *Type {
	if r == nil || types == nil {
		return nil
	}
	t := types.Type(r.Name)
	if t == nil || t.Kind == Scalar && r.Name != "ID" {
		return nil
	}
	return t
}

// inputType returns the type of a field of an input object, or nil.
func (t *Type) inputType(field string) *Ref {
	if t == nil || t.Kind != Input {
		return nil
	}
	if f := t.Field(field); f != nil {
		return f.Type
	}
	return nil
}

// hasValue reports whether a text names a value of an enum.
func (t *Type) hasValue(text string) bool { return t != nil && t.Kind == Enum && t.Value(text) != nil }

// isIntegerID reports whether a text is an ID that is written as a number.
func (t *Type) isIntegerID(text string) bool { return t != nil && t.Name == "ID" && integer(text) }

// Print returns the value as Write does.
func (v *Value) Print(ref *Ref, types Types) string {
	var b strings.Builder
	v.Write(&b, ref, types)
	return b.String()
}

func integer(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || len(digits) > 1 && digits[0] == '0' {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

// writeQuoted writes a string literal, as JSON escapes it.
func writeQuoted(b *strings.Builder, s string) {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r >= 0x7f }) {
		b.WriteString(escaped(s))
		return
	}
	b.WriteByte('"')
	b.WriteString(s)
	b.WriteByte('"')
}

func escaped(s string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return strconv.Quote(s)
	}
	text := strings.TrimSuffix(b.String(), "\n")
	return strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(text)
}
