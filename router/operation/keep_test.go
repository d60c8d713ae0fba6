package operation_test

import (
	"sync"
	"testing"

	"souk/internal/heapsize"
	"souk/router/operation"
)

// An operation refers to names of the schema besides what belongs to it.
func TestSizeOfAnOperationIsWhatItTakes(t *testing.T) {
	s := testSchema(t)
	for _, d := range coldDocuments {
		made, err := s.Parse(d.text, "Page")
		if err != nil {
			t.Fatal(err)
		}
		op := made.Operation(nil)
		if got, all := op.Size(), heapsize.NewSizer().Of(op); got > all || got < all*3/4 {
			t.Errorf("%s: the size is %d, with names of the schema %d", d.name, got, all)
		}
	}
}

// The syntax trees of documents that are parsed at the same time, and again for other values of variables,
// take turns in memory.
func TestDocumentsShareNoMemory(t *testing.T) {
	s := testSchema(t)
	given := []operation.Variables{nil, {{Name: "more", Value: []byte("true")}}, {{Name: "more", Value: []byte("false")}}}
	want := map[string][3]string{}
	for _, d := range coldDocuments {
		var texts [3]string
		for i, vars := range given {
			made, err := s.Parse(d.text, "Page")
			if err != nil {
				t.Fatal(err)
			}
			texts[i] = made.Operation(vars).String()
		}
		want[d.name] = texts
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				for _, d := range coldDocuments {
					made, err := s.Parse(d.text, "Page")
					if err != nil {
						t.Error(err)
						return
					}
					made.Compact()
					var again sync.WaitGroup
					for i, vars := range given {
						again.Go(func() {
							if got := made.Operation(vars).String(); got != want[d.name][i] {
								t.Errorf("%s: got\n%s\nwant\n%s", d.name, got, want[d.name][i])
							}
						})
					}
					again.Wait()
				}
			}
		})
	}
	group.Wait()
}
