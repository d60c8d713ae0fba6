package batch

import (
	"context"
	"fmt"
	"sync"
)

// A Loader reads values by key. One read runs at a time. The keys that calls
// want meanwhile are the next read's. However many objects an operation has, a
// Loader takes one connection, and reads each key once.
type Loader[K comparable, V any] struct {
	read    func(context.Context, []K) (map[K]V, error)
	reading chan struct{} // holds an item during a read

	mu     sync.Mutex
	known  map[K]V
	wanted map[K]struct{}
	err    error // the first failure, which also fails later calls
}

// New returns a Loader of what read returns. A key that read leaves out has
// the zero value.
func New[K comparable, V any](read func(context.Context, []K) (map[K]V, error)) *Loader[K, V] {
	return &Loader[K, V]{read: read, reading: make(chan struct{}, 1), known: map[K]V{}, wanted: map[K]struct{}{}}
}

// Load returns the values of keys, in their order.
func (l *Loader[K, V]) Load(ctx context.Context, keys []K) ([]V, error) {
	if values, ok, err := l.lookUp(keys); ok {
		return values, err
	}
	select {
	case l.reading <- struct{}{}:
		defer func() { <-l.reading }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	// Another call may have read these keys by now. If not, they are wanted.
	if values, ok, err := l.lookUp(keys); ok {
		return values, err
	}
	l.readWanted(ctx)
	values, _, err := l.lookUp(keys)
	return values, err
}

// lookUp returns the values of keys if all are known or a read has failed.
// Otherwise it marks those that are not known as wanted.
func (l *Loader[K, V]) lookUp(keys []K) (values []V, ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, true, l.err
	}
	values, ok = make([]V, len(keys)), true
	for i, key := range keys {
		value, known := l.known[key]
		if !known {
			l.wanted[key] = struct{}{}
			ok = false
		}
		values[i] = value
	}
	return values, ok, nil
}

// readWanted reads the values of all keys that are wanted now.
func (l *Loader[K, V]) readWanted(ctx context.Context) {
	l.mu.Lock()
	keys := make([]K, 0, len(l.wanted))
	for key := range l.wanted {
		if _, known := l.known[key]; !known { // by a read that had begun
			keys = append(keys, key)
		}
	}
	clear(l.wanted)
	l.mu.Unlock()
	err := fmt.Errorf("reading %d keys did not end", len(keys)) // if read panics
	var found map[K]V
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.err = err
		for _, key := range keys {
			l.known[key] = found[key]
		}
	}()
	found, err = l.read(ctx, keys)
}
