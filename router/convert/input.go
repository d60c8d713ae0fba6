package convert

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"souk/internal/filekind"
	"souk/router/internal/yamlfile"
)

// A node is a value in the input.
type node struct {
	key      string // in a map, or the index in a list
	line     int
	isMap    bool
	isList   bool
	raw      string  // of a scalar; rules read it with scalar
	isString bool    // the scalar is a string
	isNull   bool    // also a key without a value
	children []*node // of a map or list
	read     bool    // a rule has read the scalar
	settled  bool    // a note says what became of all that is in it
	off      bool    // it is in a section that is not enabled
	former   string  // the key in the input, if it is a former name
	program  bool    // it is all that a program configures
	computed string  // the expression of a program whose value is not known
}

// maxNesting bounds the nesting of the input.
const maxNesting = 100

// read parses YAML, JSON or the program that configures Hive Gateway.
func read(data []byte) (*node, error) {
	if IsTypeScript(string(data)) {
		return readTypeScript(string(data))
	}
	document, err := yamlfile.Document(data)
	if err != nil {
		if e := (*yamlfile.Error)(nil); errors.As(err, &e) {
			return nil, fmt.Errorf("line %d: %s", e.Line, e.Message)
		}
		if hint := filekind.Hint(string(data), filekind.JSON, filekind.Router, filekind.Composition); hint != "" {
			return nil, errors.New("it must be YAML or JSON" + hint)
		}
		if y := yaml.Error(nil); errors.As(err, &y) && y.GetToken() != nil {
			return nil, fmt.Errorf("line %d: %s", y.GetToken().Position.Line, y.GetMessage())
		}
		return nil, err
	}
	if document == nil {
		return &node{isMap: true}, nil
	}
	r := &reader{anchors: map[string]ast.Node{}}
	root, err := r.node("", document, 0)
	if err != nil {
		return nil, err
	}
	if !root.isMap {
		return nil, errors.New("it must be a map of keys")
	}
	return root, nil
}

type reader struct {
	anchors map[string]ast.Node
	nodes   int
}

// maxNodes bounds the values of the input: aliases may multiply them.
const maxNodes = 100_000

func (r *reader) node(key string, from ast.Node, depth int) (*node, error) {
	if r.nodes++; depth > maxNesting || r.nodes > maxNodes {
		return nil, errors.New("it is nested too deeply, or too large")
	}
	n := &node{key: key, line: from.GetToken().Position.Line}
	switch v := from.(type) {
	case *ast.AnchorNode:
		r.anchors[v.Name.GetToken().Value] = v.Value
		return r.node(key, v.Value, depth+1)
	case *ast.AliasNode:
		to := r.anchors[v.Value.GetToken().Value]
		if to == nil {
			return nil, fmt.Errorf("line %d: there is no anchor %s", n.line, v.Value.GetToken().Value)
		}
		return r.node(key, to, depth+1)
	case *ast.TagNode:
		return r.node(key, v.Value, depth+1)
	case *ast.MappingNode:
		n.isMap = true
		for _, merge := range []bool{false, true} { // the own keys of a map go before merged ones
			for _, entry := range v.Values {
				if entry.Key.IsMergeKey() != merge {
					continue
				}
				if err := r.entry(n, entry, depth); err != nil {
					return nil, err
				}
			}
		}
	case *ast.MappingValueNode:
		n.isMap = true
		return n, r.entry(n, v, depth)
	case *ast.SequenceNode:
		n.isList = true
		for i, item := range v.Values {
			child, err := r.node(strconv.Itoa(i), item, depth+1)
			if err != nil {
				return nil, err
			}
			n.children = append(n.children, child)
		}
	case *ast.NullNode:
		n.isNull = true
	case *ast.StringNode:
		n.raw, n.isString = v.Value, true
	case *ast.LiteralNode:
		n.raw, n.isString = v.Value.Value, true
	default:
		n.raw = from.GetToken().Value
	}
	return n, nil
}

func (r *reader) entry(n *node, entry *ast.MappingValueNode, depth int) error {
	if entry.Key.IsMergeKey() {
		merged, err := r.node("<<", entry.Value, depth+1)
		if err != nil {
			return err
		}
		maps := []*node{merged}
		if merged.isList {
			maps = merged.children
		}
		for _, each := range maps {
			for _, child := range each.children {
				if n.get(child.key) == nil {
					n.children = append(n.children, child)
				}
			}
		}
		return nil
	}
	child, err := r.node(entry.Key.GetToken().Value, entry.Value, depth+1)
	if err != nil {
		return err
	}
	child.line = entry.Key.GetToken().Position.Line
	n.children = append(n.children, child)
	return nil
}

// get returns the child with a key, or nil.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for _, child := range n.children {
		if child.key == key {
			return child
		}
	}
	return nil
}

// scalar returns the text of a scalar, which counts as read. A map, a list and null have none.
func (n *node) scalar() (text string, ok bool) {
	if !n.isScalar() {
		return "", false
	}
	n.read = true
	return n.raw, true
}

// isScalar reports whether a node is a scalar. It does not count as read.
func (n *node) isScalar() bool {
	return n != nil && !n.isMap && !n.isList && !n.isNull && n.computed == ""
}

// hollow reports whether there is no scalar in a node: it is empty, or so is all that it has.
func (n *node) hollow() bool {
	return n.computed == "" && !n.isScalar() && !slices.ContainsFunc(n.children, func(child *node) bool { return !child.hollow() })
}

// switchOff marks all that is in a section that is not enabled.
func (n *node) switchOff() {
	for _, child := range n.children {
		child.off = true
		child.switchOff()
	}
}

// text returns the text of a scalar, or "".
func (n *node) text() string {
	text, _ := n.scalar()
	return text
}

// is reports whether a node is a scalar with a text.
func (n *node) is(text string) bool {
	own, ok := n.scalar()
	return ok && own == text
}

// value returns the text of a scalar child, or "".
func (n *node) value(key string) string { return n.get(key).text() }

// texts returns the scalars of a list, or the one that stands for a list. It does not return,
// nor count as read, what is no scalar.
func (n *node) texts() []string {
	if n == nil || n.isMap {
		return nil
	}
	items := n.children
	if !n.isList {
		items = []*node{n}
	}
	var list []string
	for _, item := range items {
		if text, ok := item.scalar(); ok {
			list = append(list, text)
		}
	}
	return list
}

// kind returns what a node is, for messages.
func (n *node) kind() string {
	switch {
	case n.isMap:
		return "a map"
	case n.isList:
		return "a list"
	case n.isNull:
		return "empty"
	case n.computed != "":
		return "computed (" + n.computed + ")"
	}
	return "a single value"
}
