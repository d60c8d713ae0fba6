package syntax

import (
	"math"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/internal/slab"
)

// Nodes are the memory of a syntax tree. Most documents are parsed once, and their trees are needed for
// some microseconds: the next document gets the same memory.
type Nodes struct {
	source   ast.Source
	document ast.QueryDocument

	positions      slab.Slab[ast.Position]
	operations     slab.Slab[ast.OperationDefinition]
	operationLists slab.Slab[*ast.OperationDefinition]
	fragments      slab.Slab[ast.FragmentDefinition]
	fragmentLists  slab.Slab[*ast.FragmentDefinition]
	variables      slab.Slab[ast.VariableDefinition]
	variableLists  slab.Slab[*ast.VariableDefinition]
	types          slab.Slab[ast.Type]
	selections     slab.Slab[ast.Selection]
	fields         slab.Slab[ast.Field]
	inline         slab.Slab[ast.InlineFragment]
	spreads        slab.Slab[ast.FragmentSpread]
	directives     slab.Slab[ast.Directive]
	directiveLists slab.Slab[*ast.Directive]
	arguments      slab.Slab[ast.Argument]
	argumentLists  slab.Slab[*ast.Argument]
	values         slab.Slab[ast.Value]
	children       slab.Slab[ast.ChildValue]
	childLists     slab.Slab[*ast.ChildValue]
}

const (
	// maxNodes is the size in bytes of nodes that are kept for other documents. Few documents need
	// so much.
	maxNodes = 256 << 10
	// plainDepth is how deep selection sets, lists, objects and list types of plain documents nest.
	plainDepth = 100
)

var nodes = sync.Pool{New: func() any { return new(Nodes) }}

// Plain parses a plain document of at most so many tokens, or of any number for 0. For these, the result
// is that of [Query] without comments. For any other text it is nil. Texts that are not plain are those
// with syntax errors, those that nest very deep, and those with something that few have: Unicode escapes,
// variables of fragments, block strings that end in a quote, and strings with escapes that are not valid UTF-8.
//
// The result is void after Release.
func Plain(text string, tokens int) (*ast.QueryDocument, *Nodes) {
	n := nodes.Get().(*Nodes)
	p := plainParser{text: text, line: 1, most: tokens, nodes: n}
	if tokens == 0 {
		p.most = math.MaxInt
	}
	n.source = ast.Source{Input: text}
	if !p.document() {
		n.Release()
		return nil, nil
	}
	return &n.document, n
}

// Release takes back the nodes. It does nothing for nil.
func (n *Nodes) Release() {
	if n == nil {
		return
	}
	n.source, n.document = ast.Source{}, ast.QueryDocument{}
	size := 0
	for _, s := range [...]interface {
		Reset()
		Bytes() int
	}{
		&n.positions, &n.operations, &n.operationLists, &n.fragments, &n.fragmentLists, &n.variables, &n.variableLists, &n.types,
		&n.selections, &n.fields, &n.inline, &n.spreads, &n.directives, &n.directiveLists, &n.arguments, &n.argumentLists,
		&n.values, &n.children, &n.childLists,
	} {
		s.Reset()
		size += s.Bytes()
	}
	if size <= maxNodes {
		nodes.Put(n)
	}
}

// A plainParser parses a plain document. Its methods return false where the document is not plain.
type plainParser struct {
	text string
	at   int
	// wide is how many bytes more than characters precede at: positions are counted in characters.
	wide int
	// line is that of at, and begins at lineStart, in characters.
	line, lineStart int
	tokens, most    int
	// depth is the number of selection sets, lists, objects and list types around at.
	depth int
	nodes *Nodes
}

// enter reports whether what begins here does not nest too deep.
func (p *plainParser) enter() bool {
	p.depth++
	return p.depth <= plainDepth
}

func (p *plainParser) leave() { p.depth-- }
