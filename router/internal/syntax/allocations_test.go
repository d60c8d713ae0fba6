//go:build !race

package syntax_test

import (
	"testing"

	"souk/router/internal/syntax"
)

// The race detector empties pools at random.
func TestNodesAreUsedAgain(t *testing.T) {
	parse := func() {
		_, nodes := syntax.Plain(plainDocuments[3], 0)
		nodes.Release()
	}
	parse()
	if n := testing.AllocsPerRun(100, parse); n > 0 {
		t.Errorf("a document without variables takes %v allocations", n)
	}
}
