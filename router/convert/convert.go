package convert

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"souk/router/gateway/config"
)

// A Status says what became of a key of the input.
type Status string

// The statuses.
const (
	Converted Status = "converted"
	Changed   Status = "changed" // converted, with a difference
	None      Status = "none"    // there is no equivalent
	Unknown   Status = "unknown" // the key is not known
	Unread    Status = "unread"  // the value has a form that is not known
)

// A Note says what became of a key of the input.
type Note struct {
	Key    string `json:"key"`
	Line   int    `json:"line"`
	Status Status `json:"status"`
	To     string `json:"to,omitempty"`   // the key of the result
	Note   string `json:"note,omitempty"` // why, or what to use

	// Protection is set if what is not converted may have protected the graph.
	Protection bool   `json:"protection,omitempty"`
	present    string // the key with present names
	minor      bool   // nothing is less protected without it
}

// A Result is a converted configuration.
type Result struct {
	From   string `json:"from"`   // such as apollo
	Config string `json:"config"` // YAML
	Notes  []Note `json:"keys"`
	// Variables are those that the configuration refers to without a default. Without them it is not
	// valid.
	Variables []string `json:"variables"`
}

// Lost returns the notes about keys that are not converted as they are, with those that may
// have protected the graph first.
func (r *Result) Lost() []Note {
	lost := slices.DeleteFunc(slices.Clone(r.Notes), func(n Note) bool { return n.Status == Converted })
	slices.SortStableFunc(lost, func(a, b Note) int {
		switch {
		case a.Protection == b.Protection:
			return 0
		case a.Protection:
			return -1
		}
		return 1
	})
	return lost
}

// A source is a router whose configuration can be converted.
type source struct {
	name, title string
	rules       table
	expand      func(string) string // references to the environment
	known       []string            // keys that only this router has
	protects    []string            // keys that protect the graph, with those below
	switches    map[string]toggle   // of sections that may be disabled
	// finish sets defaults that differ from those of this router.
	finish func(*conversion)
}

var sources = sync.OnceValue(func() []*source { return []*source{apollo(), cosmo(), hive(), hiveGateway()} })

// Sources returns the names of the routers whose configuration can be converted.
func Sources() []string {
	var names []string
	for _, s := range sources() {
		names = append(names, s.name)
	}
	return names
}

// Convert converts a configuration. from is one of [Sources], or empty to find out.
func Convert(data []byte, from string) (*Result, error) {
	root, err := read(data)
	if err != nil {
		return nil, err
	}
	s, err := choose(root, from)
	if err != nil {
		if _, ours := config.Parse(data, os.LookupEnv); from == "" && ours == nil && len(root.children) > 0 {
			return nil, errors.New("it is a configuration of this router already")
		}
		return nil, err
	}
	c := &conversion{source: s, out: newBranch(), root: root, paths: map[*node]string{}, presents: map[*node]string{}, noted: map[*node]bool{}}
	c.out.at("version").text = `"1"`
	rules := newTrie(s.rules)
	root.rename(rules)
	c.walk(root, rules, nil, nil)
	c.sweep(root, true)
	s.finish(c)
	text, err := c.validated()
	if err != nil {
		return nil, err
	}
	c.markProtection()
	slices.SortStableFunc(c.notes, func(a, b Note) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key)) })
	r := &Result{From: s.name, Notes: c.notes, Variables: variables(text)}
	r.Config = header(s, r) + text
	return r, nil
}

var wanted = regexp.MustCompile(`\$\{env\.([A-Za-z_][A-Za-z0-9_]*)\}`)

