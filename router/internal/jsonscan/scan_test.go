package jsonscan_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"souk/router/internal/jsonscan"
)

var samples = []string{
	`null`, `true`, `false`, ` {"a" : [ 1 , -0.5e+3, "x" ] } `, `"\u00e9\n\"\\"`, `"é漢字😀 and more than eight bytes"`,
	`{}`, `[]`, `[[],{}]`, `0`, `-0`, `10`, `1E9`, `1.5`, `"12345678"`, `"1234567"`, `"1234567\t9"`,
	``, ` `, `{`, `[`, `[1,]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `01`, `1.`, `.5`, `-`, `1e`, `+1`, `tru`, `nulll`,
	`"`, `"\x"`, `"\u12"`, `"\u12g4"`, `"a` + "\x01" + `"`, "\"\x80\"", "\"12345678\xff\"", `"\`, `1 2`, `[1 2]`, "{\"a\":1\x00}",
	"\"\xed\xa0\x80\"", `"\ud800"`, `"\uD83D\uDE00"`, `"\ude00\ud83d"`, `"\ud83d\ud83d\ude00"`, `"\ud83dx"`, `"\\ud800"`,
	`{"\udfff":1}`, `"\ud7ff\ue000"`, `"\ud83d\u00e9"`, `"\udbff`, `"\udbff\`, `"\udbff\udc"`,
}

func check(t *testing.T, text []byte) {
	t.Helper()
	got, want := jsonscan.Valid(text), json.Valid(text) && utf8.Valid(text) && !unpaired(text)
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

var (
	otherEscape = regexp.MustCompile(`\\[^u]`)
	pair        = regexp.MustCompile(`(?i)\\ud[89ab]..\\ud[c-f]..`)
	surrogate   = regexp.MustCompile(`(?i)\\ud[89a-f]`)
)

// unpaired says whether valid JSON has an escape of an unpaired surrogate.
func unpaired(text []byte) bool {
	text = otherEscape.ReplaceAll(text, []byte(" "))
	return surrogate.Match(pair.ReplaceAll(text, []byte(" ")))
}

func TestValidAcceptsOnlyJSON(t *testing.T) {
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

func TestRepairReplacesUnpairedSurrogates(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":"\ud800"}`:                `{"a":"\ufffd"}`,
		`["\uDC00","\uD83D\uDE00"]`:     `["\ufffd","\uD83D\uDE00"]`,
		`"\ud83d\ud83d\ude00\ude00"`:    `"\ufffd\ud83d\ude00\ufffd"`,
		`{"\udfff":"\\\\ud800\ud800x"}`: `{"\ufffd":"\\\\ud800\ufffdx"}`,
		`"\ud83d\n\ude00"`:              `"\ufffd\n\ufffd"`,
		`"\uD83D\uDE00 \\ud800"`:        "",
		`"\ud8`:                         "",
		`"\`:                            "",
	} {
		if got := jsonscan.Repair([]byte(text)); string(got) != want {
			t.Errorf("Repair(%s) = %s, want %s", text, got, want)
		} else if got != nil && !jsonscan.Valid(got) {
			t.Errorf("Repair(%s) = %s, which is not valid", text, got)
		}
	}
}

func TestIntegerTakesEverySpellingOfAnInteger(t *testing.T) {
	for number, want := range map[string]string{
		"0": "0", "-0": "0", "-0.0": "0", "0e9": "0", "0.000E-5": "0", "1": "1", "-17": "-17",
		"1.0": "1", "1e2": "100", "1E+2": "100", "1.50e1": "15", "-1.5e1": "-15", "100e-2": "1", "0.001e3": "1", "120.0e-1": "12",
		"9007199254740993": "9007199254740993", "9007199254740993.0": "9007199254740993",
		"123456789012345678901234567890": "123456789012345678901234567890",
		"1e63":                           "1" + strings.Repeat("0", 63), "10e999999999999999999999": "", "1e64": "", "1e-99999999999999999999": "",
		"1.5": "", "1e-1": "", "0.5": "", "-0.1e0": "", "": "",
	} {
		got, ok := jsonscan.Integer([]byte(number))
		if string(got) != want || ok != (want != "") {
			t.Errorf("Integer(%s) = %s, %t; want %q", number, got, ok, want)
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
