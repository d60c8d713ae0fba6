package catalogue

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// maxSKUWords is how much of a name goes into an article code made from it.
const maxSKUWords = 40

// madeSKU makes an article code from a product's name and id, so that it is
// readable and unique: LAPTOP-17.
func generateSKU(name string, id int64) string {
	var code strings.Builder
	for _, r := range strings.ToUpper(stripDiacritics(name)) {
		switch {
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			code.WriteRune(r)
		case code.Len() > 0 && !strings.HasSuffix(code.String(), "-"):
			code.WriteByte('-')
		}
		if code.Len() >= maxSKUWords {
			break
		}
	}
	words := strings.Trim(code.String(), "-")
	if words == "" {
		words = "ITEM"
	}
	return words + "-" + strconv.FormatInt(id, 10)
}

// sortName is a name without case and accents, so that it sorts among its like
// whatever the database's locale is.
func sortName(name string) string {
	return strings.ToLower(stripDiacritics(name))
}

// plain takes accents and other marks off letters: é becomes e.
func stripDiacritics(text string) string {
	strip := transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), norm.NFC)
	if bare, _, err := transform.String(strip, text); err == nil {
		return bare
	}
	return text
}
