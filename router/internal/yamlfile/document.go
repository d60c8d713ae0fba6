package yamlfile

import (
	"bytes"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// byteOrderMark may begin a text in UTF-8.
var byteOrderMark = []byte("\ufeff")

// Document parses YAML or JSON, and returns its document, or nil if that is empty. A text
// with several documents is refused: the keys of one would be lost, or mixed with the others.
func Document(text []byte) (ast.Node, error) {
	text = bytes.TrimPrefix(text, byteOrderMark)
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, err
	}
	if t := secondDocument(lexer.Tokenize(string(text))); t != nil {
		return nil, &Error{Line: t.Position.Line, Column: t.Position.Column, Message: "a second YAML document begins here; a file has one: put all keys into it, and remove the line ---"}
	}
	for _, doc := range file.Docs {
		if _, directive := doc.Body.(*ast.DirectiveNode); doc.Body != nil && !directive {
			return doc.Body, nil
		}
	}
	return nil, nil
}

// secondDocument returns the token that begins a second document, or nil.
func secondDocument(tokens token.Tokens) *token.Token {
	began, ended, directive := false, false, 0
	for _, t := range tokens {
		switch {
		case t.Type == token.CommentType || t.Position.Line == directive:
		case t.Type == token.DirectiveType:
			directive = t.Position.Line
		case t.Type == token.DocumentEndType:
			ended = true
		case ended || began && t.Type == token.DocumentHeaderType:
			return t
		default:
			began = true
		}
	}
	return nil
}
