package breaker

import "time"

// parts is how many parts of a window leave it one after the other.
const parts = 10

// A window counts results of the last time. It is exact to a tenth of its length.
type window struct {
	length time.Duration // of a part
	// latest is when the present part begins, and at is its index.
	latest time.Time
	at     int
	parts  [parts]counts
	all    counts
}

type counts struct{ attempts, failures uint }

func newWindow(length time.Duration) window {
	return window{length: max(length/parts, 1)}
}

// add counts a result, and returns the attempts and failures in the window.
func (w *window) add(now time.Time, failed bool) (attempts, failures uint) {
	w.move(now)
	add := counts{attempts: 1}
	if failed {
		add.failures = 1
	}
	for _, c := range []*counts{&w.parts[w.at], &w.all} {
		c.attempts += add.attempts
		c.failures += add.failures
	}
	return w.all.attempts, w.all.failures
}

// move lets parts leave the window.
func (w *window) move(now time.Time) {
	passed := now.Sub(w.latest) / w.length
	if passed >= parts {
		w.clear()
		w.latest = now
		return
	}
	for range passed {
		w.at = (w.at + 1) % parts
		w.all.attempts -= w.parts[w.at].attempts
		w.all.failures -= w.parts[w.at].failures
		w.parts[w.at] = counts{}
	}
	w.latest = w.latest.Add(passed * w.length)
}

func (w *window) clear() { w.parts, w.all = [parts]counts{}, counts{} }
