package jsonscan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"souk/router/internal/jsonscan"
)

// same compares a tree with what another reader of JSON makes of the text.
func same(d *jsontext.Decoder, v *jsonscan.Node) error {
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case '{':
		if v.Kind != jsonscan.KindObject {
			return fmt.Errorf("%s is not an object", v.Raw)
		}
		for i := range v.Members {
			if name, err := d.ReadToken(); err != nil || name.String() != v.Members[i].Name {
				return fmt.Errorf("member %q is %q: %w", v.Members[i].Name, name.String(), err)
			}
			if err := same(d, &v.Members[i].Value); err != nil {
				return err
			}
		}
		token, err = d.ReadToken()
		if err == nil && token.Kind() != '}' {
			err = fmt.Errorf("%s has too few members", v.Raw)
		}
		return err
	case '[':
		if v.Kind != jsonscan.KindArray {
			return fmt.Errorf("%s is not an array", v.Raw)
		}
		for i := range v.Items {
			if err := same(d, &v.Items[i]); err != nil {
				return err
			}
		}
		token, err = d.ReadToken()
		if err == nil && token.Kind() != ']' {
			err = fmt.Errorf("%s has too few items", v.Raw)
		}
		return err
	case '"':
		if v.Kind != jsonscan.KindString || v.Text != token.String() {
			return fmt.Errorf("%s says %q, not %q", v.Raw, token.String(), v.Text)
		}
	case '0':
		if v.Kind != jsonscan.KindNumber || string(v.Raw) != token.String() {
			return fmt.Errorf("%s is not the number %s", v.Raw, token.String())
		}
	case 't', 'f':
		if v.Kind != jsonscan.KindBoolean || string(v.Raw) != token.String() {
			return fmt.Errorf("%s is not %s", v.Raw, token.String())
		}
	default:
		if v.Kind != jsonscan.KindNull {
			return fmt.Errorf("%s is not null", v.Raw)
		}
	}
	return nil
}

// checkParse compares Parse with jsontext, which also refuses invalid UTF-8,
// unpaired surrogates and repeated names.
func checkParse(text []byte) error {
	before := bytes.Clone(text)
	v, err := jsonscan.Parse(text)
	if !bytes.Equal(before, text) {
		return fmt.Errorf("Parse changed %q to %q", before, text)
	}
	d := jsontext.NewDecoder(bytes.NewReader(text))
	_, wrong := d.ReadValue()
	if wrong == nil {
		if _, wrong = d.ReadToken(); errors.Is(wrong, io.EOF) {
			wrong = nil
		} else if wrong == nil {
			wrong = errors.New("there are two values")
		}
	}
	if (err == nil) != (wrong == nil) {
		return fmt.Errorf("Parse(%q) fails with %w, jsontext with %w", text, err, wrong)
	}
	if err != nil {
		var syntax *jsonscan.SyntaxError
		if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(text) {
			return fmt.Errorf("Parse(%q): %T: %w", text, err, err)
		}
		return nil
	}
	return same(jsontext.NewDecoder(bytes.NewReader(text)), &v)
}

func TestParseAgreesWithJSONText(t *testing.T) {
	for _, s := range append(samples, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":{"a":[{"a":1},{"a":"\ud83d\ude00\n\u00e9"}]}} `, `[[[1,2,[]],{}],"é"]`) {
		if err := checkParse([]byte(s)); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range samples {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<10 {
			return
		}
		if err := checkParse(text); err != nil {
			t.Error(err)
		}
	})
}

func TestUnquoteInPlaceMatchesEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "text")
		quoted, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "ascii") {
			quoted = []byte(quoteASCII(want))
		}
		if got := jsonscan.Text(quoted); string(got) != want {
			t.Fatalf("Text(%s) = %q", quoted, got)
		}
		if got := jsonscan.Unquote(quoted); string(got) != want {
			t.Fatalf("Unquote = %q, want %q", got, want)
		}
	})
}

// quoteASCII writes every character as an escape.
func quoteASCII(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if r > 0xffff {
			fmt.Fprintf(&b, `\u%04x\u%04X`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func TestReaderBoundsDepth(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{text: `[[{"a":"]"}]]`},
		{text: `[[[[]]]]`, want: "arrays and objects nested more than 3 levels deep at byte 3"},
		{text: `["[",{"[":[[]]}]`, want: "arrays and objects nested more than 3 levels deep at byte 11"},
		{text: `[{[`, want: "unexpected character '[' at byte 2"},
		{text: `[[1}`, want: "unexpected character '}' at byte 3"},
		{text: `[["a` + "\x01", want: "unexpected control character U+0001 at byte 4"},
		{text: "[\"\xff\"]", want: "invalid UTF-8 at byte 2"},
		{text: `{"a":"\ud800"}`, want: "escape of an unpaired surrogate at byte 6"},
		{text: `[1,`, want: "unexpected end of JSON at byte 3"},
		{text: ``, want: "unexpected end of JSON at byte 0"},
	} {
		scan := jsonscan.NewReader([]byte(c.text), 3)
		_, scanned := scan.Value()
		read := jsonscan.NewReader([]byte(c.text), 3)
		walked := walk(&read)
		for way, err := range map[string]error{"Value": scanned, "Array and Object": walked} {
			if got := fmt.Sprint(err); got != c.want && (err != nil || c.want != "") {
				t.Errorf("%s of %q: %s, want %s", way, c.text, got, c.want)
			}
		}
	}
}

// walk reads a value by tokens.
func walk(r *jsonscan.Reader) error {
	switch r.Peek() {
	case '{':
		return r.Object(func([]byte) error { return walk(r) })
	case '[':
		return r.Array(func(int) error { return walk(r) })
	}
	_, err := r.Value()
	return err
}
