package convert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A branch is a part of the result: a map, a list of maps or scalars, or a scalar.
type branch struct {
	keys   []string
	below  map[string]*branch
	items  []*branch // of a list of maps
	isList bool
	text   string   // of a scalar, as YAML
	list   []string // of a list of scalars, as YAML
	from   []string // the keys of the input
	fixed  string   // the key of the input that goes before others
	line   int      // in the result; set when it is written
}

func newBranch() *branch { return &branch{below: map[string]*branch{}} }

// at returns the branch at a path, which it makes if need be.
func (b *branch) at(path ...string) *branch {
	for _, key := range path {
		next := b.below[key]
		if next == nil {
			next = newBranch()
			b.below[key], b.keys = next, append(b.keys, key)
		}
		b = next
	}
	return b
}

// has reports whether there is a value at a path.
func (b *branch) has(path ...string) bool {
	for _, key := range path {
		if b = b.below[key]; b == nil {
			return false
		}
	}
	return true
}

func (b *branch) empty() bool {
	return b.text == "" && !b.isList && len(b.keys) == 0
}

// prune removes maps without values.
func (b *branch) prune() {
	for _, key := range slices.Clone(b.keys) {
		child := b.below[key]
		child.prune()
		if child.empty() {
			b.remove(key)
		}
	}
}

func (b *branch) remove(key string) {
	delete(b.below, key)
	b.keys = slices.DeleteFunc(b.keys, func(k string) bool { return k == key })
}

// write writes a map. It keeps the line of each branch.
func (b *branch) write(out *writer, indent string) {
	for _, key := range b.keys {
		child := b.below[key]
		child.line = out.line
		name := yamlKey(key)
		switch {
		case child.text != "":
			out.print("%s%s: %s\n", indent, name, child.text)
		case child.isList && len(child.items) == 0:
			out.print("%s%s: [%s]\n", indent, name, strings.Join(child.list, ", "))
		case child.isList:
			out.print("%s%s:\n", indent, name)
			for _, item := range child.items {
				out.print("%s  -\n", indent)
				item.write(out, indent+"    ")
			}
		default:
			out.print("%s%s:\n", indent, name)
			child.write(out, indent+"  ")
		}
	}
}

// A writer counts lines.
type writer struct {
	strings.Builder
	line int
}

func (w *writer) print(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.line += strings.Count(text, "\n")
	w.WriteString(text)
}

// yamlKey quotes a key if need be.
func yamlKey(key string) string {
	for _, r := range key {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' && r != '-' && (r < '0' || r > '9') {
			return strconv.Quote(key)
		}
	}
	if key == "" || key[0] == '-' || key[0] >= '0' && key[0] <= '9' || slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(key)) {
		return strconv.Quote(key)
	}
	return key
}
