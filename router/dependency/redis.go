package dependency

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// WatchRedis reports how each command of a client goes, outside pipelines. It
// suits a client whose commands fail or succeed alike; of one that also reads
// from what it may not write to, failures and successes would take turns.
func (d *Dependency) WatchRedis(client redis.UniversalClient) {
	if d != nil {
		client.AddHook(redisHook{d})
	}
}

type redisHook struct{ d *Dependency }

// DialHook implements redis.Hook. A command that needs the connection reports
// that there is none.
func (h redisHook) DialHook(next redis.DialHook) redis.DialHook {
	return next
}

// ProcessHook implements redis.Hook.
func (h redisHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if ctx.Err() == nil || !errors.Is(ctx.Err(), context.Canceled) { // else the caller gave up
			h.d.Observe(ctx, RedisFailure(err))
		}
		return err
	}
}

// ProcessPipelineHook implements redis.Hook. Clients greet a server in a
// pipeline, of which an older server may refuse parts; a greeting that fails
// for good fails the command that needs the connection.
func (h redisHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// redisHints say what to do about errors of Redis, by their prefix.
var redisHints = []struct{ prefix, hint string }{
	{"MOVED ", "this is one node of a Redis Cluster: set cluster: true, or give the addresses of several nodes"},
	{"CLUSTERDOWN", "the Redis Cluster is not complete"},
	{"CROSSSLOT", "this is one node of a Redis Cluster: set cluster: true, or give the addresses of several nodes"},
	{"READONLY", "this is a replica, which cannot be written to: give the address of the primary, or those of the Sentinels with master_name"},
	{"WRONGPASS", "check the username and the password"},
	{"NOAUTH", "Redis wants a password: set one in the URL or by password"},
	{"NOPERM", "the user may not do this: extend its ACL"},
	{"Client sent AUTH, but no password is set", "Redis has no password: remove it from the configuration"},
	{"AUTH <password> called without any password configured", "Redis has no password: remove it from the configuration"},
	{"unknown command", "this is a Sentinel, unless Redis is older than version 6: give its address in addresses, with master_name"},
	{"LOADING", "Redis reads its data and is ready soon"},
	{"MASTERDOWN", "the replica has lost its primary"},
	{"MISCONF", "Redis cannot save its data: see its log"},
	{"OOM", "Redis has no memory left: raise maxmemory, or set maxmemory-policy to evict keys"},
}

// RedisFailure is nil for what is not a failure of Redis: a key that is not
// there, a script that it has yet to be sent. To another error it adds what to
// do about it, where that is known.
func RedisFailure(err error) error {
	// A client of Sentinels wraps Nil when they do not know the primary.
	if err == nil || err == redis.Nil || redis.HasErrorPrefix(err, "NOSCRIPT") { //nolint:errorlint // a wrapped Nil is a failure
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
