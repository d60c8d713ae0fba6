package jsonscan

import (
	"bytes"
	"fmt"
)

// A Kind is the type of a JSON value.
type Kind uint8

// The kinds of values.
const (
	KindNull Kind = iota
	KindBoolean
	KindNumber
	KindString
	KindArray
	KindObject
)

// KindOf returns the kind of a valid value without white space before it.
func KindOf(value []byte) Kind {
	switch value[0] {
	case '{':
		return KindObject
	case '[':
		return KindArray
	case '"':
		return KindString
	case 't', 'f':
		return KindBoolean
	case 'n':
		return KindNull
	}
	return KindNumber
}

// String returns the name of the kind for messages.
func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// A Node is a JSON value that keeps its text, so that numbers keep every digit
// and members their order.
type Node struct {
	Kind    Kind
	Raw     []byte // its JSON text
	Text    string // the decoded value of a string
	Items   []Node
	Members []Member
}

// A Member is one member of an object.
type Member struct {
	Name  string
	Value Node
}

// Member returns the value of an object's member. It returns false if there is none.
func (v *Node) Member(name string) (*Node, bool) {
	for i := range v.Members {
		if v.Members[i].Name == name {
			return &v.Members[i].Value, true
		}
	}
	return nil, false
}

// IsNull reports whether the value is null or absent.
func (v *Node) IsNull() bool { return v == nil || v.Kind == KindNull }

// ScalarText returns the decoded value of a string, and the JSON text of any other
// value.
func (v *Node) ScalarText() string {
	if v.Kind == KindString {
		return v.Text
	}
	return string(v.Raw)
}

// TrimMark returns the text of a file without the byte order mark that it may begin with (RFC 8259,
// section 8.1).
func TrimMark(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\ufeff")) }

// Parse reads one value. It rejects an object with two members of the same name,
// because readers differ in which one they use. The error is a
// [*SyntaxError].
func Parse(text []byte) (Node, error) {
	r := NewReader(text, MaxDepth)
	v, err := r.node()
	if err == nil {
		err = r.End()
	}
	if err != nil {
		return Node{}, err
	}
	return v, nil
}

func (r *Reader) node() (v Node, err error) {
	first := r.Peek()
	start := r.at
	switch first {
	case '{':
		v.Kind = KindObject
		v.Members, err = r.members()
	case '[':
		v.Kind = KindArray
		err = r.Array(func(int) error {
			item, err := r.node()
			v.Items = append(v.Items, item)
			return err
		})
	default:
		if _, err = r.Value(); err != nil {
			return v, err
		}
		if v.Kind = KindOf(r.text[start:]); v.Kind == KindString {
			v.Text = string(Text(r.text[start:r.at]))
		}
	}
	if err == nil {
		v.Raw = r.text[start:r.at]
	}
	return v, err
}

func (r *Reader) members() ([]Member, error) {
	var members []Member
	seen := map[string]bool{}
	// at is where the next name starts.
	at := Space(r.text, r.at+1)
	err := r.Object(func(name []byte) error {
		if seen[string(name)] {
			return &SyntaxError{Offset: at, Reason: fmt.Sprintf("second member %q of an object", name)}
		}
		seen[string(name)] = true
		v, err := r.node()
		if err != nil {
			return err
		}
		members = append(members, Member{Name: string(name), Value: v})
		if next, more := Next(r.text, r.at, '}'); more {
			at = next
		}
		return nil
	})
	return members, err
}
