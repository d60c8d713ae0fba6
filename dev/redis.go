package dev

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"souk/internal/loopback"
	"souk/internal/redisurl"
)

const (
	pingTimeout = 3 * time.Second
	// expiryTick is how often keys in the in-process Redis age. miniredis has
	// no clock of its own.
	expiryTick = 100 * time.Millisecond
)

// A redisServer is a running Redis, in this process or external.
type redisServer struct {
	url         string
	description string
	own         *miniredis.Miniredis
	cancel      context.CancelFunc
	done        chan struct{}
}

// startRedis connects to the Redis at a URL, or starts one in this process if
// the URL is empty.
func startRedis(ctx context.Context, url string) (*redisServer, error) {
	if url != "" {
		return connectRedis(ctx, url)
	}
	address, err := loopback.Address(ctx, loopback.Host) // a fixed address, so that it can restart there
	if err != nil {
		return nil, err
	}
	return runRedis(address)
}

// runRedis starts an empty Redis in this process.
func runRedis(address string) (*redisServer, error) {
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(address); err != nil {
		return nil, fmt.Errorf("starting the in-process Redis: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server.Server().SetPreHook(newStreamReads(ctx, server).hook)
	r := &redisServer{
		url: "redis://" + server.Addr(), description: server.Addr() + ", in this process",
		own: server, cancel: cancel, done: make(chan struct{}),
	}
	go r.age(ctx)
	return r, nil
}

func connectRedis(ctx context.Context, url string) (*redisServer, error) {
	options, err := redisurl.ParsePrimary(url)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL %q is invalid: %w; set it to a URL such as redis://localhost:6379", url, err)
	}
	description := strings.Join(options.Addrs, ", ")
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	options.ContextTimeoutEnabled = true // a Redis that hangs must not outlast pingTimeout
	client := redis.NewUniversalClient(options)
	defer client.Close()
	if err := client.Ping(ctx).Err(); err != nil {
		return nil, fmt.Errorf("cannot connect to Redis at %s; start it, or unset REDIS_URL to run one in this process: %w", description, err)
	}
	return &redisServer{url: url, description: description}, nil
}

func (r *redisServer) age(ctx context.Context) {
	defer close(r.done)
	tick := time.NewTicker(expiryTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			r.own.SetTime(now)
			r.own.FastForward(expiryTick)
		}
	}
}

func (r *redisServer) stop() error {
	if r.own == nil {
		return nil
	}
	r.cancel()
	<-r.done
	r.own.Close()
	return nil
}
