package subgraph

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/compose/internal/schema"
)

// describe sets a description. The parser counts the first line of a block string
// when it removes the common indentation, which the specification does not; this
// removes what is left of it.
func (b *builder) describe(n *schema.Node, description string, at *ast.Position) {
	n.Description, n.Described = description, description != ""
	first, rest, lines := strings.Cut(description, "\n")
	if lines && b.beginsOnFirstLine(at, len(description)+strings.Count(description, "\n")*maxIndent) {
		n.Description = first + "\n" + unindent(rest)
	}
}

// beginsOnFirstLine reports whether the text of the block string before a position
// begins on the line of its opening quotes. length is about that of the string.
func (b *builder) beginsOnFirstLine(at *ast.Position, length int) bool {
	if b.runes == nil {
		b.runes = []rune(at.Src.Input)
	}
	before := string(b.runes[max(0, at.Start-2*length-maxIndent):min(at.Start, len(b.runes))])
	end := strings.LastIndex(before, `"""`)
	for begin := end; begin > 0; {
		begin = strings.LastIndex(before[:begin], `"""`)
		if begin < 0 {
			return false
		}
		if begin > 0 && before[begin-1] == '\\' {
			continue
		}
		line, _, _ := strings.Cut(before[begin+3:end], "\n")
		return strings.TrimSpace(line) != ""
	}
	return false
}

// maxIndent bounds the indentation for which the beginning is found, in characters.
const maxIndent = 200

// unindent removes the common indentation of lines.
func unindent(text string) string {
	lines := strings.Split(text, "\n")
	common := -1
	for _, line := range lines {
		if indent := len(line) - len(strings.TrimLeft(line, " \t")); indent < len(line) && (common < 0 || indent < common) {
			common = indent
		}
	}
	for i, line := range lines {
		lines[i] = line[min(max(common, 0), len(line)):]
	}
	return strings.Join(lines, "\n")
}
