//go:build !race

package syntax_test

import (
	"strings"
	"testing"

	"souk/router/internal/syntax"
)

// The race detector empties pools at random.
func TestNodesAreUsedAgain(t *testing.T) {
	for _, text := range plainDocuments {
		if strings.Contains(text, `\`) || strings.Contains(text, `"""`) {
			continue // such a value is not part of the text
		}
		parse := func() {
			_, nodes := syntax.Plain(text, 0)
			nodes.Release()
		}
		parse()
		if n := testing.AllocsPerRun(100, parse); n > 0 {
			t.Errorf("%q takes %v allocations", text, n)
		}
	}
}
