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

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
