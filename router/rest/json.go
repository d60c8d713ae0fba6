package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"souk/router/execute/jsonscan"
)

// kind is the type of a JSON value.
type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	list
	object
)

// String names the kind as messages do.
func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// value is a JSON value that still knows its text, so that numbers keep every
// digit and members their order.
type value struct {
	kind    kind
	raw     []byte // its JSON text
	text    string // of a string: what it says
	items   []value
	members []member
}

type member struct {
	name  string
	value value
}

// member gives an object's member, false when there is none.
func (v *value) member(name string) (*value, bool) {
	for i := range v.members {
		if v.members[i].name == name {
			return &v.members[i].value, true
		}
	}
	return nil, false
}

// isNull tells null, and a value that is not there at all.
func (v *value) isNull() bool { return v == nil || v.kind == null }

// scalarText gives what a string says and the text of any other value.
func (v *value) scalarText() string {
	if v.kind == text {
		return v.text
	}
	return string(v.raw)
}

// jsonError says where a text stops being JSON, or where an object has a member
// twice.
type jsonError struct {
	line, column int // from 1; the column counts characters
	message      string
}

func (e *jsonError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.line, e.column, e.message)
}

func errorAt(data []byte, offset int, message string) *jsonError {
	offset = min(max(offset, 0), len(data))
	before := data[:offset]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	return &jsonError{
		line:    bytes.Count(before, []byte("\n")) + 1,
		column:  utf8.RuneCount(before[lineStart:]) + 1,
		message: message,
	}
}

// parseJSON reads one JSON value (RFC 8259), refusing what a reader could take
// for two different things: a repeated member, text that is not UTF-8.
func parseJSON(data []byte) (value, error) {
	if !utf8.Valid(data) {
		return value{}, errorAt(data, invalidUTF8(data), "the text is not UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			// The offset is behind the character read last, except at the end.
			offset := int(syntax.Offset) - 1
			if offset+1 >= len(data) && bytes.HasPrefix([]byte(syntax.Error()), []byte("unexpected end")) {
				offset = len(data)
			}
			return value{}, errorAt(data, offset, syntax.Error())
		}
		return value{}, err
	}
	if end := jsonscan.Value(data, jsonscan.Space(data, 0)); end < 0 {
		// What jsonscan refuses and encoding/json does not (both bound the depth).
		return value{}, errorAt(data, ^end, "the string escapes a surrogate that is not half of a pair")
	}
	r := jsonReader{data: data}
	return r.value()
}

func invalidUTF8(data []byte) int {
	at := 0
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		at += size
	}
	return at
}

// jsonReader reads text that is known to be JSON.
type jsonReader struct {
	data []byte
	at   int
}

func (r *jsonReader) space() {
	for r.at < len(r.data) {
		switch r.data[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

func (r *jsonReader) value() (value, error) {
	r.space()
	start := r.at
	var v value
	var err error
	switch r.data[r.at] {
	case '{':
		v.kind = object
		v.members, err = r.object()
	case '[':
		v.kind = list
		v.items, err = r.list()
	case '"':
		v.kind = text
		v.text = r.string()
	case 'n':
		v.kind = null
		r.at += len("null")
	case 't':
		v.kind = boolean
		r.at += len("true")
	case 'f':
		v.kind = boolean
		r.at += len("false")
	default:
		v.kind = number
		for r.at < len(r.data) && bytes.IndexByte([]byte("+-.0123456789eE"), r.data[r.at]) >= 0 {
			r.at++
		}
	}
	v.raw = r.data[start:r.at]
	return v, err
}

func (r *jsonReader) object() ([]member, error) {
	var members []member
	seen := map[string]bool{}
	for r.at++; ; r.at++ { // past { and ,
		r.space()
		if r.data[r.at] == '}' {
			r.at++
			return members, nil
		}
		nameAt := r.at
		name := r.string()
		if seen[name] {
			return nil, errorAt(r.data, nameAt, fmt.Sprintf("the object has the member %q twice", name))
		}
		seen[name] = true
		r.space()
		r.at++ // past :
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		members = append(members, member{name, v})
		r.space()
		if r.data[r.at] == '}' {
			r.at++
			return members, nil
		}
	}
}

func (r *jsonReader) list() ([]value, error) {
	var items []value
	for r.at++; ; r.at++ { // past [ and ,
		r.space()
		if r.data[r.at] == ']' {
			r.at++
			return items, nil
		}
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		items = append(items, v)
		r.space()
		if r.data[r.at] == ']' {
			r.at++
			return items, nil
		}
	}
}

func (r *jsonReader) string() string {
	start := r.at
	escaped := false
	for r.at++; r.data[r.at] != '"'; r.at++ {
		if r.data[r.at] == '\\' {
			escaped = true
			r.at++
		}
	}
	r.at++
	if !escaped {
		return string(r.data[start+1 : r.at-1])
	}
	var s string
	// It is known to be a JSON string, so this cannot fail.
	_ = json.Unmarshal(r.data[start:r.at], &s)
	return s
}

// quote appends s as a JSON string.
func quote(to []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string can always be marshalled
	return append(to, quoted...)
}
