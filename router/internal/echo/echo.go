// Package echo bounds what messages repeat of a request, so that a client
// cannot make the router send, and log, what it was sent.
package echo

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxWord is the longest run without white space in a message, such as a
	// name, in bytes; MaxMessage the longest message.
	MaxWord    = 100
	MaxMessage = 1000
)

// Shorten cuts words and messages that are longer than the bounds, and puts an
// ellipsis where something is missing.
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
