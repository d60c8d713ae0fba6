package convert

import (
	"regexp"
	"strings"
)

// minor marks what a rule cannot convert as something without which nothing is less protected.
func minor(r rule) rule {
	return custom(func(c *conversion, n *node, names []string) {
		before := len(c.notes)
		r.convert(c, n, names)
		for i := before; i < len(c.notes); i++ {
			c.notes[i].minor = true
		}
	}, r.note, r.to...)
}

// spare reports what has no equivalent, and without which nothing is less protected.
func (c *conversion) spare(n *node, format string, args ...any) {
	c.note(n, None, "", format, args...)
	c.notes[len(c.notes)-1].minor = true
}

// weaker is like [changed], for a difference that protects less.
func weaker(r rule, difference string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		before := len(c.notes)
		changed(r, difference).convert(c, n, names)
		for i := before; i < len(c.notes); i++ {
			c.notes[i].Protection = c.notes[i].Status == Changed
		}
	}, difference, r.to...)
}

// markProtection marks the notes about keys that are not converted and may have protected the
// graph.
func (c *conversion) markProtection() {
	for i := range c.notes {
		n := &c.notes[i]
		if n.Status == Converted || n.Status == Changed || n.minor {
			continue
		}
		// What a section that is not known is for is not known either.
		n.Protection = n.Protection || n.Status == Unknown && !strings.Contains(n.present, ".")
		for _, key := range c.source.protects {
			n.Protection = n.Protection || contains(key, n.present) || contains(n.present, key)
		}
	}
}

// harmless reports whether nothing is less protected without a key that is not known: it is empty,
// or has values for YAML aliases elsewhere, as its name says.
func (n *node) harmless() bool { return n.hollow() || strings.HasPrefix(n.key, "x-") }

var index = regexp.MustCompile(`\[\d+\]`)

// contains reports whether a key is another one, or above it. A * stands for any part.
func contains(above, key string) bool {
	parts, wanted := strings.Split(index.ReplaceAllString(key, ""), "."), strings.Split(index.ReplaceAllString(above, ""), ".")
	if len(wanted) > len(parts) {
		return false
	}
	for i, part := range wanted {
		if part != "*" && parts[i] != "*" && part != parts[i] {
			return false
		}
	}
	return true
}
