package router

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/router/dependency"
	"souk/router/gateway/config"
)

// idempotencyTimeout bounds a command about idempotency records.
const idempotencyTimeout = 500 * time.Millisecond

// redis makes a client for what is not the entity cache; nil if none is
// configured. The client reports to the dependency of the given name. Close
// closes both.
func (r *Router) redis(name, effect string, c config.Redis, timeout time.Duration) (redis.UniversalClient, error) {
	options, err := c.Options()
	if err != nil || options == nil {
		return nil, err
	}
	// What does not come in time is of no use, and trying again is for the
	// next request.
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = timeout, timeout, timeout, timeout
	options.MaxRetries, options.DialerRetries = -1, 1
	options.ContextTimeoutEnabled = true
	client := redis.NewUniversalClient(options)
	r.dependencies.Hide(c.Secrets()...)
	d := r.dependencies.Open(dependency.Redis, name, dependency.Use{Effect: effect})
	d.WatchRedis(client)
	ctx, cancel := context.WithCancel(context.Background())
	probed := make(chan struct{})
	go func() {
		defer close(probed)
		probe(ctx, client, timeout)
	}()
	r.closers = append(r.closers, func() error {
		cancel()
		<-probed
		d.Close()
		return client.Close()
	})
	return client, nil
}

// probe writes to a Redis once, so that one which cannot be used is told of when
// the router starts, and not when the first request needs it. The client
// reports how it went.
func probe(ctx context.Context, client redis.UniversalClient, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, max(timeout, time.Second))
	defer cancel()
	_ = client.Set(ctx, "souk:probe", time.Now().UnixMilli(), time.Second).Err()
}

// redisError says which block of the configuration an error is about.
func redisError(block string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", block, err)
	}
	return nil
}
