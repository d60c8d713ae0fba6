package yamlfile

import (
	"cmp"
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// anchorsIn returns the anchors of a document, also those below keys that are not known.
func anchorsIn(document ast.Node) []*ast.AnchorNode {
	var found anchors
	ast.Walk(&found, document)
	return found
}

type anchors []*ast.AnchorNode

func (a *anchors) Visit(n ast.Node) ast.Visitor {
	if anchor, ok := n.(*ast.AnchorNode); ok {
		*a = append(*a, anchor)
	}
	return a
}

// target returns what an alias stands for: the last anchor of its name before it, or nil.
func (d *decoder) target(alias *ast.AliasNode) (found ast.Node) {
	at := alias.GetToken().Position
	for _, a := range d.anchors {
		p := a.GetToken().Position
		if a.Name.GetToken().Value == alias.Value.GetToken().Value && (p.Line < at.Line || p.Line == at.Line && p.Column < at.Column) {
			found = a.Value
		}
	}
	return found
}

// maxMerges bounds the blocks that << merges: lists of aliases may multiply them.
const maxMerges = 10_000

// pairs returns the entries of a block. Entries that << merges come first, without those that the
// block has itself, or that an earlier block of a list has.
func (d *decoder) pairs(n ast.Node, path string, t reflect.Type) []*ast.MappingValueNode {
	where := cmp.Or(path, "the configuration")
	list, ok := entries(n)
	if !ok {
		d.fail(n.GetToken(), path, "%s is %s; it must be %s", where, shown(n), wanted(t))
		return nil
	}
	var merged, own []*ast.MappingValueNode
	given := map[string]bool{}
	for _, pair := range list {
		if _, merge := pair.Key.(*ast.MergeKeyNode); !merge {
			own = append(own, pair)
			given[pair.Key.GetToken().Value] = true
		}
	}
	for _, pair := range list {
		if _, merge := pair.Key.(*ast.MergeKeyNode); !merge {
			continue
		}
		blocks := []ast.Node{pair.Value}
		if sequence, ok := pair.Value.(*ast.SequenceNode); ok {
			blocks = sequence.Values
		}
		for _, block := range blocks {
			for _, each := range d.merge(block, path, where, t) {
				if key := each.Key.GetToken().Value; !given[key] {
					given[key] = true
					merged = append(merged, each)
				}
			}
		}
	}
	return append(merged, own...)
}

// merge returns the entries of a block that << merges.
func (d *decoder) merge(block ast.Node, path, where string, t reflect.Type) []*ast.MappingValueNode {
	if d.merges++; d.merges > maxMerges {
		return nil
	}
	if d.depth++; d.depth > maxDepth || d.merges == maxMerges {
		d.fail(block.GetToken(), path, "%s is nested too deeply", where)
		return nil
	}
	defer func() { d.depth-- }()
	target := block
	switch n := block.(type) {
	case *ast.AliasNode:
		target = d.target(n)
	case *ast.AnchorNode:
		target = n.Value
	}
	if _, ok := entries(target); !ok {
		d.fail(block.GetToken(), path, "%s has a merge key << whose value is not a block of keys, or a list of blocks", where)
		return nil
	}
	return d.pairs(target, path, t)
}

// entries returns the entries of a block as they are written, if a node is one.
func entries(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}
