package dependency

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// WatchRedis reports the result of each command of a client, outside pipelines. All
// commands should succeed or fail alike: with a client that reads from a server
// it may not write to, the state would alternate.
func (d *Dependency) WatchRedis(client interface{ AddHook(redis.Hook) }) {
	if d != nil {
		client.AddHook(redisHook{d})
	}
}

type redisHook struct{ d *Dependency }

// DialHook implements redis.Hook. It reports nothing, because the command that
// needs the connection reports the failure.
func (h redisHook) DialHook(next redis.DialHook) redis.DialHook {
	return next
}

// ProcessHook implements redis.Hook.
func (h redisHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if ctx.Err() == nil || !errors.Is(ctx.Err(), context.Canceled) { // otherwise the caller gave up
			h.d.Observe(ctx, RedisFailure(err))
		}
		return err
	}
}

// ProcessPipelineHook implements redis.Hook. It reports nothing: clients send their
// handshake in a pipeline, and older servers reject parts of it. If the handshake
// fails, the command that needs the connection reports the failure.
func (h redisHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// redisHints are remedies for errors of Redis, by the prefix of the message.
var redisHints = []struct{ prefix, hint string }{
	{"MOVED ", "the server is a node of a Redis Cluster: set cluster: true or configure the addresses of several nodes"},
	{"CLUSTERDOWN", "the Redis Cluster is incomplete: check its nodes"},
	{"CROSSSLOT", "the server is a node of a Redis Cluster: set cluster: true or configure the addresses of several nodes"},
	{"READONLY", "the server is a read-only replica: configure the address of the primary, or the addresses of the Sentinels and master_name"},
	{"WRONGPASS", "check the username and the password"},
	{"NOAUTH", "Redis requires a password: set it in the URL or in password"},
	{"NOPERM", "the Redis user lacks a permission: extend its ACL"},
	{"Client sent AUTH, but no password is set", "Redis has no password: remove it from the configuration"},
	{"AUTH <password> called without any password configured", "Redis has no password: remove it from the configuration"},
	{"unknown command", "the server is a Sentinel or older than Redis 6: for a Sentinel, configure its address in addresses and set master_name"},
	{"LOADING", "Redis is loading its data and will be ready soon"},
	{"MASTERDOWN", "the replica has lost its primary"},
	{"MISCONF", "Redis cannot save its data: check its log"},
	{"OOM", "Redis is out of memory: raise maxmemory or set a maxmemory-policy that evicts keys"},
}

// RedisFailure returns nil for replies that are not a failure of Redis: a missing
// key, and a script that the client has to send first. To other errors it adds a
// remedy if it knows one.
func RedisFailure(err error) error {
	// Compare with ==: a Sentinel client wraps Nil if the Sentinels do not know
	// the primary, and that is a failure.
	if err == nil || err == redis.Nil || redis.HasErrorPrefix(err, "NOSCRIPT") { //nolint:errorlint // see above
		return nil
	}
	if strings.Contains(err.Error(), "all sentinels") {
		return fmt.Errorf("%w: check the addresses of the Sentinels and master_name", err)
	}
	for _, h := range redisHints {
		if redis.HasErrorPrefix(err, h.prefix) {
			return fmt.Errorf("%w: %s", err, h.hint)
		}
	}
	return err
}
