// Package echo shortens the parts of a request that error messages repeat, so that a
// client cannot make the router send back and log arbitrarily long texts.
package echo

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxWord is the maximum length in bytes of a word, a sequence without
	// white space. MaxMessage is the maximum length of a message in bytes.
	MaxWord    = 100
	MaxMessage = 1000
)

// Shorten cuts words longer than MaxWord and messages longer than MaxMessage, and marks
// each cut with an ellipsis.
func Shorten(message string) string {
	if len(message) <= MaxWord {
		return message
	}
	var b strings.Builder
	word, cut := 0, false
	for _, c := range message {
		n := max(utf8.RuneLen(c), 1)
		if b.Len()+n > MaxMessage {
			b.WriteString("…")
			break
		}
		switch {
		case unicode.IsSpace(c):
			word, cut = 0, false
		case cut:
			continue
		case word+n > MaxWord:
			b.WriteString("…")
			cut = true
			continue
		default:
			word += n
		}
		b.WriteRune(c)
	}
	return b.String()
}
