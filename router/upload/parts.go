package upload

import (
	"mime"
	"mime/multipart"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// nameOf returns the name of the part with a file, for a subgraph. It is never the client's: a
// file named "operations" would be a second operation, and many subgraphs execute the last one.
func nameOf(file int) string { return strconv.Itoa(file) }

// maxFilename bounds the name of a file for a subgraph, in bytes.
const maxFilename = 255

// filenameOf returns the name of a file for a subgraph. Readers of forms differ in how they read
// quoted texts, so it has no character that may end one, or the parameter, or the line. As in
// browsers, a quotation mark becomes %22, and a file without a name is a blob: with an empty name
// it would be a form field.
func filenameOf(part *multipart.Part) string {
	var out strings.Builder
	for _, c := range part.FileName() {
		switch {
		case c == '"':
			out.WriteString("%22")
		case c == '\\' || c == ';' || c == utf8.RuneError || !unicode.IsPrint(c):
			out.WriteByte('_')
		default:
			out.WriteRune(c)
		}
		if out.Len() > maxFilename-utf8.UTFMax {
			break
		}
	}
	if out.Len() == 0 {
		return "blob"
	}
	return out.String()
}

// contentTypeOf returns the media type of a file for a subgraph. A multipart type could make its
// reader look for parts in the file.
func contentTypeOf(part *multipart.Part) string {
	const unknown = "application/octet-stream"
	media, parameters, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
	if err != nil || strings.HasPrefix(media, "multipart/") {
		return unknown
	}
	if text := mime.FormatMediaType(media, parameters); text != "" && len(text) <= maxFilename {
		return text
	}
	return unknown
}
