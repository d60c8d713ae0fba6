package yamlfile

import (
	"regexp"
	"strings"
)

// advice says what to do about syntax errors, of which the parser's messages have these parts. The
// first one that fits counts.
var advice = []struct {
	part    *regexp.Regexp
	message string
}{
	{regexp.MustCompile(`mapping key "(.*)" already defined at \[(\d+:\d+)\]`), `the key "$1" is already at $2; put all that it has there`},
	{regexp.MustCompile(`end character of double-quoted text`), `a value that begins with " has no closing "; add it`},
	{regexp.MustCompile(`end character of single-quoted text`), `a value that begins with ' has no closing '; add it`},
	{regexp.MustCompile(`sequence end token '\]' not found`), `a list that begins with [ has no closing ]; add it`},
	{regexp.MustCompile(`could not find flow mapping end token '}'`), `a block that begins with { has no closing }; add it`},
	{regexp.MustCompile(`mapping value is not allowed in this context`), `there is a second key in a value; put it on a line of its own, indented like the keys beside it, or put a value with ": " into quotes`},
	{regexp.MustCompile(`value is not allowed in this context|non-map value is specified`), `this is no key with a value, or has another indentation than the keys beside it; write KEY: VALUE`},
	{regexp.MustCompile("'(.)' is a reserved character"), `a value that begins with $1 needs quotes`},
	{regexp.MustCompile(`undefined alias name`), `a value that begins with * needs quotes, such as "*"`},
	{regexp.MustCompile(`unexpected directive value`), `a value that begins with % needs quotes`},
	{regexp.MustCompile(`found unknown escape character '(.)'`), `\$1 is no escape of double quotes; write \\$1, or use single quotes`},
}

// advise returns the message for a syntax error, with what to do.
func advise(message string) string {
	for _, a := range advice {
		if match := a.part.FindStringSubmatchIndex(message); match != nil {
			return string(a.part.ExpandString(nil, a.message, message, match))
		}
	}
	return strings.TrimSpace(message)
}
