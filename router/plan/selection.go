package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"souk/router/operation"
)

// Selections is a selection set: what a fetch selects on an object, as its
// subgraph's schema has it. The operation's text is printed from it, and the
// executor stores responses by it.
//
// Fields of a selection set and of its fragments may share a response key. They
// have the same storage key then.
type Selections []Selection

// A Selection is a *SelectedField or an *InlineFragment. There are no
// directives: @skip and @include are decided before planning, and @defer is
// carried out by the router.
type Selection interface{ selection() }

// A SelectedField selects a field, or __typename.
type SelectedField struct {
	Name string `json:"name"`
	// ResponseKey is the key in the subgraph's response: the alias, or the name.
	ResponseKey string `json:"responseKey"`
	// StorageKey is where the value is stored; empty in an introspection field.
	StorageKey string `json:"storageKey,omitempty"`
	// Arguments in the order they are sent.
	Arguments []operation.Argument `json:"arguments,omitempty"`
	// Selections is nil for a leaf.
	Selections Selections `json:"selections,omitzero"`
}

// An InlineFragment applies its selections to objects of one type.
type InlineFragment struct {
	// On is the type condition, or empty for any type.
	On         string     `json:"on"`
	Selections Selections `json:"selections"`
}

func (*SelectedField) selection()  {}
func (*InlineFragment) selection() {}

// Clone copies selections and all below them, except for the arguments of fields.
func (s Selections) Clone() Selections {
	if s == nil {
		return nil
	}
	out, fields := make(Selections, len(s)), make([]SelectedField, len(s)) // most are fields
	for i, sel := range s {
		switch sel := sel.(type) {
		case *SelectedField:
			fields[i] = *sel
			fields[i].Selections = sel.Selections.Clone()
			out[i] = &fields[i]
		case *InlineFragment:
			out[i] = &InlineFragment{On: sel.On, Selections: sel.Selections.Clone()}
		}
	}
	return out
}

// A selectionJSON is any selection as JSON.
type selectionJSON struct {
	SelectedField
	Name       *string         `json:"name"`
	On         *string         `json:"on"`
	Selections []selectionJSON `json:"selections"`
}

// UnmarshalJSON reads a list of fields, which have a name, and of inline
// fragments, which have a type condition.
func (s *Selections) UnmarshalJSON(text []byte) error {
	var list []selectionJSON
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return fmt.Errorf("read selections: %w", err)
	}
	made, err := selectionsOf(list)
	*s = made
	return err
}

// selectionsOf returns nil for nil: the selection set of a leaf.
func selectionsOf(list []selectionJSON) (Selections, error) {
	if list == nil {
		return nil, nil
	}
	out := make(Selections, len(list))
	for i, item := range list {
		below, err := selectionsOf(item.Selections)
		if err != nil {
			return nil, err
		}
		switch {
		case (item.Name == nil) == (item.On == nil):
			return nil, errors.New(`read selections: a selection has either a "name" or a type condition in "on"`)
		case item.Name != nil:
			f := item.SelectedField
			f.Name, f.Selections = *item.Name, below
			out[i] = &f
		default:
			out[i] = &InlineFragment{On: *item.On, Selections: below}
		}
	}
	return out, nil
}

// Flatten returns the fields of a selection set and of all its fragments, those
// with the same response key merged: one for each key of a response object, in
// the order they are asked for. The result shares nothing that may be changed.
func (s Selections) Flatten() []*SelectedField {
	var flat []*SelectedField
	at := map[string]int{}
	var add func(list Selections)
	add = func(list Selections) {
		for _, sel := range list {
			switch sel := sel.(type) {
			case *InlineFragment:
				add(sel.Selections)
			case *SelectedField:
				i, ok := at[sel.ResponseKey]
				if !ok {
					at[sel.ResponseKey] = len(flat)
					merged := *sel
					flat = append(flat, &merged)
					continue
				}
				if sel.Selections != nil {
					flat[i].Selections = slices.Concat(flat[i].Selections, sel.Selections)
				}
			}
		}
	}
	add(s)
	return flat
}
