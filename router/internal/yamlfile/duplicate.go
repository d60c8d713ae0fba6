package yamlfile

import (
	"bytes"
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// furtherDuplicates returns the duplicate keys of a document besides the first one, with which the
// parser ends. There are none if the first problem is another one.
func furtherDuplicates(name string, data []byte, first *Error) Errors {
	file, err := parser.ParseBytes(bytes.TrimPrefix(data, byteOrderMark), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil //nolint:nilerr // the caller has it already
	}
	d := duplicates{file: name}
	for _, doc := range file.Docs {
		ast.Walk(&d, doc)
	}
	var further Errors
	begins := false
	for _, e := range d.problems {
		if e.Line == first.Line && e.Column == first.Column {
			begins = true
			continue
		}
		further = append(further, e)
	}
	if !begins {
		return nil
	}
	return further.Sorted()
}

// duplicates finds keys that a block has twice.
type duplicates struct {
	file     string
	problems Errors
}

// Visit implements [ast.Visitor].
func (d *duplicates) Visit(n ast.Node) ast.Visitor {
	block, is := n.(*ast.MappingNode)
	if !is {
		return d
	}
	seen := map[string]*ast.MappingValueNode{}
	for _, pair := range block.Values {
		t := pair.Key.GetToken()
		if t.Value == "<<" { // merges another block
			continue
		}
		if before := seen[t.Value]; before != nil {
			at := before.Key.GetToken().Position
			d.problems = append(d.problems, &Error{File: d.file, Line: t.Position.Line, Column: t.Position.Column,
				Message: fmt.Sprintf("the key %q is already at %d:%d; put all that it has there", t.Value, at.Line, at.Column)})
			continue
		}
		seen[t.Value] = pair
	}
	return d
}
