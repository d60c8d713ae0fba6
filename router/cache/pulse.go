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

// A pulse is a counter in Redis that one router increments with every change it makes. If
// the counter is not higher than before, Redis has lost changes, and perhaps invalidations:
// it was restored from a backup, or a lagging replica was promoted.
type pulse struct {
	key string

	mu   sync.Mutex // held for a whole round trip to keep the order
	seen int64
	lost bool // until reset
}

// pulseTTL is the lifetime of the counters of routers that have stopped.
const pulseTTL = time.Hour

// errLost means that Redis has lost data.
var errLost = errors.New("redis has lost data")

func newPulse(s *store) *pulse {
	return &pulse{key: s.prefix + pulseKey + hex.EncodeToString([]byte(newToken()))}
}

// run sends commands and increments the counter in one transaction. The commands have been
// executed even if the error is errLost, which persists until reset.
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

// reset marks the lost data as irrelevant.
func (p *pulse) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = false
}

// transact runs commands in one transaction. A missing key is not an error. If Redis
// discards the transaction, the error is that of the command that caused it.
func transact(ctx context.Context, client redis.UniversalClient, commands func(redis.Pipeliner)) error {
	run, err := client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		commands(pipe)
		return nil
	})
	if err == redis.Nil { //nolint:errorlint // a wrapped Nil is a failure
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
