package router

import "time"

// SetClock sets the clock of the adaptive limits.
func (o *Options) SetClock(now func() time.Time) { o.now = now }
