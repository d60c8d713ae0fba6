package echo_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"souk/router/internal/echo"
)

func TestShorten(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ message, want string }{
		{"", ""},
		{"Cannot query field \"a\" on type \"B\".", "Cannot query field \"a\" on type \"B\"."},
		{"Cannot query field \"" + long + "\" on type \"B\".", "Cannot query field \"" + long[:99] + "… on type \"B\"."},
		{long + " " + long, long[:100] + "… " + long[:100] + "…"},
		{strings.Repeat("é", 60), strings.Repeat("é", 50) + "…"},
		{strings.Repeat("word ", 300), strings.Repeat("word ", 200) + "…"},
	} {
		if got := echo.Shorten(c.message); got != c.want {
			t.Errorf("%q gives %q", c.message, got)
		}
	}
}

func TestShortenedMessagesAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := strings.Repeat(rapid.String().Draw(t, "part"), rapid.IntRange(0, 300).Draw(t, "times"))
		got := echo.Shorten(message)
		if len(got) > echo.MaxMessage+len("…") || !utf8.ValidString(got) {
			t.Fatalf("%d bytes", len(got))
		}
		for _, word := range strings.Fields(got) {
			if len(word) > echo.MaxWord+2*len("…") {
				t.Fatalf("a word of %d bytes", len(word))
			}
		}
		if len(message) <= echo.MaxWord && got != message {
			t.Fatalf("%q became %q", message, got)
		}
	})
}
