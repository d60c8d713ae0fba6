package adaptive

import (
	"sync"
	"time"
)

// Options configure a Limiter.
type Options struct {
	// Min, Max and Initial are the bounds of the limit, and the limit at the start.
	Min, Max, Initial int
	// Tolerance is the ratio of latency to that of an idle server from which on the limit
	// shrinks. Default: 2.
	Tolerance float64
	// MaxWait bounds how long work may wait for a permit, see Limiter.Wait. 0: it does not wait. At
	// most four times Max waits.
	MaxWait time.Duration
	// Measure lets everything pass, and only reports what it would have refused.
	Measure bool
	// Limit is called with each new limit, apart from those of probes, and Shed for each refusal. Each may be nil. They must
	// return quickly.
	Limit func(int)
	Shed  func()
	// Now is the clock: time.Now if nil.
	Now func() time.Time
}

// A Limiter bounds concurrent work. It is safe for concurrent use. A nil Limiter has no bound.
type Limiter struct {
	options Options

	mu       sync.Mutex
	inFlight int
	gradient gradient
	queue    queue
}

// New returns a Limiter.
func New(o Options) *Limiter {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tolerance == 0 {
		o.Tolerance = 2
	}
	l := &Limiter{options: o}
	l.gradient.init(&l.options)
	l.tell(o.Initial)
	return l
}

// A Permit allows one piece of work. The zero Permit has nothing to release.
type Permit struct {
	limiter      *Limiter
	taken        time.Time
	began, ended time.Time // ended is zero unless Stop was called
}

func (l *Limiter) permit(now time.Time) Permit { return Permit{limiter: l, taken: now, began: now} }

// tryAcquire returns a permit, or false if the limit is reached.
func (l *Limiter) tryAcquire() (Permit, bool) {
	if l == nil {
		return Permit{}, true
	}
	now := l.options.Now()
	l.mu.Lock()
	return l.acquire(now)
}

// full reports whether there is no permit. The caller holds the lock.
func (l *Limiter) full() bool {
	return l.inFlight >= l.gradient.current() || len(l.queue.waiting) > 0
}

// acquire is tryAcquire for a caller that holds the lock, which it releases.
func (l *Limiter) acquire(now time.Time) (Permit, bool) {
	full := l.full()
	if !full || l.options.Measure {
		l.take()
	}
	l.mu.Unlock()
	if full {
		if l.options.Shed != nil {
			l.options.Shed()
		}
		if !l.options.Measure {
			return Permit{}, false
		}
	}
	return l.permit(now), true
}

func (l *Limiter) take() {
	l.inFlight++
	l.gradient.used(l.inFlight)
}

// Restart begins the measurement of the duration anew, after what the client's connection
// determines, such as the arrival of a request.
func (p *Permit) Restart() {
	if p.limiter != nil {
		p.began = p.limiter.options.Now()
	}
}

// Stop ends the measurement of the duration, before what the client's connection determines. Only
// the first call has an effect.
func (p *Permit) Stop() {
	if p.limiter != nil && p.ended.IsZero() {
		p.ended = p.limiter.options.Now()
	}
}

// Done releases the permit after the work has ended. Its duration adjusts the limit.
func (p *Permit) Done() { p.release(true) }

// Drop releases the permit of work whose duration says nothing, such as that of a client that has
// disconnected. A permit can be released more than once.
func (p *Permit) Drop() { p.release(false) }

func (p *Permit) release(sample bool) {
	l := p.limiter
	if l == nil {
		return
	}
	p.limiter = nil
	left := l.options.Now()
	now := p.ended
	if now.IsZero() {
		now = left
	}
	l.mu.Lock()
	l.inFlight--
	was := int(l.gradient.limit)
	if sample {
		l.gradient.add(p.began, now)
	}
	is := int(l.gradient.limit)
	if l.options.MaxWait > 0 {
		l.queue.ended(left.Sub(p.taken), l.gradient.current(), l.options.MaxWait)
		l.admitWaiting()
	}
	l.mu.Unlock()
	if is != was {
		l.tell(is)
	}
}

func (l *Limiter) tell(limit int) {
	if l.options.Limit != nil {
		l.options.Limit(limit)
	}
}
