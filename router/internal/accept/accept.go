// Package accept parses headers with which clients state preferences: Accept,
// Accept-Encoding and others of the same form (RFC 9110, section 12.4).
//
// The gateway uses it to negotiate the media type and the coding of a response.
package accept

import "strings"

// MaxWeight is the weight of an element without a q parameter.
const MaxWeight = 1000

// Each visits the elements of a header, given as its lines, in order. The name is in
// lower case without surrounding white space. The parameters are the text after the
// first semicolon, to be passed to [Parameter]. The weight is in thousandths; it is 0
// if it is malformed.
func Each(lines []string, visit func(name, parameters string, weight int)) {
	for _, line := range lines {
		for line != "" {
			var member string
			member, line = cut(line, ',')
			name, parameters := cut(member, ';')
			if name = strings.ToLower(strings.TrimSpace(name)); name == "" {
				continue
			}
			weight := MaxWeight
			if q, ok := Parameter(parameters, "q"); ok {
				weight = parseWeight(q)
			}
			visit(name, parameters, weight)
		}
	}
}

// Parameter returns the value of a parameter without quotes. The name must be in
// lower case.
func Parameter(parameters, name string) (value string, ok bool) {
	for parameters != "" {
		var p string
		p, parameters = cut(parameters, ';')
		key, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return unquote(strings.TrimSpace(value)), true
		}
	}
	return "", false
}

// cut splits a string at the first separator outside quoted strings (RFC 9110, section
// 5.6.4).
func cut(s string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == separator && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}

// parseWeight parses a qvalue (RFC 9110, section 12.4.2). It also accepts two
// malformed variants that clients are known to send: no digit before the point, as in
// older Java versions, and more than three digits after it, of which the rest is
// ignored.
func parseWeight(s string) int {
	whole, fraction, _ := strings.Cut(s, ".")
	weight := 0
	switch {
	case whole == "1":
		weight = MaxWeight
	case whole != "0" && (whole != "" || fraction == ""):
		return 0
	}
	for i, unit := 0, MaxWeight/10; i < len(fraction); i, unit = i+1, unit/10 {
		if fraction[i] < '0' || fraction[i] > '9' {
			return 0
		}
		weight += int(fraction[i]-'0') * unit
	}
	return min(weight, MaxWeight)
}
