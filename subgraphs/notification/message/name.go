package message

import (
	"regexp"
	"strings"
	"unicode"
)

// domain matches what programs for e-mail show as a link although it has no
// scheme, such as shop.example.
var domain = regexp.MustCompile(`[\pL\pN]\.\pL{2,}`)

// addressee returns a display name as the start of an e-mail has it. A name is
// free text of the account's owner, who may not be the one who reads the e-mail:
// it is left out if it contains a link, an address or invisible characters.
func addressee(name string) string {
	suspicious := strings.ContainsFunc(name, func(r rune) bool {
		return strings.ContainsRune("/\\:@<>", r) || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
	})
	if suspicious || domain.MatchString(name) {
		return ""
	}
	return name
}
