package catalogue

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// maxSKUWords bounds how many bytes of a name go into a generated SKU.
const maxSKUWords = 40

// generateSKU returns a readable, unique SKU from a product's name and ID,
// such as LAPTOP-17.
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

// maxSortName bounds a sort name, in characters. A cursor of a list by name contains
// it, and has at most 1,000 characters whatever they are. Folding one character can
// give 18.
const maxSortName = 100

// sortName folds case and diacritics, so that names sort the same in every
// database locale. Names that are equal up to maxSortName sort by ID.
func sortName(name string) string {
	folded := []rune(strings.ToLower(stripDiacritics(name)))
	return string(folded[:min(len(folded), maxSortName)])
}

// stripDiacritics removes accents and other marks: é becomes e.
func stripDiacritics(text string) string {
	strip := transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), norm.NFC)
	if bare, _, err := transform.String(strip, text); err == nil {
		return bare
	}
	return text
}
