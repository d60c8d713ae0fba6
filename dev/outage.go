package dev

import (
	"context"
	"strings"
)

// StopPostgres ends the system's own Postgres as a crash would. The services
// go on without it. Only with Options.Dir does it keep all that it committed.
func (s *System) StopPostgres() error { return s.postgres.Crash() }

// StartPostgres starts it again, with its data, where it was.
func (s *System) StartPostgres(ctx context.Context) error { return s.postgres.Recover(ctx) }

// StopRedis ends the Redis in this process, and what it held is gone.
func (s *System) StopRedis() error { return s.redis.stop() }

// StartRedis starts an empty one where it was.
func (s *System) StartRedis(context.Context) error {
	if s.redis.own == nil {
		return nil // somebody else's, who starts it
	}
	// A closed one does not know its address any more.
	restarted, err := runRedis(strings.TrimPrefix(s.redis.url, "redis://"))
	if err != nil {
		return err
	}
	s.redis = restarted
	return nil
}
