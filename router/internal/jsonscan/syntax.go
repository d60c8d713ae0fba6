package jsonscan

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// A SyntaxError describes where and why a text is not JSON.
type SyntaxError struct {
	// Offset counts bytes from the start of the text, from 0.
	Offset int
	// Reason describes what is there instead: "unexpected character '}'".
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset) }

// Explain describes why a text is not JSON at an index that a scan returned.
func Explain(text []byte, at int) *SyntaxError {
	e := &SyntaxError{Offset: at}
	if at >= len(text) {
		e.Offset, e.Reason = len(text), "unexpected end of JSON"
		return e
	}
	r, size := utf8.DecodeRune(text[at:])
	switch {
	case Unpaired(text, at):
		e.Reason = "escape of an unpaired surrogate"
	case r == utf8.RuneError && size <= 1:
		e.Reason = "invalid UTF-8"
	case r < ' ':
		e.Reason = fmt.Sprintf("unexpected control character %U", r)
	default:
		e.Reason = fmt.Sprintf("unexpected character %q", r)
	}
	return e
}

// Position converts an offset into a line and a column, both from 1. Columns
// count characters.
func Position(text []byte, offset int) (line, column int) {
	before := text[:min(max(offset, 0), len(text))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}
