package router

import "time"

// SetClock sets the clock of the adaptive limits, and of the latencies that plans depend on.
func (o *Options) SetClock(now func() time.Time) { o.now = now }
