package jsonscan

import (
	"encoding/json"
	"fmt"
	"math"
)

// A Reader reads a text token by token. After an error it must not be used.
type Reader struct {
	text []byte
	at   int
	// depth counts the arrays and objects around at; most bounds it.
	depth, most int
}

// NewReader returns a Reader of text that rejects arrays and objects nested more
// than depth levels deep. Depth is at most [MaxDepth].
func NewReader(text []byte, depth int) Reader { return Reader{text: text, most: depth} }

// Offset returns the index of the next byte to read.
func (r *Reader) Offset() int { return r.at }

// Peek skips white space and returns the first byte of the next token, or 0 at
// the end of the text.
func (r *Reader) Peek() byte {
	if r.at = Space(r.text, r.at); r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

// End reads the end of the text.
func (r *Reader) End() error {
	if r.at = Space(r.text, r.at); r.at < len(r.text) {
		return Explain(r.text, r.at)
	}
	return nil
}

// Value reads a value and returns its text, which shares the bytes of the Reader's.
func (r *Reader) Value() (json.RawMessage, error) {
	start := Space(r.text, r.at)
	end := value(r.text, start, MaxDepth-(r.most-r.depth))
	if end < 0 {
		return nil, r.fail(start, ^end)
	}
	r.at = end
	return r.text[start:end], nil
}

// Object reads an object. It calls member with each name, without quotes and
// escapes; member must read the value.
func (r *Reader) Object(member func(name []byte) error) error {
	if err := r.enter('{'); err != nil {
		return err
	}
	for more := r.Peek() != '}'; more; {
		if r.Peek() != '"' {
			return Explain(r.text, r.at)
		}
		end := String(r.text, r.at)
		if end < 0 {
			return Explain(r.text, ^end)
		}
		name := Text(r.text[r.at:end])
		if r.at = Colon(r.text, end); r.at < 0 {
			return Explain(r.text, ^r.at)
		}
		if err := member(name); err != nil {
			return err
		}
		if r.at, more = Next(r.text, r.at, '}'); r.at < 0 {
			return Explain(r.text, ^r.at)
		}
		if !more {
			r.depth--
			return nil
		}
	}
	r.at++
	r.depth--
	return nil
}

// Array reads an array. It calls item with each index; item must read the
// value.
func (r *Reader) Array(item func(i int) error) error {
	if err := r.enter('['); err != nil {
		return err
	}
	if r.Peek() == ']' {
		r.at++
		r.depth--
		return nil
	}
	for i, more := 0, true; more; i++ {
		err := item(i)
		if err != nil {
			return err
		}
		if r.at, more = Next(r.text, r.at, ']'); r.at < 0 {
			return Explain(r.text, ^r.at)
		}
	}
	r.depth--
	return nil
}

func (r *Reader) enter(bracket byte) error {
	if r.Peek() != bracket {
		return Explain(r.text, r.at)
	}
	if r.depth++; r.depth > r.most {
		return r.tooDeep()
	}
	r.at++
	return nil
}

// fail explains why the value from start on is not JSON at an index.
func (r *Reader) fail(start, at int) error {
	if at < len(r.text) && (r.text[at] == '{' || r.text[at] == '[') && nested(r.text[start:at]) >= r.most-r.depth {
		r.at = at
		return r.tooDeep()
	}
	return Explain(r.text, at)
}

func (r *Reader) tooDeep() error {
	return &SyntaxError{Offset: r.at, Reason: fmt.Sprintf("arrays and objects nested more than %d levels deep", r.most)}
}

// nested counts the arrays and objects that are open at the end of the start of
// a JSON text. It is negative within a string, where brackets open nothing.
func nested(text []byte) int {
	open := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			end := String(text, i)
			if end < 0 { // the text ends in a string
				return math.MinInt
			}
			i = end - 1
		case '{', '[':
			open++
		case '}', ']':
			open--
		}
	}
	return open
}
