package cache

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"souk/router/dependency"
	"souk/router/telemetry"
)

// A store accesses Redis and queues writes.
type store struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration
	// tokenTTL is the lifetime of a version token. A token can be lost at any time;
	// the lifetime only removes those of entities that are no longer used.
	tokenTTL time.Duration
	breaker  circuitbreaker.CircuitBreaker[any]
	writes   chan []write

	// refillWait is Options.RefillWait, and ended is called after a refill has ended in Redis.
	refillWait time.Duration
	ended      func(*refill)

	lookup, begin, save, lease *telemetry.Redis
	dependency                 *dependency.Dependency
}

// A write is a value to store under a key. Without a value, the key is deleted.
type write struct {
	key    string
	value  []byte
	ttl    time.Duration
	stored prometheus.Counter
	// labels is set if the value has cache tags that its response told.
	labels *labelledWrite
	// refill is what ends with the write, or nil. A refill alone, without a key, ends without
	// a value, unless it has been found.
	refill *refill
	found  bool
}

const (
	// After breakerFailures consecutive failures, the circuit breaker skips Redis
	// for breakerDelay.
	breakerFailures = 5
	breakerDelay    = time.Second
	// maxQueued bounds the requests whose values wait to be written. Values of
	// further requests are not stored.
	maxQueued = 1024
	// maxPipelined bounds the commands in one round trip of the writer.
	maxPipelined = 512
)

func newStore(o Options) *store {
	return &store{
		client:     redis.NewUniversalClient(settings(o)),
		prefix:     o.prefix,
		timeout:    o.Timeout,
		tokenTTL:   max(time.Hour, 2*o.longestUse()),
		breaker:    circuitbreaker.NewBuilder[any]().WithFailureThreshold(breakerFailures).WithDelay(breakerDelay).Build(),
		writes:     make(chan []write, maxQueued),
		lookup:     o.Metrics.Redis("lookup"),
		begin:      o.Metrics.Redis("begin"),
		save:       o.Metrics.Redis("store"),
		lease:      o.Metrics.Redis("lease"),
		refillWait: o.RefillWait,
		dependency: o.Dependency,
	}
}

// settings returns the options of a client without retries: a late reply is useless, and
// the next request tries again.
func settings(o Options) *redis.UniversalOptions {
	s := *o.Redis
	s.DialTimeout, s.ReadTimeout, s.WriteTimeout, s.PoolTimeout = o.Timeout, o.Timeout, o.Timeout, o.Timeout
	s.MaxRetries = -1
	s.DialerRetries = 1
	s.ContextTimeoutEnabled = true
	return &s
}

const (
	epochKey     = "epoch"
	pulseKey     = "pulse:"
	positionsKey = "positions"
	valueKey     = "v:"
)

// newToken returns a random token that is never reused.
func newToken() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return string(b[:])
}

// read reads the epoch, tokens and values with one MGET. Missing ones are empty.
func (s *store) read(ctx context.Context, tags []string, values []string) (epoch string, tokens, found []string, err error) {
	keys := make([]string, 0, 1+len(tags)+len(values))
	keys = append(keys, s.prefix+epochKey)
	for _, tag := range tags {
		keys = append(keys, s.prefix+tag)
	}
	for _, v := range values {
		keys = append(keys, s.prefix+valueKey+v)
	}
	all, err := s.get(ctx, s.lookup, func(ctx context.Context) ([]any, error) { return s.client.MGet(ctx, keys...).Result() })
	if err != nil {
		return "", nil, nil, err
	}
	if len(all) != len(keys) {
		return "", nil, nil, fmt.Errorf("requested %d keys from Redis and received %d", len(keys), len(all))
	}
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i], _ = v.(string)
	}
	return texts[0], texts[1 : 1+len(tags) : 1+len(tags)], texts[1+len(tags):], nil
}

// mint creates missing tokens and returns the present ones. That must happen before a fetch,
// so that an invalidation finds a token to delete.
func (s *store) mint(ctx context.Context, tags []string) ([]string, error) {
	keys := make([]string, len(tags))
	all, err := s.get(ctx, s.begin, func(ctx context.Context) ([]any, error) {
		pipe := s.client.Pipeline()
		for i, tag := range tags {
			keys[i] = s.prefix + tag
			pipe.SetNX(ctx, keys[i], newToken(), s.tokenTTL)
		}
		tokens := pipe.MGet(ctx, keys...)
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, err
		}
		return tokens.Result()
	})
	if err != nil {
		return nil, err
	}
	tokens := make([]string, len(all))
	for i, t := range all {
		tokens[i], _ = t.(string)
	}
	return tokens, nil
}

