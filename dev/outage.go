package dev

import "context"

// StopPostgres ends the system's own Postgres as a crash would. The services
// go on without it.
func (s *System) StopPostgres() error { return s.postgres.Crash() }

// StartPostgres starts it again, with its data, where it was.
func (s *System) StartPostgres(ctx context.Context) error { return s.postgres.Recover(ctx) }

// StopRedis ends the Redis in this process, and what it held is gone.
func (s *System) StopRedis() error { return s.redis.stop() }

// StartRedis starts an empty one where it was.
func (s *System) StartRedis(context.Context) (err error) {
	if s.redis.own == nil {
		return nil // somebody else's, who starts it
	}
	s.redis, err = runRedis(s.redis.own.Addr())
	return err
}
