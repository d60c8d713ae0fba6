//go:build !race

package operation_test

import "testing"

// Memory that is not part of a document or its operation is used again. The race detector empties pools
// at random.
func TestColdDocumentsAllocateLittle(t *testing.T) {
	s := testSchema(t)
	for _, d := range coldDocuments {
		parse := func() {
			made, err := s.Parse(d.text, "Page")
			if err != nil {
				t.Fatal(err)
			}
			made.Compact()
			made.Operation(nil)
		}
		parse()
		if n := testing.AllocsPerRun(100, parse); n > d.allocations {
			t.Errorf("%s: %v allocations, at most %v are allowed", d.name, n, d.allocations)
		}
	}
}
