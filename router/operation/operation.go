package operation

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Kind is the kind of an operation.
type Kind uint8

// The kinds of operations (GraphQL, section 2.3).
const (
	Query Kind = iota
	Mutation
	Subscription
)

var kinds = [...]string{"query", "mutation", "subscription"}

// String returns the keyword: query, mutation or subscription.
func (k Kind) String() string { return kinds[k] }

// MarshalText implements encoding.TextMarshaler. It returns the keyword.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It expects the keyword.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kinds[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown kind of operation %q; use query, mutation or subscription", text)
	}
	*k = Kind(i)
	return nil
}

// An Operation is an operation that is valid against the API schema, in reduced
// form: fragment spreads are inlined, @skip and @include are evaluated and
// removed, and fields are merged as in CollectFields (GraphQL, section 6.3.2).
// It is immutable.
type Operation struct {
	Kind Kind
	// Name is empty for an anonymous operation.
	Name string
	// Variables are the definitions of the variables that Selections uses, in
	// document order.
	Variables []VariableDefinition
	// RootType is the name of the root type: "Query" unless the schema says otherwise.
	RootType   string
	Selections []Selection
}

// A VariableDefinition declares a variable of an operation.
type VariableDefinition struct {
	Name string `json:"name"`
	// Type is the type in GraphQL syntax, such as "[ID!]!".
	Type string `json:"type"`
	// Default is the default value in GraphQL syntax, or empty.
	Default string `json:"default,omitempty"`
}

// A Selection is a *Field or an *InlineFragment.
type Selection interface{ selection() }

// A Field selects a field, or __typename, of the enclosing type.
type Field struct {
	// Alias is the response key: the alias if there is one, else the name.
	Alias string
	Name  string
	// Arguments are in document order.
	Arguments []Argument
	// Selections is empty for a leaf field.
	Selections []Selection
	// Denied is set if the caller is not authorized to read the field. The
	// field is not fetched; the response has null and an error for it.
	Denied *Denial
	// Line and Column are the field's position in the document, from 1.
	Line, Column int32
}

// A Denial is the error to report for a field that the caller may not read.
type Denial struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// An Argument is an argument of a field.
type Argument struct {
	Name string `json:"name"`
	// Value is the value in GraphQL syntax, with variables written as $name.
	// The form is canonical: two values are equal if and only if their texts
	// are equal.
	Value string `json:"value"`
	// Variables are the names of the variables inside Value.
	Variables []string `json:"variables,omitempty"`
}

// An InlineFragment applies its selections to objects of one type.
type InlineFragment struct {
	// TypeCondition is the name of a type. It is empty only if Defer is set
	// and the fragment applies to the enclosing type.
	TypeCondition string
	Selections    []Selection
	// Defer is set if the fragment has an active @defer directive.
	Defer *Defer
}

// A Defer is a @defer directive whose "if" argument is true.
type Defer struct {
	// ID is unique in the operation. IDs are numbered from 1 in document
	// order.
	ID    int
	Label string
}

func (*Field) selection()          {}
func (*InlineFragment) selection() {}

// Variables are the coerced values of an operation's variables, including
// defaults. A variable without a value has no entry.
type Variables []Variable

// A Variable is the value of one variable as JSON. Unless coercion changes the
// value, it has the bytes that the client sent.
type Variable struct {
	Name  string
	Value json.RawMessage
}

// Get returns the value of the named variable, or nil if it has none.
func (v Variables) Get(name string) json.RawMessage {
	for i := range v {
		if v[i].Name == name {
			return v[i].Value
		}
	}
	return nil
}