// get runs a command that a request waits for, with a time limit, metrics and the circuit
// breaker.
func (s *store) get(ctx context.Context, m *telemetry.Redis, run func(context.Context) ([]any, error)) ([]any, error) {
	if !s.breaker.TryAcquirePermit() {
		return nil, circuitbreaker.ErrOpen
	}
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	start := time.Now()
	all, err := run(bounded)
	m.Duration.Observe(time.Since(start).Seconds())
	switch {
	case err == nil:
		s.breaker.RecordSuccess()
	case ctx.Err() != nil:
		// The client disconnected. That says nothing about Redis, but the
		// permit has to be returned.
		s.breaker.RecordSuccess()
	default:
		m.Errors.Inc()
		s.breaker.RecordFailure()
		s.dependency.Failed(ctx, dependency.RedisFailure(err))
	}
	return all, err
}

// enqueue queues values to be written in the background. It drops them and returns false if the
// queue is full.
func (s *store) enqueue(w []write) bool {
	select {
	case s.writes <- w:
		return true
	default:
		return false
	}
}

// write writes queued values until ctx is done. It writes the values of several requests in
// one round trip if they have accumulated.
func (s *store) write(ctx context.Context) {
	var late []write // leases that could not be ended
	for {
		var retry <-chan time.Time
		if len(late) > 0 {
			retry = time.After(breakerDelay)
		}
		var batch []write
		select {
		case <-ctx.Done():
			return
		case <-retry:
		case batch = <-s.writes:
			for more := true; more && len(batch) < maxPipelined; {
				select {
				case next := <-s.writes:
					batch = append(batch, next...)
				default:
					more = false
				}
			}
		}
		batch = append(batch, late...)
		late = nil
		if err := s.put(ctx, batch); err != nil {
			late = s.unended(batch, time.Now())
		}
	}
}

// put writes a batch. On an error, it may have written a part of it.
func (s *store) put(ctx context.Context, batch []write) error {
	// Writes may take longer than reads, because no request waits for them.
	ctx, cancel := context.WithTimeout(ctx, 3*s.timeout)
	defer cancel()
	start := time.Now()
	s.stampLabelled(ctx, batch)
	_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, w := range batch {
			switch {
			case w.value != nil:
				pipe.Set(ctx, s.prefix+valueKey+w.key, w.value, w.ttl)
			case w.key != "":
				pipe.Del(ctx, s.prefix+valueKey+w.key)
			}
			s.end(ctx, pipe, w.refill, w.value != nil || w.found)
		}
		return nil
	})
	s.save.Duration.Observe(time.Since(start).Seconds())
	for _, w := range batch {
		if w.refill != nil {
			s.ended(w.refill)
		}
	}
	if err != nil {
		s.save.Errors.Inc()
		s.dependency.Failed(ctx, dependency.RedisFailure(err))
		return fmt.Errorf("writing entries to Redis: %w", err)
	}
	for _, w := range batch {
		if w.value != nil {
			w.stored.Inc()
		}
	}
	return nil
}

// A labelledWrite is what the stamp of a value with cache tags of its own depends on.
type labelledWrite struct {
	subgraph, guard string
	labels          []string
	stamp           uint64 // without the cache tags
}

// stampLabelled completes the values that have cache tags of their own. It drops those that an
// invalidation by any cache tag of the subgraph may concern.
func (s *store) stampLabelled(ctx context.Context, batch []write) {
	for i := range batch {
		w := &batch[i]
		if w.labels == nil {
			continue
		}
		stamp, err := s.labelledStamp(ctx, w.labels)
		if err != nil {
			s.save.Errors.Inc()
			s.dependency.Failed(ctx, dependency.RedisFailure(err))
		}
		if stamp == 0 {
			w.key, w.value = "", nil
			continue
		}
		restamp([]byte(w.key), w.value, stamp)
	}
}

// labelledStamp creates the missing tokens of cache tags, and returns the stamp with them, or 0 if
// the guard has changed. It reads both in one transaction.
func (s *store) labelledStamp(ctx context.Context, l *labelledWrite) (uint64, error) {
	if l.guard == "" {
		return 0, nil
	}
	keys := []string{s.prefix + guardTag(l.subgraph)}
	for _, label := range l.labels {
		keys = append(keys, s.prefix+labelTag(l.subgraph, label))
	}
	var all *redis.SliceCmd
	if err := transact(ctx, s.client, func(p redis.Pipeliner) {
		for _, key := range keys[1:] {
			p.SetNX(ctx, key, newToken(), s.tokenTTL)
		}
		all = p.MGet(ctx, keys...)
	}); err != nil {
		return 0, fmt.Errorf("creating the tokens of cache tags: %w", err)
	}
	tokens := make([]string, len(keys))
	for i, v := range all.Val() {
		tokens[i], _ = v.(string)
	}
	if tokens[0] != l.guard {
		return 0, nil
	}
	return extendStamp(l.stamp, tokens[1:]), nil
}
