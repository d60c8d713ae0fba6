package execute

import "encoding/binary"

// A token is a text that is looked for at many places of responses, such as ,"name": is. Its
// first and last eight bytes are compared as words, which may overlap.
type token struct {
	text        string
	first, last uint64
}

func newToken(text string) token {
	t := token{text: text}
	var word [8]byte
	copy(word[:], text)
	t.first = binary.LittleEndian.Uint64(word[:])
	if n := len(text); n >= 8 {
		copy(word[:], text[n-8:])
		t.last = binary.LittleEndian.Uint64(word[:])
	}
	return t
}

// after returns the index after the token if b has it at index i, and a negative number otherwise.
func (t *token) after(b []byte, i int) int {
	end := i + len(t.text)
	switch {
	case len(b)-i < 8 || end > len(b):
		if end > len(b) || string(b[i:end]) != t.text {
			return miss
		}
	case (binary.LittleEndian.Uint64(b[i:])^t.first)<<(64-8*min(uint(len(t.text)), 8)) != 0: // the bytes that the text has
		return miss
	case len(t.text) <= 8:
	case binary.LittleEndian.Uint64(b[end-8:]) != t.last:
		return miss
	case len(t.text) > 16 && string(b[i+8:end-8]) != t.text[8:len(t.text)-8]:
		return miss
	}
	return end
}
