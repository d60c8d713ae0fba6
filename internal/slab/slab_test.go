package slab_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"souk/internal/slab"
)

// TestValuesAreSeparate compares slices from a slab with slices that the built-in functions make.
func TestValuesAreSeparate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s slab.Slab[int]
		for range rapid.IntRange(1, 3).Draw(t, "resets") {
			var got, want [][]int
			for step := range rapid.IntRange(1, 100).Draw(t, "steps") {
				n := rapid.IntRange(0, 40).Draw(t, "n")
				if len(got) == 0 || rapid.Bool().Draw(t, "new") {
					got, want = append(got, s.Make(n)), append(want, make([]int, n))
				}
				i := rapid.IntRange(0, len(got)-1).Draw(t, "slice")
				more := slices.Repeat([]int{step + 1}, n)
				got[i], want[i] = s.Append(got[i], more...), append(want[i], more...)
			}
			for i := range got {
				if !slices.Equal(got[i], want[i]) {
					t.Fatalf("slice %d: got %v, want %v", i, got[i], want[i])
				}
			}
			if *s.New() != 0 || *s.Of(7) != 7 {
				t.Fatal("a new value is not zero, or a copy differs")
			}
			s.Reset()
		}
	})
}

func TestMemoryIsUsedAgain(t *testing.T) {
	var s slab.Slab[[4]int]
	use := func() {
		for range 1000 {
			s.New()[0] = 1
		}
		s.Reset()
	}
	use()
	if s.New(); s.Used() != 32 {
		t.Errorf("%d bytes are in use, want those of one value", s.Used())
	}
	s.Reset()
	size := s.Bytes()
	if n := testing.AllocsPerRun(10, use); n > 0 || s.Bytes() != size || size < 1000*32 {
		t.Errorf("%v allocations, %d bytes after %d", n, s.Bytes(), size)
	}
}

func TestBlocksHandOutEachValueOnce(t *testing.T) {
	b := slab.NewBlock[int](10)
	first, second := b.Make(4), b.Make(6)
	for i := range 20 {
		first = append(first, i)
		*b.New() = i
	}
	if !slices.Equal(second, make([]int, 6)) || first[4] != 0 || len(first) != 24 {
		t.Errorf("got %v and %v", first, second)
	}
}
