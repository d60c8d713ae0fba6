// Package clientname reads how a client names itself, for metrics, logs and limits. Nothing of it is
// proven.
package clientname

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxBytes bounds what is read of a header.
const maxBytes = 256

// Of returns the name and the version of the client; both may be empty.
func Of(h http.Header) (name, version string) {
	return Value(h, "Graphql-Client-Name", "Apollographql-Client-Name"), Value(h, "Graphql-Client-Version", "Apollographql-Client-Version")
}

// Value returns the first 256 bytes of the first value of a header, or of the other one, as UTF-8.
// The names are in canonical form.
//
// Browsers and Node.js send the characters of a header as ISO 8859-1, and refuse all others (Fetch
// standard, section 2.2.2), so that is what a value is that is not UTF-8.
func Value(h http.Header, name, other string) string {
	values := h[name]
	if len(values) == 0 {
		values = h[other]
	}
	if len(values) == 0 {
		return ""
	}
	text := values[0]
	if !utf8.ValidString(text) {
		text = fromLatin1(text[:min(len(text), maxBytes)])
	}
	if len(text) > maxBytes { // the copy does not keep the rest in memory
		text = strings.ToValidUTF8(strings.Clone(text[:maxBytes]), "")
	}
	return text
}

func fromLatin1(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		b.WriteRune(rune(c))
	}
	return b.String()
}
