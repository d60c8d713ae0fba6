package memory

import (
	"context"
	"errors"
	"slices"
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

	// waiting is how many requests wait, small and large ones.
	waiting [2]atomic.Int32
	mu      sync.Mutex
	queues  [2][]*waiter // in the order in which they came
}

// A waiter is a request that waits for n bytes.
type waiter struct {
	n       int64
	granted chan struct{} // closed when it has them
}

// NewBudget makes a Budget of a number of bytes; nil, which has no bound, for 0.
func NewBudget(bytes int) *Budget {
	if bytes <= 0 {
		return nil
	}
	return &Budget{limit: int64(bytes)}
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

// Requests wait in two queues, so that small ones do not wait behind large ones.
const (
	small = iota
	large
)

const (
	// smallReserve is for requests of an ordinary size, which still find room
	// when large ones have taken all that is for them: a quarter more.
	smallReserve = 4
	smallBytes   = 64 << 10
	// maxWait is how long a request waits for others to give bytes back.
	maxWait = time.Second
	// maxWaiting is how many requests wait in each queue; further ones are
	// refused at once.
	maxWaiting = 64
	// relieveEvery is how often something is freed while requests wait: to find
	// it takes a look at all connections.
	relieveEvery = 10 * time.Millisecond
)

// Relieve frees something for want of memory elsewhere: a request's, at most
// every 10 ms.
func (b *Budget) Relieve() {
	if b != nil {
		b.relieve()
	}
}

// relieve frees something, unless somebody has just done so.
func (b *Budget) relieve() {
	free, now, last := b.pressure.Load(), time.Now().UnixNano(), b.relieved.Load()
	if free != nil && now-last >= int64(relieveEvery) && b.relieved.CompareAndSwap(last, now) {
		(*free)()
	}
}

func sizeOf(n int64) int {
	if n <= smallBytes {
		return small
	}
	return large
}

// take takes n bytes if there is room for them. One that fails is never seen by
// others, who would find less room than there is.
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

// give takes n bytes back, for those who wait. Whoever begins to wait looks for
// room once more after it has been counted in, so either it sees these bytes or
// this sees it.
func (b *Budget) give(n int64) {
	b.used.Add(-n)
	if b.waiting[small].Load() > 0 || b.waiting[large].Load() > 0 {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.grant()
	}
}

// grant serves those who wait, in their order. It is called with mu held.
func (b *Budget) grant() {
	for size := range b.queues {
		for len(b.queues[size]) > 0 && b.take(b.queues[size][0].n) {
			close(b.queues[size][0].granted)
			b.queues[size] = slices.Delete(b.queues[size], 0, 1)
			b.waiting[size].Add(-1)
		}
	}
}

// enqueue begins to wait for n bytes; nil if too many wait.
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

// abandon ends a wait; false if the bytes have been granted meanwhile.
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
	b.grant() // those behind it may need less
	return true
}

// reserve takes n bytes, if need be after others have given some back.
func (b *Budget) reserve(ctx context.Context, n int64) error {
	n = min(n, b.limit) // what is larger than all has to be alone
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
	relief := time.NewTicker(maxWait / 10) // others may become slow meanwhile
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

// A Lease is what one request holds of a Budget. The zero Lease holds nothing and
// has no bound; it is safe for use by several goroutines.
type Lease struct {
	budget *Budget
	held   atomic.Int64
}

// Of makes the lease one of a budget. It must hold nothing.
func (l *Lease) Of(b *Budget) { l.budget = b }

// Limit is the most that a lease can hold: all of its budget, or n if that is
// less or there is no budget.
func (l *Lease) Limit(n int) int {
	if l == nil || l.budget == nil {
		return n
	}
	return int(min(int64(n), l.budget.limit))
}

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
