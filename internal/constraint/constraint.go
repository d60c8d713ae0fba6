// Package constraint reads the directive @constraint, which states the values
// that an argument or an input field accepts. The schema is the only place that
// has these limits: the services check input against them
// (souk/subgraphs/internal/graphql), and the REST API documents them
// (souk/router/rest).
package constraint

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
)

// Name is the name of the directive.
const Name = "constraint"

// Limits are the limits of a value, or of each item of a list. Nil and the zero
// value mean no limit.
type Limits struct {
	Minimum, Maximum     *int64 // of a number
	MinLength, MaxLength *int   // of text, in characters
	MinItems, MaxItems   *int   // of a list
	// Pattern is the regular expression that all of a text matches, in the
	// syntax that RE2 and ECMA-262 share.
	Pattern string
	// Hint describes the pattern in errors; empty for the pattern itself.
	Hint string
	// NotNull says that the value may be left out, but not be null.
	NotNull bool

	expression *regexp.Regexp
}

// The patterns of the forms of text, which the values of the enum
// ConstraintText name. None allows U+FFFD, which stands for what is not text.
var forms = map[string]string{
	"LINE":  "^[^\\x00-\\x1f\\x7f-\\x9f\ufffd]*$",
	"WORDS": "^[^\\x00-\\x1f\\x7f-\\x9f\ufffd]*[^\\x00-\\x20\\x7f-\\xa0" + spaces + "\ufffd][^\\x00-\\x1f\\x7f-\\x9f\ufffd]*$",
	"LINES": "^[^\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\ufffd]*$",
}

// spaces are the characters above U+00A0 that are white space in Unicode.
const spaces = "\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

// Of returns the limits of the directive in a list, or nil without one.
func Of(list ast.DirectiveList) (*Limits, error) {
	d := list.ForName(Name)
	if d == nil {
		return nil, nil
	}
	l := &Limits{}
	for _, a := range d.Arguments {
		if err := l.set(a.Name, a.Value); err != nil {
			return nil, fmt.Errorf("@constraint(%s: %s): %w", a.Name, a.Value, err)
		}
	}
	if l.Pattern != "" {
		var err error
		if l.expression, err = regexp.Compile(l.Pattern); err != nil {
			return nil, fmt.Errorf("@constraint(pattern:): %w", err)
		}
	}
	return l, nil
}

func (l *Limits) set(name string, v *ast.Value) error {
	number := func(to **int) error {
		n, err := strconv.Atoi(v.Raw)
		*to = &n
		return err
	}
	long := func(to **int64) error {
		n, err := strconv.ParseInt(v.Raw, 10, 64)
		*to = &n
		return err
	}
	switch name {
	case "minimum":
		return long(&l.Minimum)
	case "maximum":
		return long(&l.Maximum)
	case "minLength":
		return number(&l.MinLength)
	case "maxLength":
		return number(&l.MaxLength)
	case "minItems":
		return number(&l.MinItems)
	case "maxItems":
		return number(&l.MaxItems)
	case "pattern":
		l.Pattern = v.Raw
	case "text":
		form, known := forms[v.Raw]
		if !known {
			return fmt.Errorf("the form of text is unknown")
		}
		l.Pattern = form
	case "hint":
		l.Hint = v.Raw
	case "nullable":
		l.NotNull = v.Raw == "false"
	default:
		return fmt.Errorf("the argument is unknown")
	}
	return nil
}

// Text returns what is wrong with a text and what would be valid; problem is
// empty for a valid one.
func (l *Limits) Text(text string) (problem, hint string) {
	if l == nil {
		return "", ""
	}
	n := utf8.RuneCountInString(text)
	switch {
	case l.MinLength != nil && n < *l.MinLength, l.MaxLength != nil && n > *l.MaxLength:
		if n == 0 {
			return "is empty", between(l.MinLength, l.MaxLength, "characters")
		}
		return fmt.Sprintf("has %d characters", n), between(l.MinLength, l.MaxLength, "characters")
	case l.expression != nil && !l.expression.MatchString(text):
		return l.mismatch(text)
	}
	return "", ""
}

func (l *Limits) mismatch(text string) (problem, hint string) {
	if strings.ContainsRune(text, utf8.RuneError) {
		return "contains text that is not UTF-8, or the character U+FFFD", "text in UTF-8"
	}
	switch l.Pattern {
	case forms["LINE"], forms["LINES"]:
		return "contains control characters", "text without them"
	case forms["WORDS"]:
		if regexp.MustCompile(forms["LINE"]).MatchString(text) {
			return "is empty", "text that is not only spaces"
		}
		return "contains control characters", "text without them"
	default:
		return "has an invalid form", cmp.Or(l.Hint, "text that matches "+l.Pattern)
	}
}

// Items returns what is wrong with a list of n items.
func (l *Limits) Items(n int) (problem, hint string) {
	if l == nil || (l.MinItems == nil || n >= *l.MinItems) && (l.MaxItems == nil || n <= *l.MaxItems) {
		return "", ""
	}
	return fmt.Sprintf("has %d entries", n), between(l.MinItems, l.MaxItems, "")
}

// Number returns what is wrong with a number.
func (l *Limits) Number(number json.Number) (problem, hint string) {
	if l == nil || l.Minimum == nil && l.Maximum == nil {
		return "", ""
	}
	n, err := strconv.ParseFloat(number.String(), 64)
	if err == nil && (l.Minimum == nil || n >= float64(*l.Minimum)) && (l.Maximum == nil || n <= float64(*l.Maximum)) {
		return "", ""
	}
	return "is " + number.String(), between(l.Minimum, l.Maximum, "")
}

// between describes a range; nil is an open end.
func between[N int | int64](least, most *N, unit string) string {
	if unit != "" {
		unit = " " + unit
	}
	switch {
	case least == nil:
		return fmt.Sprintf("at most %d%s", *most, unit)
	case most == nil:
		return fmt.Sprintf("at least %d%s", *least, unit)
	default:
		return fmt.Sprintf("from %d to %d%s", *least, *most, unit)
	}
}

// OfItems returns the limits of the items of a list.
func (l *Limits) OfItems() *Limits {
	if l == nil {
		return nil
	}
	items := *l
	items.MinItems, items.MaxItems, items.NotNull = nil, nil, false
	return &items
}

// Within returns the limits of a value that stands for an object with limits l:
// its own, and whether it may be null.
func (l *Limits) Within(own *Limits) *Limits {
	if own == nil || l == nil {
		return cmp.Or(own, l)
	}
	both := *own
	both.NotNull = l.NotNull
	return &both
}
