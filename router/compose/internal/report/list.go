package report

import (
	"fmt"
	"strings"
)

// maxList is the length from which a list of names in a message is cut.
const maxList = 100

// List returns names as `noun "a"` or `nouns "a", "b" and "c"`.
func List(noun string, names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%s %q", noun, names[0])
	}
	var b strings.Builder
	b.WriteString(noun + "s ")
	length := 0
	for i, name := range names {
		switch length += len(name) + 2; {
		case i > 0 && length > maxList:
			b.WriteString(", ...")
			return b.String()
		case i == 0:
		case i == len(names)-1:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", name)
	}
	return b.String()
}

// Subgraphs lists subgraphs.
func Subgraphs(names []string) string { return List("subgraph", names) }
