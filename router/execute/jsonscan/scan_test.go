package jsonscan_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"souk/router/execute/jsonscan"
)

var samples = []string{
	`null`, `true`, `false`, ` {"a" : [ 1 , -0.5e+3, "x" ] } `, `"\u00e9\n\"\\"`, `"é漢字😀 and more than eight bytes"`,
	`{}`, `[]`, `[[],{}]`, `0`, `-0`, `10`, `1E9`, `1.5`, `"12345678"`, `"1234567"`, `"1234567\t9"`,
	``, ` `, `{`, `[`, `[1,]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `01`, `1.`, `.5`, `-`, `1e`, `+1`, `tru`, `nulll`,
	`"`, `"\x"`, `"\u12"`, `"\u12g4"`, `"a` + "\x01" + `"`, "\"\x80\"", "\"12345678\xff\"", `"\`, `1 2`, `[1 2]`, "{\"a\":1\x00}",
	"\"\xed\xa0\x80\"", `"\ud800"`,
}

func check(t *testing.T, text []byte) {
	t.Helper()
	got, want := jsonscan.Valid(text), json.Valid(text) && utf8.Valid(text)
	if got != want {
		t.Errorf("Valid(%q) = %t, want %t", text, got, want)
	}
	for i := range text {
		end := jsonscan.Value(text, i)
		if end < 0 {
			if ^end < i || ^end > len(text) {
				t.Errorf("Value(%q, %d): error at %d", text, i, ^end)
			}
			continue
		}
		if !json.Valid(text[i:end]) {
			t.Errorf("Value(%q, %d) = %d: %q is not JSON", text, i, end, text[i:end])
		}
	}
}

func TestValid(t *testing.T) {
	for _, s := range samples {
		check(t, []byte(s))
	}
	for _, n := range []int{jsonscan.MaxDepth, jsonscan.MaxDepth + 1} {
		deep := []byte(strings.Repeat("[", n) + strings.Repeat("]", n))
		if got, want := jsonscan.Valid(deep), json.Valid(deep); got != want {
			t.Errorf("%d arrays: Valid = %t, want %t", n, got, want)
		}
	}
}

func FuzzValid(f *testing.F) {
	for _, s := range samples {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) < 1<<10 {
			check(t, text)
		}
	})
}

func BenchmarkValue(b *testing.B) {
	text := []byte(`[` + strings.Repeat(`{"id":"12345","name":"A name of some length","price":12345,"ok":true},`, 1000) + `null]`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if jsonscan.Value(text, 0) != len(text) {
			b.Fatal("not valid")
		}
	}
}
