package heapsize_test

import (
	"runtime"
	"strings"
	"testing"

	"souk/internal/heapsize"
)

type node struct {
	name     string
	children []*node
	extra    map[string]any
	owner    *owner
}

type owner [1 << 20]byte

func tree(depth int, o *owner) *node {
	n := &node{name: strings.Repeat("x", 10+depth), extra: map[string]any{"depth": depth, "list": make([]int, depth)}, owner: o}
	if depth > 0 {
		n.children = append(n.children, tree(depth-1, o), tree(depth-1, o), tree(depth-1, o))
	}
	return n
}

// TestEstimateIsNearTheHeap compares the estimate with the growth of the heap.
func TestEstimateIsNearTheHeap(t *testing.T) {
	o := &owner{}
	before := heap()
	n := tree(8, o)
	grown := heap() - before
	estimate := heapsize.NewSizer((*owner)(nil)).Of(n)
	if ratio := float64(estimate) / float64(grown); ratio < 0.75 || ratio > 1.5 {
		t.Errorf("estimated %d bytes, the heap grew by %d: ratio %.2f", estimate, grown, ratio)
	}
	runtime.KeepAlive(n)
}

func TestSharedMemoryCountsOnce(t *testing.T) {
	s := heapsize.NewSizer((*owner)(nil))
	text := strings.Repeat("x", 1<<16)
	one := s.Of(&node{name: text})
	if two := s.Of(&node{name: text}, &node{name: text}); two >= one+1<<16 {
		t.Errorf("%d bytes for one value, %d for two values with the same text", one, two)
	}
	if with := s.Of(&node{name: text, owner: &owner{}}); with != one {
		t.Errorf("a shared target was counted: %d bytes with it, %d without", with, one)
	}
	loop := &node{}
	loop.children = []*node{loop}
	if size := s.Of(loop); size > 1<<10 {
		t.Errorf("a cycle of one node has %d bytes", size)
	}
}

// A ring refers to itself through arrays, slices, maps and interfaces.
type ring struct {
	name    string
	array   *[2]ring
	list    [][1]ring
	byName  map[string][1]*ring
	dynamic [2]any
}

func TestAllReferencesAreFollowed(t *testing.T) {
	text := func(n int) string { return strings.Repeat("x", n<<16) }
	r := &ring{
		name: text(1), array: &[2]ring{1: {name: text(2)}}, list: [][1]ring{{{name: text(3)}}},
		byName: map[string][1]*ring{text(4): {{name: text(5)}}}, dynamic: [2]any{ring{name: text(6)}, &ring{name: text(7)}},
	}
	r.array[0].dynamic[0] = r
	want := (1 + 2 + 3 + 4 + 5 + 6 + 7) << 16
	if got := heapsize.NewSizer().Of(r); got < want || got > want+4<<10 {
		t.Errorf("estimated %d bytes of which %d are texts", got, want)
	}
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
