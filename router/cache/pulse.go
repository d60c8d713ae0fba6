package cache

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
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
	if err := transact(ctx, client, func(pipe redis.Pipeliner) {
		commands(pipe)
		beat = pipe.Incr(ctx, p.key)
		pipe.PExpire(ctx, p.key, pulseTTL)
	}); err != nil {
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

// transact runs commands in one transaction. A key that is not there is no
// error. The error of a transaction that Redis discards is that of the command
// for which it does.
func transact(ctx context.Context, client redis.UniversalClient, commands func(redis.Pipeliner)) error {
	run, err := client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		commands(pipe)
		return nil
	})
	if err == redis.Nil { //nolint:errorlint // a wrapped one is a failure
		return nil
	}
	if redis.HasErrorPrefix(err, "EXECABORT") {
		for _, cmd := range run {
			if cause := cmd.Err(); cause != nil && !redis.HasErrorPrefix(cause, "EXECABORT") {
				return fmt.Errorf("%s: %w", cmd.Name(), cause)
			}
		}
	}
	return err
}
