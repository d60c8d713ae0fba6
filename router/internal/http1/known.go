package http1

import (
	"net/textproto"
	"net/url"
)

const (
	// maxKnown bounds the heads in bytes of which a connection knows the lines, and maxKnownLines
	// bounds these.
	maxKnown      = 2 << 10
	maxKnownLines = 32
)

// knownLines are lines of the last head on a connection. Nearly all of the next one are equal, and
// need neither be checked nor copied again.
type knownLines struct {
	request        string
	method, target string
	url            url.URL
	fields         []knownField // by line
	keep           bool         // the head is short enough
}

// A knownField is a line with a field.
type knownField struct {
	line, name, value string
	special           bool // it decides how the message is read
}

// begin begins a head with a size and a number of lines.
func (k *knownLines) begin(size, lines int) {
	k.keep = size <= maxKnown && lines <= maxKnownLines
	if !k.keep {
		*k = knownLines{}
	}
}

func (k *knownLines) isRequest(line []byte) bool { return k.request == string(line) && k.request != "" }

// readRequest reads another request line. It reports false if it is invalid.
func (k *knownLines) readRequest(line []byte) bool {
	text := string(line)
	var ok bool
	k.request = ""
	if k.method, k.target, k.url, ok = requestLine(text); ok && k.keep {
		k.request = text
	}
	return ok
}

// field returns the field in a line by its number. It reports false if it is invalid.
func (k *knownLines) field(number int, line []byte) (knownField, bool) {
	if number < len(k.fields) && k.fields[number].line == string(line) {
		return k.fields[number], true
	}
	text := string(line)
	name, value, ok := field(text)
	if !ok {
		return knownField{}, false
	}
	name = textproto.CanonicalMIMEHeaderKey(name)
	f := knownField{text, name, value, isSpecial(name)}
	switch {
	case !k.keep:
	case number < len(k.fields):
		k.fields[number] = f
	case number == len(k.fields):
		k.fields = append(k.fields, f)
	}
	return f, true
}
