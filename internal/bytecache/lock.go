package bytecache

import (
	"math/rand/v2"
	"sync"
)

// lockShards is how many locks a sharedLock has.
const lockShards = 8

// A sharedLock is a lock for much more reading than writing. A reader locks one of several locks, by
// chance, so that readers on many processors do not write to the same memory. A writer locks all.
type sharedLock struct {
	shards [lockShards]struct {
		sync.RWMutex
		_ [104]byte // to the next but one cache line: processors fetch two
	}
}

// read locks for reading, and returns what the caller unlocks.
func (l *sharedLock) read() *sync.RWMutex {
	m := &l.shards[rand.Uint32()%lockShards].RWMutex
	m.RLock()
	return m
}

func (l *sharedLock) Lock() {
	for i := range l.shards {
		l.shards[i].Lock()
	}
}

func (l *sharedLock) Unlock() {
	for i := range l.shards {
		l.shards[i].Unlock()
	}
}
