package syntax

import (
	"strings"
	"unicode/utf8"
)

// A block is a block string whose value the parser library gets wrong.
type block struct {
	// start is the position of the opening quotes, and next that of the next string: both are
	// counted in characters, as in [ast.Position].
	start, next int
	value       string
}

// wrongBlocks returns the block strings in a text whose values may be wrong, in order. The library
// takes the first line for one that has the common indentation, which makes a difference if the
// text of the string begins there, and has other lines. The text must be valid.
func wrongBlocks(text string) (list []block) {
	at, open := 0, false // open: the last block has no next yet
	closeLast := func() {
		if open {
			list[len(list)-1].next, open = at, false
		}
	}
	for i := 0; i < len(text); {
		var end int
		switch {
		case text[i] == '#':
			end = CommentEnd(text, i)
		case strings.HasPrefix(text[i:], `"""`):
			closeLast()
			end = BlockEnd(text, i+3)
			if raw := text[i+3 : max(end-3, i+3)]; beginsOnFirstLine(raw) {
				list, open = append(list, block{start: at, value: blockValue(raw)}), true
			}
		case text[i] == '"':
			closeLast()
			end = StringEnd(text, i+1)
		default:
			if end = strings.IndexAny(text[i:], `"#`) + i; end < i {
				end = len(text)
			}
		}
		at += utf8.RuneCountInString(text[i:end])
		i = end
	}
	if open {
		list[len(list)-1].next = at + 1
	}
	return list
}

// beginsOnFirstLine reports whether a block string has several lines, and text on the first one.
func beginsOnFirstLine(raw string) bool {
	line := strings.IndexAny(raw, "\r\n")
	return line > 0 && strings.Trim(raw[:line], " \t") != ""
}

// blockLines replaces the escape sequence of block strings, and line terminators.
var blockLines = strings.NewReplacer(`\"""`, `"""`, "\r\n", "\n", "\r", "\n")

// blockValue returns the value of a block string (GraphQL, section 2.9.4, BlockStringValue).
func blockValue(raw string) string {
	if !utf8.ValidString(raw) {
		raw = string([]rune(raw)) // the library replaces each byte that is not valid
	}
	lines := strings.Split(blockLines.Replace(raw), "\n")
	common := -1
	for _, line := range lines[1:] {
		if indent := len(line) - len(strings.TrimLeft(line, " \t")); indent < len(line) && (common < 0 || indent < common) {
			common = indent
		}
	}
	for i := 1; i < len(lines); i++ {
		lines[i] = lines[i][min(max(common, 0), len(lines[i])):]
	}
	for len(lines) > 0 && strings.Trim(lines[0], " \t") == "" {
		lines = lines[1:]
	}
	for len(lines) > 0 && strings.Trim(lines[len(lines)-1], " \t") == "" {
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines, "\n")
}
