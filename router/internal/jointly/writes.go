package jointly

import "sync/atomic"

// Writes counts mutations that have ended. Work that began before the last one ended may have read what
// it has changed since, so nobody may join it any more. All whose work reads the same data
// share one, also if one replaces another.
type Writes struct{ ended atomic.Uint64 }

// End notes that a mutation has ended. It is called before the client can know that.
func (w *Writes) End() { w.ended.Add(1) }

// Count returns how many have ended. Others may join work while the count is what it was when the work
// began.
func (w *Writes) Count() uint64 { return w.ended.Load() }
