package echo_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"souk/router/internal/echo"
)

func TestLongWordsAndMessagesAreCut(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ message, want string }{
		{message: "", want: ""},
		{message: "Cannot query field \"a\" on type \"B\".", want: "Cannot query field \"a\" on type \"B\"."},
		{message: "Cannot query field \"" + long + "\" on type \"B\".", want: "Cannot query field \"" + long[:99] + "… on type \"B\"."},
		{message: long + " " + long, want: long[:100] + "… " + long[:100] + "…"},
		{message: strings.Repeat("é", 60), want: strings.Repeat("é", 50) + "…"},
		{message: strings.Repeat("word ", 300), want: strings.Repeat("word ", 200) + "…"},
	} {
		if got := echo.Shorten(c.message); got != c.want {
			t.Errorf("Shorten(%q) = %q, want %q", c.message, got, c.want)
		}
	}
}

func TestShortenedMessagesAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := strings.Repeat(rapid.String().Draw(t, "part"), rapid.IntRange(0, 300).Draw(t, "times"))
		got := echo.Shorten(message)
		if len(got) > echo.MaxMessage+len("…") || !utf8.ValidString(got) {
			t.Fatalf("the message has %d bytes or is not valid UTF-8", len(got))
		}
		for _, word := range strings.Fields(got) {
			if len(word) > echo.MaxWord+2*len("…") {
				t.Fatalf("a word has %d bytes", len(word))
			}
		}
		if len(message) <= echo.MaxWord && got != message {
			t.Fatalf("the short message %q became %q", message, got)
		}
	})
}
