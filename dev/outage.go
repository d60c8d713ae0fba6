package dev

import (
	"context"
	"strings"
)

// StopPostgres kills the system's own Postgres, as a crash would. The services
// keep running. Committed data survives only with Options.Dir.
func (s *System) StopPostgres() error { return s.postgres.Crash() }

// StartPostgres restarts it with its data at the same address.
func (s *System) StartPostgres(ctx context.Context) error { return s.postgres.Recover(ctx) }

// RedisURL returns the URL of the Redis that the services and the router use.
func (s *System) RedisURL() string { return s.redis.url }

// StopRedis stops the in-process Redis. Its data is lost.
func (s *System) StopRedis() error { return s.redis.stop() }

// StartRedis starts an empty Redis at the same address.
func (s *System) StartRedis(context.Context) error {
	if s.redis.own == nil {
		return nil // an external Redis: not ours to start
	}
	// A closed miniredis no longer knows its address.
	restarted, err := runRedis(strings.TrimPrefix(s.redis.url, "redis://"))
	if err != nil {
		return err
	}
	s.redis = restarted
	return nil
}
