package convert

import "slices"

const emptyValue = "it is empty: the default applies"

// others reports the keys of a map that a rule does not read.
func (c *conversion) others(n *node, why string, read ...string) {
	for _, child := range n.children {
		if !slices.Contains(read, child.key) && !child.hollow() {
			c.note(child, None, "", "%s", why)
		}
	}
}

// sweep reports each value that no rule has read, such as a map where a list was expected. An
// accessor of node counts as read only what it returns. noted says that there is a note about
// what the node is in.
func (c *conversion) sweep(n *node, noted bool) {
	noted = noted && n != c.root || c.noted[n]
	switch {
	case n.settled:
	case len(n.children) > 0:
		for _, child := range n.children {
			c.sweep(child, noted)
		}
	case n == c.root:
	case n.read:
		if !noted {
			c.note(n, Converted, "", "")
		}
	case n.isNull || n.isMap || n.isList:
		if !c.noted[n] {
			c.note(n, Converted, "", emptyValue)
		}
	case n.computed != "" && c.noted[n]:
	case n.computed != "":
		c.note(n, Unread, "", "it is computed (%s), which is not run: write the value itself; see docs/router.yaml", n.computed)
	default:
		c.note(n, Unread, "", "its value has a form that is not known here: see docs/router.yaml")
	}
}

// offValue is said about what is in a section that is not enabled.
const offValue = "it is in a section that is not enabled"

// A toggle says whether a section of a configuration is enabled.
type toggle struct {
	key string // below the section, or "" for the section itself
	off string // the value that disables it
	// absent says that the section is disabled without the key, too.
	absent bool
}

// disabled reports whether a section is not enabled.
func (c *conversion) disabled(n *node) bool {
	t, ok := c.source.switches[c.presents[n]]
	if ok && t.key == "" {
		return n.is(t.off)
	}
	if !ok || !n.isMap {
		return false
	}
	key := n.get(t.key)
	return key.is(t.off) || t.absent && (key == nil || key.isNull)
}

// ineffective reports whether a section is not enabled, also one whose keys are converted
// nevertheless, with the one that disables it.
func (c *conversion) ineffective(n *node, rules *trie) bool {
	return c.disabled(n) || rules != nil && rules.next["enabled"] != nil && n.get("enabled").is("false")
}

// idle is for a section that is not enabled: nothing in it has an effect. Keys that are not
// known are reported nevertheless: one may be a misspelt switch.
func (c *conversion) idle(n *node, rules *trie) {
	for _, child := range n.children {
		switch next, _ := rules.child(child.key); {
		case next == nil:
			c.note(child, Unknown, "", "%s", c.unknown(child.key, rules))
		case !next.known() && child.isMap:
			c.idle(child, next)
		default:
			c.note(child, Converted, "", "%s", offValue)
		}
	}
}
