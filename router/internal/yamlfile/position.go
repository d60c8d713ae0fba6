package yamlfile

import (
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
)

// references finds the references of one scalar in the document, from its first to its last.
type references struct {
	scalar place    // where the scalar begins
	lines  []string // of the document, from there to the end of the scalar
	start  int      // where the scalar begins in the first of them, in bytes
	line   int      // of lines, where the next reference is looked for
	offset int      // in that line, in bytes
}

// references returns the references of a scalar. Each of them is to be asked for, in order.
func (d *decoder) references(n ast.Node) *references {
	t := n.GetToken()
	length := strings.Count(t.Origin, "\n")
	if block, ok := n.(*ast.LiteralNode); ok { // its token is the | or > before its text
		length = 1 + strings.Count(block.Value.GetToken().Origin, "\n")
	}
	r := &references{scalar: place{1, 1}}
	if t.Position == nil {
		return r
	}
	r.scalar = place{t.Position.Line, t.Position.Column}
	if first := r.scalar.line - 1; first < len(d.lines) {
		r.lines = d.lines[first:min(len(d.lines), first+length+1)]
		for range r.scalar.column - 1 {
			_, size := utf8.DecodeRuneInString(r.lines[0][r.start:])
			r.start += size
		}
		r.offset = r.start
	}
	return r
}

// next returns the position of the next reference. One that the scalar begins with has the
// position of the scalar, with its quote. So has one that the document spells in another way, such
// as with escapes or over several lines.
func (r *references) next(ref string) place {
	for line, offset := r.line, r.offset; line < len(r.lines); line, offset = line+1, 0 {
		if i := strings.Index(r.lines[line][offset:], ref); i >= 0 {
			begin := offset + i
			quote := line == 0 && r.offset == r.start && strings.Trim(r.lines[0][offset:begin], `'"`) == ""
			r.line, r.offset = line, begin+len(ref)
			if quote {
				return r.scalar
			}
			return place{r.scalar.line + line, 1 + utf8.RuneCountInString(r.lines[line][:begin])}
		}
	}
	return r.scalar
}
