package convert

import "strings"

// formerPrefixes begin the names of keys that are not final yet.
var formerPrefixes = []string{"preview_", "experimental_"}

// renamed are former names of keys that differ in more than a prefix.
var renamed = map[string]string{"preview_operation_limits": "limits", "experimental_operation_limits": "limits"}

// present returns the name that a key has now: that without preview_ or experimental_.
func present(key string) string {
	if now, ok := renamed[key]; ok {
		return now
	}
	for _, prefix := range formerPrefixes {
		if now, ok := strings.CutPrefix(key, prefix); ok {
			return now
		}
	}
	return key
}

// getAny returns the child with a key or with a former name of it, or nil.
func (n *node) getAny(key string) *node {
	if child := n.get(key); child != nil || n == nil {
		return child
	}
	for _, child := range n.children {
		if present(child.key) == key {
			return child
		}
	}
	return nil
}

// rename gives the keys with former names their present ones, if there is a rule for these alone and
// the input does not have both. Notes keep the names of the input.
func (n *node) rename(rules *trie) {
	for _, child := range n.children {
		next, any := rules.child(child.key)
		if now := present(child.key); (next == nil || any) && now != child.key && rules.next[now] != nil && n.get(now) == nil {
			child.former, child.key, next = child.key, now, rules.next[now]
		}
		if next != nil && child.isMap {
			child.rename(next)
		}
	}
}
