package execute

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// parseCacheControl reads an answer's Cache-Control (RFC 9111, section 5.2.2)
// and Age. What is not valid never makes an answer live longer or reach more
// callers: public with an argument is no public, and of several ages the least
// counts.
func parseCacheControl(h http.Header) CacheControl {
	var c CacheControl
	age, shared := -1, -1
	stop := false
	for _, line := range h["Cache-Control"] {
		for line != "" {
			var d directive
			d, line = nextDirective(line)
			c.Set = c.Set || d.name != ""
			switch strings.ToLower(d.name) {
			case "private": // its list of fields, if any, is taken for all
				c.Private = true
			case "public":
				c.Public = c.Public || !d.hasArgument
			case "no-store", "no-cache":
				stop = true
			case "must-revalidate", "proxy-revalidate":
				c.Revalidate = true
			case "max-age":
				age = least(age, d.argument)
			case "s-maxage":
				shared = least(shared, d.argument)
			}
		}
	}
	if shared >= 0 {
		age, c.Public, c.Revalidate = shared, true, true
	}
	c.Public = c.Public && !c.Private
	if stop || age < 0 {
		return c
	}
	c.MaxAge = time.Duration(max(0, age-max(0, seconds(h.Get("Age"))))) * time.Second
	return c
}

// least is the lesser of an age in seconds, -1 for none, and another one. One
// that cannot be read means that the answer is stale (RFC 9111, section 4.2.1).
func least(age int, argument string) int {
	other := max(0, seconds(argument))
	if age < 0 {
		return other
	}
	return min(age, other)
}

// A directive is one of a header such as Cache-Control.
type directive struct {
	name, argument string
	hasArgument    bool
}

// nextDirective takes the first of the directives of a line. An argument may be
// a quoted string with commas in it.
func nextDirective(line string) (d directive, rest string) {
	end, quoted := 0, false
	for ; end < len(line) && (quoted || line[end] != ','); end++ {
		switch {
		case line[end] == '"':
			quoted = !quoted
		case quoted && line[end] == '\\':
			end++
		}
	}
	end = min(end, len(line))
	d.name, d.argument, d.hasArgument = strings.Cut(strings.TrimSpace(line[:end]), "=")
	return d, strings.TrimPrefix(line[end:], ",")
}

// seconds reads a delta-seconds (RFC 9111, section 1.2.2), -1 if it is none.
func seconds(s string) int {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return -1
	}
	return int(n)
}
