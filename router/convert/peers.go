package convert

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Likeness says what the unknown keys of a configuration of this router mean to another router.
type Likeness struct {
	// Name and Title are those of the router that knows most of the keys.
	Name, Title string
	// Known is the number of keys that it knows.
	Known int
	// Notes say, by key, what the key is called here, or why it has no equivalent.
	Notes map[string]string
}

// Compare finds the router that knows most of some keys that this router does not know. A key is
// a path, such as supergraph.listen. It is true if it may be a mistake in the name of a key of this
// router. The result is empty if no router knows any of the keys.
func Compare(unknown map[string]bool) Likeness {
	var best Likeness
	for _, s := range sources() {
		l := Likeness{Name: s.name, Title: s.title, Notes: map[string]string{}}
		root := newTrie(s.rules)
		for key, mistake := range unknown {
			if at := root.find(key, !mistake); at != nil {
				l.Known++
				if note := at.describe(s.title); note != "" {
					l.Notes[key] = note
				}
			}
		}
		if l.Known > best.Known {
			best = l
		}
	}
	return best
}

var position = regexp.MustCompile(`\[\d+\]`)

// find returns what is known of a key, or nil. Some rules convert a block as a whole: inside, it
// returns the block.
func (t *trie) find(path string, inside bool) *trie {
	here, named := t, false
	for part := range strings.SplitSeq(position.ReplaceAllString(path, ""), ".") {
		next, wild := here.child(part)
		if next == nil {
			next, wild = here.next[present(part)], false
		}
		if next == nil && inside && named && here.known() && len(here.rule.to) > 0 {
			return here
		}
		if next == nil {
			return nil
		}
		here, named = next, !wild
	}
	if !named { // any name would do
		return nil
	}
	return here
}

// maxNames bounds the keys that a note names.
const maxNames = 3

// describe says what a key and those below it are called here, or why they have no equivalent.
func (t *trie) describe(title string) string {
	var names []string
	t.names(&names)
	if len(names) == 0 {
		if notes := t.notes(); len(notes) > 0 {
			return fmt.Sprintf("it is a key of %s without an equivalent here: %s", title, strings.Join(notes, "; "))
		}
		return ""
	}
	slices.Sort(names)
	names = slices.Compact(names)
	more := ""
	if above := common(names); len(names) > maxNames && above != "" {
		return fmt.Sprintf("it is a key of %s; here it is called %s", title, strings.ReplaceAll(above, "*", "NAME"))
	}
	if len(names) > maxNames {
		names, more = names[:maxNames], " and others"
	}
	return fmt.Sprintf("it is a key of %s; here it is called %s%s", title, strings.ReplaceAll(strings.Join(names, ", "), "*", "NAME"), more)
}

// names appends the keys of this router for a key and those below it.
func (t *trie) names(to *[]string) {
	if t.known() {
		*to = append(*to, t.rule.to...)
	}
	for _, name := range slices.Sorted(maps.Keys(t.next)) {
		t.next[name].names(to)
	}
}

// notes returns what to do instead of a key and those below it.
func (t *trie) notes() (notes []string) {
	if t.known() && t.rule.note != "" {
		notes = append(notes, t.rule.note)
	}
	for _, name := range slices.Sorted(maps.Keys(t.next)) {
		for _, note := range t.next[name].notes() {
			if !slices.Contains(notes, note) && len(notes) < maxNames {
				notes = append(notes, note)
			}
		}
	}
	return notes
}

// common returns the section that has all of some keys, or "".
func common(keys []string) string {
	shared := strings.Split(keys[0], ".")
	for _, key := range keys {
		parts := strings.Split(key, ".")
		for i := range shared {
			if i == len(parts) || parts[i] != shared[i] {
				shared = shared[:i]
				break
			}
		}
	}
	return strings.Join(shared, ".")
}
