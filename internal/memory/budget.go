package memory

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrExhausted says that requests hold as many bytes as they may.
var ErrExhausted = errors.New("memory: the budget for requests in progress is exhausted")

// A Budget bounds the bytes that requests in progress hold together. It is safe
// for concurrent use. A nil Budget has no bound.
type Budget struct {
	limit int64
	used  atomic.Int64
	// pressure, unless nil, frees something; false if there is nothing to free.
	pressure atomic.Pointer[func() bool]
	// relieved is when pressure was called last, in Unix nanoseconds.
	relieved atomic.Int64

	mu      sync.Mutex
	waiting int
	freed   chan struct{} // closed when bytes come back while somebody waits
}

// NewBudget makes a Budget of a number of bytes; nil, which has no bound, for 0.
func NewBudget(bytes int) *Budget {
	if bytes <= 0 {
		return nil
	}
	return &Budget{limit: int64(bytes), freed: make(chan struct{})}
}

// OnPressure sets what frees bytes when there are none left.
func (b *Budget) OnPressure(free func() bool) {
	if b != nil {
		b.pressure.Store(&free)
	}
}

// Used is how many bytes are held.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

const (
	// smallReserve is for requests of an ordinary size, which still find room
	// when large ones have taken all that is for them: a quarter more.
	smallReserve = 4
	smallBytes   = 64 << 10
	// maxWait is how long a request waits for others to give bytes back.
	maxWait = time.Second
	// maxWaiting is how many requests wait; further ones are refused at once.
	maxWaiting = 64
	// relieveEvery is how often something is freed while requests wait: to find
	// it takes a look at all connections.
	relieveEvery = 10 * time.Millisecond
)

// relieve frees something, unless somebody has just done so.
func (b *Budget) relieve() {
	free, now, last := b.pressure.Load(), time.Now().UnixNano(), b.relieved.Load()
	if free != nil && now-last >= int64(relieveEvery) && b.relieved.CompareAndSwap(last, now) {
		(*free)()
	}
}

// wait gives a channel that is closed when bytes come back; nil if too many wait.
func (b *Budget) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting >= maxWaiting {
		return nil
	}
	b.waiting++
	return b.freed
}

// waited takes back a wait whose channel has not been closed.
func (b *Budget) waited(freed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.freed == freed {
		b.waiting--
	}
}

func (b *Budget) take(n int64) bool {
	limit := b.limit
	if n <= smallBytes {
		limit += limit / smallReserve
	}
	if b.used.Add(n) <= limit {
		return true
	}
	b.used.Add(-n)
	return false
}

func (b *Budget) give(n int64) {
	b.used.Add(-n)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting > 0 {
		close(b.freed)
		b.freed = make(chan struct{})
		b.waiting = 0
	}
}

// reserve takes n bytes, if need be after others have given some back.
func (b *Budget) reserve(ctx context.Context, n int64) error {
	n = min(n, b.limit) // what is larger than all has to be alone
	if b.take(n) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	for {
		b.relieve()
		freed := b.wait()
		if freed == nil {
			return ErrExhausted
		}
		if b.take(n) { // given back in between
			b.waited(freed)
			return nil
		}
		select {
		case <-freed:
		case <-time.After(maxWait / 10): // others may have become slow meanwhile
			b.waited(freed)
		case <-ctx.Done():
			b.waited(freed)
			return ErrExhausted
		}
		if b.take(n) {
			return nil
		}
	}
}

// A Lease is what one request holds of a Budget. The zero Lease holds nothing and
// has no bound; it is safe for use by several goroutines.
type Lease struct {
	budget *Budget
	held   atomic.Int64
}

// Of makes the lease one of a budget. It must hold nothing.
func (l *Lease) Of(b *Budget) { l.budget = b }

// Grow adds n bytes to what is held. It waits a second at most, and fails with
// ErrExhausted.
func (l *Lease) Grow(ctx context.Context, n int) error {
	if l == nil || l.budget == nil || n <= 0 {
		return nil
	}
	bytes := min(int64(n), l.budget.limit)
	if err := l.budget.reserve(ctx, bytes); err != nil {
		return err
	}
	l.held.Add(bytes)
	return nil
}

// TryGrow adds n bytes to what is held if there is room for them now.
func (l *Lease) TryGrow(n int) bool {
	if l == nil || l.budget == nil || n <= 0 {
		return true
	}
	if !l.budget.take(int64(n)) {
		return false
	}
	l.held.Add(int64(n))
	return true
}

// Resize makes n bytes all that is held, whether or not there is room: they are
// in memory already. Others then have to wait.
func (l *Lease) Resize(n int) {
	if l == nil || l.budget == nil {
		return
	}
	if change := int64(n) - l.held.Swap(int64(n)); change > 0 {
		l.budget.used.Add(change)
	} else if change < 0 {
		l.budget.give(-change)
	}
}

// Add adds n bytes to what is held, whether or not there is room.
func (l *Lease) Add(n int) {
	if l != nil && l.budget != nil && n > 0 {
		l.held.Add(int64(n))
		l.budget.used.Add(int64(n))
	}
}

// Take takes over all that another lease of the same budget holds.
func (l *Lease) Take(from *Lease) {
	l.budget = from.budget
	l.held.Add(from.held.Swap(0))
}

// Release gives everything back.
func (l *Lease) Release() {
	if l == nil || l.budget == nil {
		return
	}
	if held := l.held.Swap(0); held > 0 {
		l.budget.give(held)
	}
}
