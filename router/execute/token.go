package execute

import (
	"bytes"
	"encoding/binary"
)

// A token is a text that is looked for at many places of responses, such as ,"name": is. Its
// first and last eight bytes are compared as words, which may overlap.
type token struct {
	text              []byte
	first, last, mask uint64 // the mask has the bytes of first that the text has
}

func newToken(text []byte) token {
	t := token{text: text, mask: ^uint64(0)}
	if n := len(text); n < 8 {
		t.mask = 1<<(8*n) - 1
	} else {
		t.last = binary.LittleEndian.Uint64(text[n-8:])
	}
	var start [8]byte
	copy(start[:], text)
	t.first = binary.LittleEndian.Uint64(start[:])
	return t
}

// after returns the index after the token if b has it at index i, and a negative number otherwise.
func (t *token) after(b []byte, i int) int {
	end := i + len(t.text)
	switch {
	case len(b)-i < 8 || end > len(b):
		if end > len(b) || !bytes.Equal(b[i:end], t.text) {
			return miss
		}
	case binary.LittleEndian.Uint64(b[i:])&t.mask != t.first:
		return miss
	case len(t.text) <= 8:
	case binary.LittleEndian.Uint64(b[end-8:]) != t.last:
		return miss
	case len(t.text) > 16 && !bytes.Equal(b[i+8:end-8], t.text[8:len(t.text)-8]):
		return miss
	}
	return end
}
