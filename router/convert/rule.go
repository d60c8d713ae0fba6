package convert

import (
	"strings"
)

// A rule says what becomes of a key.
type rule struct {
	// convert converts the value of the key, with all below it. names are the parts of the path
	// for which the pattern has *.
	convert conversionFunc
	// to has the keys of the result. A * stands for a name.
	to []string
	// note says what differs, or what to do instead of a key without an equivalent.
	note string
}

type conversionFunc func(c *conversion, n *node, names []string)

// custom is a rule with a function of its own, and the keys that this sets.
func custom(convert conversionFunc, note string, to ...string) rule { return rule{convert, to, note} }

// A table maps patterns of paths to rules. A * stands for any key, such as the name of a
// subgraph.
type table map[string]rule

// to copies a value to a key, or a list of scalars.
func to(key string) rule { return via(key, plain) }

// via converts a value by a transform and copies it to a key.
func via(key string, change transform) rule {
	return custom(func(c *conversion, n *node, names []string) { c.copy(n, change, fill(key, names)...) }, "", key)
}

// copy copies a value, or a list of values, by a transform to a key.
func (c *conversion) copy(n *node, change transform, path ...string) {
	switch {
	case n == nil:
	case n.isNull:
		c.note(n, Converted, "", emptyValue)
	case n.isList:
		c.copyList(n, path, change)
	default:
		text, err := change(c, n)
		if err != nil {
			c.note(n, None, "", "%v. See %s", err, strings.Join(path, "."))
			return
		}
		c.set(n, text, path...)
	}
}

// fill replaces each * of a key by a name, and splits the key into its parts.
func fill(key string, names []string) []string {
	path := strings.Split(key, ".")
	for i, part := range path {
		if part == "*" {
			path[i], names = names[0], names[1:]
		}
	}
	return path
}

// changed copies a value by another rule, and says what differs.
func changed(r rule, difference string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		before := len(c.notes)
		r.convert(c, n, names)
		for i := before; i < len(c.notes); i++ {
			if c.notes[i].Status == Converted {
				c.notes[i].Status, c.notes[i].Note = Changed, difference
			}
		}
	}, difference, r.to...)
}

// none is a key without an equivalent: it says why, and what to use. What is not enabled, or has
// no value in it, needs none.
func none(why string) rule { return noneUnless(why, (*node).hollow) }

// noneNamed is like none for a map of names, such as those of plugins: a name without settings has an
// effect, too.
func noneNamed(why string) rule {
	return noneUnless(why, func(n *node) bool { return !n.isScalar() && len(n.children) == 0 })
}

// nonePresent is like none for a section whose defaults have an effect.
func nonePresent(why string) rule { return noneUnless(why, func(n *node) bool { return n.isNull }) }

// noneUnless is a key without an equivalent unless it has no effect.
func noneUnless(why string, without func(*node) bool) rule {
	return custom(func(c *conversion, n *node, _ []string) {
		switch {
		case n.get("enabled").is("false"):
			c.note(n, Converted, "", "it is not enabled")
		case without(n):
			c.note(n, Converted, "", emptyValue)
		default:
			c.note(n, None, "", "%s", why)
		}
	}, why)
}

// same is a key whose meaning needs no configuration here.
func same(why string) rule {
	return custom(func(c *conversion, n *node, _ []string) { c.note(n, Converted, "", "%s", why) }, why)
}

// unless is a key that only has no equivalent if it does not have a value.
func unless(value, why string) rule {
	return custom(func(c *conversion, n *node, _ []string) {
		if n.is(value) || n.isNull {
			c.note(n, Converted, "", "%s is how this router works", value)
			return
		}
		c.note(n, None, "", "%s", why)
	}, "nothing to do if it is `"+value+"`; otherwise: "+why)
}

// with adds the rules of another table below a prefix.
func (t table) with(prefix string, more table) table {
	for pattern, r := range more {
		t[strings.TrimSuffix(prefix+"."+pattern, ".")] = r
	}
	return t
}

// A trie finds the rule of a path.
type trie struct {
	rule rule
	next map[string]*trie
}

// known reports whether there is a rule.
func (t *trie) known() bool { return t.rule.convert != nil }

func newTrie(t table) *trie {
	root := &trie{next: map[string]*trie{}}
	for pattern, r := range t {
		here := root
		for part := range strings.SplitSeq(pattern, ".") {
			if here.next[part] == nil {
				here.next[part] = &trie{next: map[string]*trie{}}
			}
			here = here.next[part]
		}
		here.rule = r
	}
	return root
}

// child returns what is known of a key, and whether it is any key.
func (t *trie) child(key string) (next *trie, any bool) {
	if next = t.next[key]; next != nil {
		return next, false
	}
	return t.next["*"], true
}
