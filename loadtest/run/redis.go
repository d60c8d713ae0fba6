package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/internal/loopback"
)

// A redisProcess is a redis-server that keeps its data across a crash. If the
// program is not installed it is nil, and the store runs Redis in its own
// process.
type redisProcess struct {
	path, dir, address string
	cmd                *exec.Cmd
}

func startRedis(ctx context.Context, dir string) (*redisProcess, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, nil //nolint:nilerr // nil: use the in-process Redis
	}
	address, err := loopback.Address(ctx, loopback.Host)
	if err != nil {
		return nil, fmt.Errorf("finding a port for Redis: %w", err)
	}
	r := &redisProcess{path: path, dir: filepath.Join(dir, "redis"), address: address}
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		return nil, fmt.Errorf("creating a directory for Redis: %w", err)
	}
	return r, r.start(ctx)
}

func (r *redisProcess) start(ctx context.Context) error {
	_, port, _ := net.SplitHostPort(r.address)
	r.cmd = exec.Command(r.path, "--bind", "127.0.0.1", "--port", port, "--dir", r.dir, "--appendonly", "yes", "--save", "") //nolint:noctx // kill ends it
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("starting Redis: %w", err)
	}
	client := redis.NewClient(&redis.Options{Addr: r.address})
	defer client.Close()
	err := poll(ctx, 20*time.Second, func() error { return client.Ping(ctx).Err() })
	if err != nil {
		return fmt.Errorf("waiting for Redis: %w", err)
	}
	return nil
}

func (r *redisProcess) kill() {
	if r == nil || r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill() // an error means that it has ended
	_ = r.cmd.Wait()
	r.cmd = nil
}

func (r *redisProcess) url() string {
	if r == nil {
		return ""
	}
	return "redis://" + r.address
}

// String describes the Redis.
func (r *redisProcess) String() string {
	if r == nil {
		return "an in-process Redis"
	}
	return "redis-server at " + r.address
}

// poll calls try until it succeeds or the limit has passed.
func poll(ctx context.Context, limit time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}
