package bytecache_test

import (
	"strconv"
	"testing"

	"souk/internal/bytecache"
)

// fill puts keys from begin to end, as requests do: a value that is not found is made and put. It
// returns how many were found.
func fill(c *bytecache.Cache[string, int], begin, end int) (found int) {
	for i := begin; i < end; i++ {
		key := strconv.Itoa(i)
		if _, ok := c.Get(key); ok {
			found++
			continue
		}
		c.Put(key, i, 840) // 1,000 bytes with the overhead
	}
	return found
}

// full returns a cache with room for the 100 keys from 0 that it has.
func full() *bytecache.Cache[string, int] {
	c := bytecache.NewSelective[string, int](100_000, bytecache.Observer{})
	fill(c, 0, 100)
	return c
}

func TestKeysThatTakeTurnsAreFound(t *testing.T) {
	c := bytecache.NewSelective[string, int](100_000, bytecache.Observer{})
	for range 5 {
		fill(c, 0, 250)
	}
	if found := fill(c, 0, 250); found != 100 {
		t.Errorf("a cache of 100 finds %d of 250 keys that take turns", found)
	}
	if c.Bytes() != 100_000 {
		t.Errorf("the cache has %d bytes", c.Bytes())
	}
}

func TestNewKeysReplaceNoneInUse(t *testing.T) {
	c := full()
	for i := range 1000 {
		fill(c, 0, 100)
		fill(c, 1000+i, 1001+i)
	}
	if found := fill(c, 0, 100); found != 100 {
		t.Errorf("%d of 100 keys are left", found)
	}
}

func TestKeysThatComeBackAreKept(t *testing.T) {
	c := full()
	for range 2 {
		fill(c, 1000, 1040)
	}
	if found := fill(c, 1000, 1040); found != 40 {
		t.Errorf("%d of 40 keys that came twice are kept", found)
	}
	if c.Len() != 100 {
		t.Errorf("the cache has %d entries", c.Len())
	}
}

// The memory of refused keys is bounded: what was refused long ago counts as new.
func TestRefusedKeysAreForgotten(t *testing.T) {
	c := full()
	fill(c, 1000, 1001)
	fill(c, 2000, 2100)
	fill(c, 1000, 1001)
	if _, ok := c.Get("1000"); ok {
		t.Error("a key is kept that was refused 100 keys ago")
	}
}
