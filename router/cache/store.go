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

// A store is what is kept in Redis, and the writes still on their way there.
type store struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration
	// generationTTL is how long a token lives. It may be lost at any time;
	// this only keeps those of forgotten entities from piling up.
	generationTTL time.Duration
	breaker       circuitbreaker.CircuitBreaker[any]
	writes        chan []write

	lookup, begin, save *telemetry.Redis
	dependency          *dependency.Dependency
}

// A write puts a value under a key.
type write struct {
	key    string
	value  []byte
	ttl    time.Duration
	stored prometheus.Counter
}

const (
	// A breaker keeps Redis out of the way for a while after this many
	// failures in a row.
	breakerFailures = 5
	breakerDelay    = time.Second
	// maxQueued bounds the requests whose answers wait to be written; more
	// are not kept.
	maxQueued = 1024
	// maxPipelined bounds the commands of one round trip of the writer.
	maxPipelined = 512
)

func newStore(o Options) *store {
	return &store{
		client:        redis.NewUniversalClient(settings(o)),
		prefix:        o.Prefix,
		timeout:       o.Timeout,
		generationTTL: max(time.Hour, 2*o.longestTTL()),
		breaker:       circuitbreaker.NewBuilder[any]().WithFailureThreshold(breakerFailures).WithDelay(breakerDelay).Build(),
		writes:        make(chan []write, maxQueued),
		lookup:        o.Metrics.Redis("lookup"),
		begin:         o.Metrics.Redis("begin"),
		save:          o.Metrics.Redis("store"),
		dependency:    o.Dependency,
	}
}

// settings are those of a client. What does not come in time is of no use, and
// trying again is for the next request.
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

// newToken is a token that was never used before and never will be again.
func newToken() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return string(b[:])
}

// read gets the epoch, tokens and values by one MGET. What is not there is
// empty.
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
		return "", nil, nil, fmt.Errorf("asked Redis for %d keys and got %d", len(keys), len(all))
	}
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i], _ = v.(string)
	}
	return texts[0], texts[1 : 1+len(tags)], texts[1+len(tags):], nil
}

// mint makes tokens where there are none, and gives those that are then there.
// A fetch must not begin before: an invalidation must find a token to delete.
func (s *store) mint(ctx context.Context, tags []string) ([]string, error) {
	keys := make([]string, len(tags))
	all, err := s.get(ctx, s.begin, func(ctx context.Context) ([]any, error) {
		pipe := s.client.Pipeline()
		for i, tag := range tags {
			keys[i] = s.prefix + tag
			pipe.SetNX(ctx, keys[i], newToken(), s.generationTTL)
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

// get runs a command a request waits for: in time, counted, and only if the
// breaker lets it.
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
		// The client went away; that says nothing of Redis, but a permit
		// that was taken has to be given back.
		s.breaker.RecordSuccess()
	default:
		m.Errors.Inc()
		s.breaker.RecordFailure()
		s.dependency.Failed(ctx, dependency.RedisFailure(err))
	}
	return all, err
}

// enqueue has values written in the background, or not at all if too many wait.
func (s *store) enqueue(w []write) {
	select {
	case s.writes <- w:
	default:
	}
}

// write writes what is enqueued until ctx ends, several requests' values in one
// round trip where they have piled up.
func (s *store) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case batch := <-s.writes:
			for more := true; more && len(batch) < maxPipelined; {
				select {
				case next := <-s.writes:
					batch = append(batch, next...)
				default:
					more = false
				}
			}
			s.put(ctx, batch)
		}
	}
}

func (s *store) put(ctx context.Context, batch []write) {
	// Writes may take longer than reads: nobody waits for them.
	ctx, cancel := context.WithTimeout(ctx, 3*s.timeout)
	defer cancel()
	start := time.Now()
	_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, w := range batch {
			pipe.Set(ctx, s.prefix+valueKey+w.key, w.value, w.ttl)
		}
		return nil
	})
	s.save.Duration.Observe(time.Since(start).Seconds())
	if err != nil {
		s.save.Errors.Inc()
		s.dependency.Failed(ctx, dependency.RedisFailure(err))
		return
	}
	for _, w := range batch {
		w.stored.Inc()
	}
}
