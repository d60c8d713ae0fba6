package operation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"souk/router/execute/jsonscan"
)

// A cursor reads JSON (RFC 8259) token by token without building anything.
type cursor struct {
	data []byte
	at   int
	// depth of nesting, held to maxDepth.
	depth int
}

const maxDepth = 500

var errDeep = fmt.Errorf("JSON is nested more than %d levels deep", maxDepth)

func (c *cursor) space() {
	for c.at < len(c.data) {
		switch c.data[c.at] {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return
		}
	}
}

// peek gives the first byte of the next token, 0 at the end.
func (c *cursor) peek() byte {
	c.space()
	if c.at >= len(c.data) {
		return 0
	}
	return c.data[c.at]
}

func (c *cursor) end() bool {
	c.space()
	return c.at >= len(c.data)
}

func (c *cursor) take(b byte) bool {
	if c.peek() != b {
		return false
	}
	c.at++
	return true
}

func (c *cursor) fail(want string) error {
	if c.at >= len(c.data) {
		return fmt.Errorf("JSON ends where %s should be", want)
	}
	r, _ := utf8.DecodeRune(c.data[c.at:])
	return fmt.Errorf("JSON has %q at byte %d where %s should be", r, c.at, want)
}

// value reads one value and gives its bytes.
func (c *cursor) value() (json.RawMessage, error) {
	first := c.peek()
	start := c.at
	var err error
	switch {
	case first == '{':
		err = c.object(func([]byte) error { _, err := c.value(); return err })
	case first == '[':
		err = c.array(func(int) error { _, err := c.value(); return err })
	case first == '"':
		_, err = c.rawString()
	case first == '-' || first >= '0' && first <= '9':
		err = c.number()
	default:
		err = c.word()
	}
	return c.data[start:c.at], err
}

func (c *cursor) word() error {
	for _, w := range [...]string{"true", "false", "null"} {
		if len(c.data)-c.at >= len(w) && string(c.data[c.at:c.at+len(w)]) == w {
			c.at += len(w)
			return nil
		}
	}
	return c.fail("a value")
}

func (c *cursor) enter() error {
	c.at++
	if c.depth++; c.depth > maxDepth {
		return errDeep
	}
	return nil
}

// object reads an object; field must read the value of the key it is given.
func (c *cursor) object(field func(key []byte) error) error {
	if err := c.enter(); err != nil {
		return err
	}
	defer func() { c.depth-- }()
	if c.take('}') {
		return nil
	}
	for {
		if c.peek() != '"' {
			return c.fail("a key in double quotes")
		}
		key, err := c.text()
		if err != nil {
			return err
		}
		if !c.take(':') {
			return c.fail(`":"`)
		}
		if err := field(key); err != nil {
			return err
		}
		if c.take('}') {
			return nil
		}
		if !c.take(',') {
			return c.fail(`"," or "}"`)
		}
	}
}

// array reads an array; item must read the value it is given the index of.
func (c *cursor) array(item func(i int) error) error {
	if err := c.enter(); err != nil {
		return err
	}
	defer func() { c.depth-- }()
	if c.take(']') {
		return nil
	}
	for i := 0; ; i++ {
		if err := item(i); err != nil {
			return err
		}
		if c.take(']') {
			return nil
		}
		if !c.take(',') {
			return c.fail(`"," or "]"`)
		}
	}
}

var errString = errors.New("JSON has a string that is not well-formed")

// rawString reads a string and gives it with its quotes.
func (c *cursor) rawString() ([]byte, error) {
	start := c.at
	end := jsonscan.String(c.data, start)
	switch {
	case end >= 0:
		c.at = end
		return c.data[start:end], nil
	case ^end >= len(c.data):
		c.at = len(c.data)
		return nil, c.fail("the end of a string")
	}
	return nil, errString
}

// text reads a string and gives what it says.
func (c *cursor) text() ([]byte, error) {
	raw, err := c.rawString()
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], nil
	}
	var s string
	err = json.Unmarshal(raw, &s)
	return []byte(s), err
}

func (c *cursor) digits() bool {
	start := c.at
	for c.at < len(c.data) && c.data[c.at] >= '0' && c.data[c.at] <= '9' {
		c.at++
	}
	return c.at > start
}

func (c *cursor) at1(set string) bool {
	if c.at < len(c.data) && strings.IndexByte(set, c.data[c.at]) >= 0 {
		c.at++
		return true
	}
	return false
}

func (c *cursor) number() error {
	c.at1("-")
	if !c.at1("0") && !c.digits() {
		return c.fail("a digit")
	}
	if c.at1(".") && !c.digits() {
		return c.fail("a digit")
	}
	if c.at1("eE") {
		c.at1("+-")
		if !c.digits() {
			return c.fail("a digit")
		}
	}
	return nil
}