// variables returns the variables that a result refers to without a default.
func variables(text string) []string {
	names := []string{}
	for _, match := range wanted.FindAllStringSubmatch(text, -1) {
		names = append(names, match[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// choose returns the router that a configuration is of: the one with the most keys that no
// other router has.
func choose(root *node, from string) (*source, error) {
	if gateway := hiveGateway().name; root.program && (from == "" || from == "hive") {
		from = gateway
	} else if root.program && from != gateway {
		return nil, fmt.Errorf("it is a TypeScript configuration of Hive Gateway; use --from %s", gateway)
	}
	if from == "hive" && hiveGateway().knows(root) > hive().knows(root) {
		return hiveGateway(), nil // the products of Hive are easily confused
	}
	most, best := 0, (*source)(nil)
	for _, s := range sources() {
		if from == s.name {
			return s, nil
		}
		if count := s.knows(root); count > most {
			most, best = count, s
		}
	}
	if from != "" {
		return nil, fmt.Errorf("%q is not a router whose configuration can be converted; use %s", from, strings.Join(Sources(), ", "))
	}
	if best == nil && len(root.children) == 0 {
		return nil, errors.New("it is empty")
	}
	if best == nil {
		return nil, fmt.Errorf("it does not show which router it is for; say so with --from %s", strings.Join(Sources(), "|"))
	}
	return best, nil
}

// knows returns how many keys a configuration has that only this router has.
func (s *source) knows(root *node) int {
	count := 0
	for _, key := range s.known {
		here := root
		for part := range strings.SplitSeq(key, ".") {
			here = here.getAny(part)
		}
		if here != nil {
			count++
		}
	}
	return count
}

// A conversion is a conversion in progress.
type conversion struct {
	source *source
	root   *node
	out    *branch
	paths  map[*node]string // of nodes that were visited, as in the input
	// presents are the paths with present names.
	presents map[*node]string
	notes    []Note
	noted    map[*node]bool // nodes that have notes
}

// walk applies the rules to a map.
func (c *conversion) walk(n *node, rules *trie, path, names []string) {
	for _, child := range n.children {
		here := append(slices.Clone(path), child.key)
		c.name(child, strings.Join(here, "."), c.input(n, child))
		next, any := rules.child(child.key)
		found := names
		if any {
			found = append(slices.Clone(names), child.key)
		}
		if c.ineffective(child, next) {
			child.switchOff()
		}
		switch {
		case next == nil && child.computed != "":
			c.note(child, Unread, "", "it is computed (%s), which is not run: see docs/router.yaml for what it sets", child.computed)
			c.notes[len(c.notes)-1].Protection = true // what it sets is not known
		case next == nil:
			c.note(child, Unknown, "", "%s", c.unknown(child.key, rules))
		case child.computed != "":
			c.notComputed(child, next)
		case c.disabled(child) && (next.known() || child.isScalar()):
			c.note(child, Converted, "", "it is not enabled")
		case c.disabled(child):
			c.idle(child, next)
		case next.known():
			next.rule.convert(c, child, found)
		case child.isMap:
			c.walk(child, next, here, found)
		case child.isNull || child.isList && len(child.children) == 0:
			c.note(child, Converted, "", emptyValue)
		default:
			c.note(child, None, "", "it must be a map of keys")
		}
	}
}

// notComputed reports a value that the program in the input computes.
func (c *conversion) notComputed(n *node, rules *trie) {
	var keys []string
	rules.names(&keys)
	what := strings.Join(rules.notes(), "; ")
	if len(keys) == 0 {
		c.note(n, None, "", "%s", what)
		return
	}
	if what != "" {
		what = " (" + what + ")"
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	c.note(n, Unread, "", "it is computed (%s), which is not run: write the value itself into %s%s", n.computed, strings.ReplaceAll(strings.Join(keys[:min(len(keys), maxNames)], ", "), "*", "NAME"), what)
}

// name keeps the paths of a node and of those below it: with present names, and as in the input.
func (c *conversion) name(n *node, path, input string) {
	c.presents[n], c.paths[n] = path, input
	for _, child := range n.children {
		if n.isList {
			c.name(child, path+"["+child.key+"]", input+"["+child.key+"]")
		} else {
			c.name(child, path+"."+child.key, input+"."+cmp.Or(child.former, child.key))
		}
	}
}

// input returns the path of a child as it is in the input.
func (c *conversion) input(n, child *node) string {
	return strings.TrimPrefix(c.paths[n]+"."+cmp.Or(child.former, child.key), ".")
}

func (c *conversion) unknown(key string, rules *trie) string {
	for known := range rules.next {
		if known != "*" && strings.EqualFold(strings.ReplaceAll(known, "_", ""), strings.ReplaceAll(key, "_", "")) {
			return fmt.Sprintf("%s does not have this key; it has %s", c.source.title, known)
		}
	}
	return "the key is not known; `souk config explain KEY` and docs/router.yaml describe the keys of this router"
}

// note says what became of a node. A note without a key of the result is about all that is in
// the node, too.
func (c *conversion) note(n *node, status Status, key, format string, args ...any) {
	if n.off && status == None {
		status, format, args = Converted, "%s", []any{offValue}
	}
	c.noted[n] = true
	n.settled = n.settled || status == None || status == Unknown || status == Converted && key == ""
	c.notes = append(c.notes, Note{Key: c.paths[n], Line: n.line, Status: status, To: key, Note: fmt.Sprintf(format, args...), present: c.presents[n], minor: n.off || status == Unknown && n.harmless()})
}

var anyReference = regexp.MustCompile(`\$\{([^}]*)\}`)

// expandable reports whether this router expands the references in a value: it has only those
// to the environment.
func (c *conversion) expandable(n *node, values ...string) bool {
	var others []string
	for _, v := range values {
		for _, match := range anyReference.FindAllStringSubmatch(v, -1) {
			if !strings.HasPrefix(match[1], "env.") && !strings.HasPrefix(match[1], "file.") && !slices.Contains(others, match[0]) {
				others = append(others, match[0])
			}
		}
	}
	if len(others) == 1 {
		c.note(n, None, "", "%s is not expanded: put the value into a variable or a file, and write ${env.NAME} or ${file.PATH}", others[0])
	}
	if len(others) > 1 {
		c.note(n, None, "", "%s are not expanded: put the values into variables or files, and write ${env.NAME} or ${file.PATH}", strings.Join(others, " and "))
	}
	return len(others) == 0
}

// set sets a key of the result, unless another key of the input has set it.
func (c *conversion) set(n *node, text string, path ...string) {
	if !c.expandable(n, text) {
		return
	}
	at, key := c.out.at(path...), strings.Join(path, ".")
	if at.fixed != "" {
		c.note(n, Converted, key, "%s goes before it", at.fixed)
		return
	}
	if !at.empty() && at.text != text {
		c.note(n, None, "", "%s is already set from %s", key, strings.Join(at.from, " and "))
		return
	}
	at.text, at.from = text, append(at.from, c.paths[n])
	c.note(n, Converted, key, "")
}

// add adds values to a list of the result.
func (c *conversion) add(n *node, values []string, path ...string) {
	if !c.expandable(n, values...) {
		return
	}
	if n.isMap && len(n.children) > 0 && len(values) == 0 {
		c.note(n, None, "", "it is not a list of values: list them in %s", strings.Join(path, "."))
		return
	}
	at := c.out.at(path...)
	at.isList = true
	for _, v := range values {
		if !slices.Contains(at.list, v) {
			at.list = append(at.list, v)
		}
	}
	at.from = append(at.from, c.paths[n])
	c.note(n, Converted, strings.Join(path, "."), "")
}

func (c *conversion) copyList(n *node, path []string, change transform) {
	var values []string
	for _, item := range n.children {
		text, err := change(c, item)
		if err != nil || item.isMap || item.isList {
			c.note(item, None, "", "it cannot be an item of %s", strings.Join(path, "."))
			continue
		}
		values = append(values, text)
	}
	c.add(n, values, path...)
}

// fallback sets a key that the input does not set.
func (c *conversion) fallback(text string, path ...string) {
	if !c.out.has(path...) || c.out.at(path...).empty() {
		c.out.at(path...).text = text
	}
}

// fallbackList sets a list that the input does not set.
func (c *conversion) fallbackList(list []string, path ...string) {
	if !c.out.has(path...) {
		at := c.out.at(path...)
		at.isList, at.list = true, list
	}
}

// header returns the comments above a result.
func header(s *source, r *Result) string {
	lost := r.Lost()
	var text strings.Builder
	fmt.Fprintf(&text, "# Converted from the configuration of %s by `souk config convert`.\n", s.title)
	fmt.Fprintf(&text, "# Defaults of %s that differ are written out.\n", s.title)
	if len(r.Variables) > 0 {
		fmt.Fprintf(&text, "#\n# Set these variables where the router runs, and for `souk config validate`: %s\n", strings.Join(r.Variables, ", "))
	}
	for i, n := range lost {
		switch {
		case i == 0 && n.Protection:
			text.WriteString("#\n# What may have protected the graph, and is lost:\n")
		case i == 0 || lost[i-1].Protection && !n.Protection:
			text.WriteString("#\n# Not the same as before:\n")
		}
		fmt.Fprintf(&text, "# - %s\n", strings.ReplaceAll(n.String(), "\n", " "))
	}
	return text.String() + "\n"
}

// String returns the note in a line.
func (n Note) String() string {
	text := fmt.Sprintf("%s (line %d)", n.Key, n.Line)
	if n.Protection {
		text = "protection lost: " + text
	}
	switch n.Status {
	case Changed:
		text += " is " + cmp.Or(n.To, "changed")
	case None:
		text += " has no equivalent"
	case Unknown:
		text += " is unknown"
	case Unread:
		text += " is not translated"
	case Converted:
		if n.To != "" {
			text += " is " + n.To
		}
	}
	if n.Note != "" {
		text += ": " + n.Note
	}
	return text
}
