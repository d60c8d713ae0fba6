package router

import (
	"time"

	"souk/router/auth"
)

// verdicts returns a cache for the decisions of the program or the coprocessor on @policy, or nil if
// it is off.
func (r *Router) verdicts() *auth.VerdictCache {
	c := r.config.Authorization.PolicyCache
	if !c.Enabled {
		return nil
	}
	m := r.metrics.Policy
	return auth.NewVerdictCache(auth.VerdictOptions{
		Now: time.Now,
		TTL: c.TTL, Bytes: c.MaxBytes, Hit: m.Hits.Inc, Miss: m.Misses.Inc,
		Observer: m.Observer(),
	})
}
