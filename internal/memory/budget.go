package memory

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrExhausted means that the requests in progress use all bytes of the budget.
var ErrExhausted = errors.New("memory: the budget for requests in progress is exhausted")

// A Budget limits the total bytes that requests in progress hold. It is safe for
// concurrent use. A nil Budget has no limit.
type Budget struct {
	limit int64
	used  atomic.Int64
	// pressure, if not nil, frees bytes. It returns false if it cannot.
	pressure atomic.Pointer[func() bool]
	// relieved is the time of the last call of pressure in Unix nanoseconds.
	relieved atomic.Int64

	// waiting is the length of each queue, to be read without mu.
	waiting [2]atomic.Int32
	mu      sync.Mutex
	queues  [2][]*waiter // first in, first out
}

// A waiter is a request waiting for n bytes.
type waiter struct {
	n       int64
	granted chan struct{} // closed when the bytes are granted
}

// NewBudget returns a Budget of a number of bytes. For 0 it returns nil, which means
// no limit.
func NewBudget(bytes int) *Budget {
	if bytes <= 0 {
		return nil
	}
	return &Budget{limit: int64(bytes)}
}

// OnPressure sets a function to be called when the budget is exhausted. It should free
// bytes and return true, or return false if it cannot.
func (b *Budget) OnPressure(free func() bool) {
	if b != nil {
		b.pressure.Store(&free)
	}
}

// Used returns the number of bytes held.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

// The indices of the two queues. Small requests do not wait behind large ones.
const (
	small = iota
	large
)

const (
	// Requests of at most smallBytes can exceed the limit by 1/smallReserve, so
	// that they still find room when large requests use up the budget.
	smallReserve = 4
	smallBytes   = 64 << 10
	// maxWait is the maximum time a request waits for bytes.
	maxWait = time.Second
	// maxWaiting is the maximum length of each queue. Further requests are
	// rejected immediately.
	maxWaiting = 64
	// relieveEvery is the minimum time between calls of the OnPressure function,
	// which looks at all connections.
	relieveEvery = 10 * time.Millisecond
)

// Relieve calls the OnPressure function because memory is short outside the budget. It
// does so at most every 10 ms.
func (b *Budget) Relieve() {
	if b != nil {
		b.relieve()
	}
}

// relieve calls the OnPressure function unless it was called recently.
func (b *Budget) relieve() {
	free, now, last := b.pressure.Load(), time.Now().UnixNano(), b.relieved.Load()
	if free != nil && now-last >= int64(relieveEvery) && b.relieved.CompareAndSwap(last, now) {
		(*free)()
	}
}

// sizeOf returns the queue for a request of n bytes.
func sizeOf(n int64) int {
	if n <= smallBytes {
		return small
	}
	return large
}

// take takes n bytes if they are available. It uses compare-and-swap instead of adding
// and subtracting, so that a failed attempt never makes others fail.
func (b *Budget) take(n int64) bool {
	limit := b.limit
	if sizeOf(n) == small {
		limit += limit / smallReserve
	}
	for {
		used := b.used.Load()
		if used+n > limit {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// give returns n bytes and grants them to waiting requests. A request that starts to
// wait tries again after it has incremented waiting. So either it finds these bytes,
// or give sees that it is waiting.
func (b *Budget) give(n int64) {
	b.used.Add(-n)
	if b.waiting[small].Load() > 0 || b.waiting[large].Load() > 0 {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.grant()
	}
}

// grant serves waiting requests in order while there are enough bytes. The caller must
// hold mu.
func (b *Budget) grant() {
	for size := range b.queues {
		for len(b.queues[size]) > 0 && b.take(b.queues[size][0].n) {
			close(b.queues[size][0].granted)
			b.queues[size] = slices.Delete(b.queues[size], 0, 1)
			b.waiting[size].Add(-1)
		}
	}
}

// enqueue adds a request for n bytes to its queue. It returns nil if the queue is full.
func (b *Budget) enqueue(n int64) *waiter {
	size := sizeOf(n)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queues[size]) >= maxWaiting {
		return nil
	}
	w := &waiter{n: n, granted: make(chan struct{})}
	b.queues[size] = append(b.queues[size], w)
	b.waiting[size].Add(1)
	b.grant()
	return w
}

// abandon removes a waiter from its queue. It returns false if the bytes have been
// granted meanwhile.
func (b *Budget) abandon(w *waiter) bool {
	size := sizeOf(w.n)
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.queues[size], w)
	if i < 0 {
		return false
	}
	b.queues[size] = slices.Delete(b.queues[size], i, i+1)
	b.waiting[size].Add(-1)
	b.grant() // the next requests may need fewer bytes
	return true
}

// reserve takes n bytes and waits for them if necessary.
func (b *Budget) reserve(ctx context.Context, n int64) error {
	n = min(n, b.limit) // a larger request takes the whole budget
	if b.waiting[sizeOf(n)].Load() == 0 && b.take(n) {
		return nil
	}
	w := b.enqueue(n)
	if w == nil {
		b.relieve()
		return ErrExhausted
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	relief := time.NewTicker(maxWait / 10) // other connections may have become slow meanwhile
	defer relief.Stop()
	for {
		b.relieve()
		select {
		case <-w.granted:
			return nil
		case <-relief.C:
			continue
		case <-timer.C:
		case <-ctx.Done():
		}
		if b.abandon(w) {
			return ErrExhausted
		}
		return nil
	}
}

// A Lease is the part of a Budget that one request holds. The zero Lease holds nothing
// and has no limit. A Lease is safe for concurrent use.
type Lease struct {
	budget *Budget
	held   atomic.Int64
}

// Of assigns the lease to a budget. The lease must not hold any bytes.
func (l *Lease) Of(b *Budget) { l.budget = b }

// Like assigns the lease to the budget of another one. It must not hold any bytes.
func (l *Lease) Like(other *Lease) { l.budget = other.budget }

// Move moves n of the bytes of another lease of the same budget to l.
func (l *Lease) Move(from *Lease, n int) {
	if l.budget != nil {
		from.held.Add(-int64(n))
		l.held.Add(int64(n))
	}
}

// Limit is the most that a lease can hold: all of its budget, or n if that is
// less or there is no budget.
func (l *Lease) Limit(n int) int {
	if l == nil || l.budget == nil {
		return n
	}
	return int(min(int64(n), l.budget.limit))
}

// Grow adds n bytes to the lease. It waits for them for at most maxWait and then fails
// with ErrExhausted.
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

// TryGrow adds n bytes to the lease if they are available without waiting.
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

// Held returns the number of bytes that the lease holds.
func (l *Lease) Held() int {
	if l == nil {
		return 0
	}
	return int(l.held.Load())
}

// Resize sets the size of the lease to n bytes, even if that exceeds the budget: the
// bytes are already in memory. Other requests then have to wait.
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

// Add adds n bytes to the lease, even if that exceeds the budget.
func (l *Lease) Add(n int) {
	if l != nil && l.budget != nil && n > 0 {
		l.held.Add(int64(n))
		l.budget.used.Add(int64(n))
	}
}

// Take moves all bytes of another lease of the same budget to l.
func (l *Lease) Take(from *Lease) {
	l.budget = from.budget
	l.held.Add(from.held.Swap(0))
}

// Release returns all bytes to the budget.
func (l *Lease) Release() {
	if l == nil || l.budget == nil {
		return
	}
	if held := l.held.Swap(0); held > 0 {
		l.budget.give(held)
	}
}
