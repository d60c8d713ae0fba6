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

// String gives the keyword: query, mutation or subscription.
func (k Kind) String() string { return kinds[k] }

// MarshalText gives the keyword.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the keyword.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kinds[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown kind of operation %q; use query, mutation or subscription", text)
	}
	*k = Kind(i)
	return nil
}

// An Operation is one operation of a document, validated against the API
// schema and reduced to what is left to do: fragment spreads are inlined,
// @skip and @include are evaluated and gone, fields that the spec's
// CollectFields would merge are merged. It is never changed once made.
type Operation struct {
	Kind Kind
	// Name is empty for an anonymous operation.
	Name string
	// Variables are those still used by Selections, in order of definition.
	Variables []VariableDefinition
	// RootType is the name of the root type: "Query" unless the schema says otherwise.
	RootType   string
	Selections []Selection
}

// A VariableDefinition declares a variable of an operation.
type VariableDefinition struct {
	Name string `json:"name"`
	// Type as in GraphQL's syntax: "[ID!]!".
	Type string `json:"type"`
	// Default is the default value in GraphQL's syntax, or empty.
	Default string `json:"default,omitempty"`
}

// A Selection is a *Field or an *InlineFragment.
type Selection interface{ selection() }

// A Field selects a field, or __typename, of the enclosing type.
type Field struct {
	// Alias is the response key: the alias, or else the name.
	Alias string
	Name  string
	// Arguments in the order of the operation.
	Arguments []Argument
	// Selections is empty for leaves.
	Selections []Selection
	// Denied says that the caller may not have this field: it is not
	// fetched, the answer has null for it and an error that says so.
	Denied *Denial
	// Line and Column, from 1, are where the field stands in the document.
	Line, Column int
}

// A Denial says why a field is kept from a caller.
type Denial struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// An Argument is a value given to a field.
type Argument struct {
	Name string `json:"name"`
	// Value in GraphQL's syntax, variables with their $; canonical: two
	// values are the same exactly if their texts are.
	Value string `json:"value"`
	// Variables are the names of the variables inside Value.
	Variables []string `json:"variables,omitempty"`
}

// An InlineFragment applies its selections to objects of one type.
type InlineFragment struct {
	// TypeCondition is a type's name, or empty for the enclosing type
	// (which remains only where Defer is set).
	TypeCondition string
	Selections    []Selection
	// Defer is set where the fragment carries an active @defer.
	Defer *Defer
}

// A Defer is one use of @defer whose `if` is true.
type Defer struct {
	// ID is unique in the operation and counts from 1.
	ID    int
	Label string
}

func (*Field) selection()          {}
func (*InlineFragment) selection() {}

// Variables are the coerced values of an operation's variables: what the
// client gave, completed by defaults. A variable that is absent has no entry.
type Variables []Variable

// A Variable is one variable's value as JSON, in the client's own bytes.
type Variable struct {
	Name  string
	Value json.RawMessage
}

// Get finds a variable's value; nil when it is absent.
func (v Variables) Get(name string) json.RawMessage {
	for i := range v {
		if v[i].Name == name {
			return v[i].Value
		}
	}
	return nil
}
