package cli

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/charmbracelet/x/term"
)

// A screen is the standard output or error of all commands. Text of other servers, such as
// messages, names and schemas, must not control the terminal: a screen writes control
// characters and marks that change the direction of text as \u001b, which is also how JSON
// and GraphQL write them in strings.
type screen struct {
	to   *os.File
	mu   sync.Mutex
	rest []byte // of a character that is not complete yet
}

// Write writes the text that is complete, and the rest with what follows.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := slices.Concat(s.rest, p)
	var out []byte
	for len(text) > 0 && utf8.FullRune(text) {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			out = fmt.Appendf(out, `\x%02x`, text[0])
		case r == '\r' && len(text) > 1 && text[1] == '\n':
			out = append(out, '\r')
		case controls(r):
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	s.rest = slices.Clone(text)
	if _, err := s.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// controls reports whether a character can control a terminal, or change the order in which
// others are shown.
func controls(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ', r >= 0x7f && r < 0xa0:
		return true
	case r >= 0x200e && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}

// terminal returns the terminal that a command writes to or reads from, for commands that draw
// on it. It is nil if there is none.
func terminal(stream any) *os.File {
	file, ok := stream.(*os.File)
	if s, is := stream.(*screen); is {
		file, ok = s.to, true
	}
	if !ok || !term.IsTerminal(file.Fd()) {
		return nil
	}
	return file
}
