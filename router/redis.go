package router

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/router/dependency"
	"souk/router/gateway/config"
)

// idempotencyTimeout bounds one Redis command for idempotency records, unless
// response_cache.redis.timeout is longer. The default of that is short, because the response
// cache is optional: requests with an Idempotency-Key fail without Redis.
const idempotencyTimeout = 500 * time.Millisecond

// redis returns a Redis client for anything but the entity cache, or nil if none is
// configured. The client reports its health as the dependency with the given name.
// Router.Close closes both.
func (r *Router) redis(name, effect string, c config.Redis, timeout time.Duration) (redis.UniversalClient, error) {
	if !c.Configured() {
		return nil, nil
	}
	d := r.dependencies.Open(dependency.Redis, name, dependency.Use{Effect: effect})
	options, err := config.RedisOptions(c, d.WatchCertificates)
	if err != nil {
		d.Close()
		return nil, err
	}
	// A late reply is useless, and retries would exceed the timeout: the next request
	// tries again.
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = timeout, timeout, timeout, timeout
	options.MaxRetries, options.DialerRetries = -1, 1
	options.ContextTimeoutEnabled = true
	client := redis.NewUniversalClient(options)
	r.dependencies.Hide(c.Secrets()...)
	d.WatchRedis(client)
	ctx, cancel := context.WithCancel(context.Background())
	probed := make(chan struct{})
	go func() {
		defer close(probed)
		probe(ctx, client, c.KeyPrefix, timeout)
	}()
	r.closers = append(r.closers, func() error {
		cancel()
		<-probed
		d.Close()
		return client.Close()
	})
	return client, nil
}

// probe writes to Redis once, so that an unusable Redis is reported when the router starts
// rather than when the first request needs it. The client reports the result to its
// dependency.
func probe(ctx context.Context, client redis.UniversalClient, prefix string, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, max(timeout, time.Second))
	defer cancel()
	_ = client.Set(ctx, prefix+"souk:probe", time.Now().UnixMilli(), time.Second).Err()
}

// redisError adds the configuration block to an error.
func redisError(block string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", block, err)
	}
	return nil
}
