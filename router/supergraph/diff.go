package supergraph

import (
	"net/url"
	"slices"
	"strings"
)

// A Difference is an element that only one of two supergraphs has, or that differs between
// them.
type Difference struct {
	// Element is a coordinate such as Product.price, Product.price(currency:) or Color.RED,
	// followed by a directive, "description" or a subgraph if only that differs.
	Element string
	// Added and Removed are set if one supergraph lacks the element.
	Added, Removed bool
	// Old and New describe the element in each supergraph. They are equal if the difference
	// is in credentials or the query of a URL, which are not shown.
	Old, New string
}

// Diff returns the differences between the SDL of two supergraphs, sorted by element. White
// space, comments, the order of definitions and the definitions of the linked specifications
// do not count. What belongs to an element that was added or removed is not listed, except the
// fields and values of a type. The errors are those of Parse.
func Diff(old, next string) ([]Difference, error) {
	was, err := elementsOf(old)
	if err != nil {
		return nil, err
	}
	is, err := elementsOf(next)
	if err != nil {
		return nil, err
	}
	var out []Difference
	for name, a := range was {
		b, has := is[name]
		switch {
		case !has && a.belongs(is):
			out = append(out, Difference{Element: name, Removed: true, Old: a.described()})
		case has && (a.value() != b.value() || a.secret != b.secret):
			out = append(out, Difference{Element: name, Old: a.value(), New: b.value()})
		}
	}
	for name, b := range is {
		if _, had := was[name]; !had && b.belongs(was) {
			out = append(out, Difference{Element: name, Added: true, New: b.described()})
		}
	}
	slices.SortFunc(out, func(a, b Difference) int { return strings.Compare(a.Element, b.Element) })
	return out, nil
}

// An element is a part of a supergraph that can be compared.
type element struct {
	parts  []string // what is compared and shown
	whole  string   // what is shown instead of an element that was added or removed; may be empty
	secret string   // what is compared, but not shown
	owner  string   // the element that it belongs to, or empty
}

// value returns the parts in a fixed order: that of repeated directives has no meaning.
func (e *element) value() string {
	slices.Sort(e.parts)
	return strings.Join(e.parts, ", ")
}

func (e *element) described() string {
	if e.whole != "" {
		return e.whole
	}
	return e.value()
}

// belongs reports whether the owner of an element is among others, or it has none.
func (e *element) belongs(others map[string]*element) bool {
	return e.owner == "" || others[e.owner] != nil
}

// shown returns a URL without credentials and query.
func shown(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
