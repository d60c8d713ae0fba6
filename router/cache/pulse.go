package cache

import (
	"context"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A pulse is a counter in Redis that one router alone raises, with everything
// it changes there. If it is not higher than before, Redis has lost that
// change (it was restored from a copy, or a replica that lagged behind took
// over), and so perhaps invalidations.
type pulse struct {
	key string

	mu   sync.Mutex // held for a whole round trip: order is what counts
	seen int64
	lost bool // until reset
}

// pulseTTL lets the counters of routers that are gone go too.
const pulseTTL = time.Hour

// errLost says that Redis has lost something.
var errLost = errors.New("redis has lost what it held")

func newPulse(s *store) *pulse {
	return &pulse{key: s.prefix + pulseKey + hex.EncodeToString([]byte(newToken()))}
}

// run sends commands and raises the counter in one transaction. With errLost,
// which stays until reset, the commands have run.
func (p *pulse) run(ctx context.Context, client redis.UniversalClient, commands func(redis.Pipeliner)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var beat *redis.IntCmd
	_, err := client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		commands(pipe)
		beat = pipe.Incr(ctx, p.key)
		pipe.PExpire(ctx, p.key, pulseTTL)
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	p.lost = p.lost || beat.Val() <= p.seen
	p.seen = beat.Val()
	if p.lost {
		return errLost
	}
	return nil
}

// reset says that what was lost no longer matters.
func (p *pulse) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = false
}
