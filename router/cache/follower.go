package cache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/router/dependency"
)

const (
	// lease is the time after which an epoch expires if it is not renewed.
	lease = 3 * time.Second
	// tick is the time to wait for events before renewing the epoch.
	tick = 250 * time.Millisecond
	// silence is the time without a reply after which Redis is no longer used,
	// because an invalidation may have been missed.
	silence = 750 * time.Millisecond
	// maxEvents bounds the entries read from a stream at once.
	maxEvents = 500
	// retryPause is the pause before the next attempt to use Redis.
	retryPause = 100 * time.Millisecond
)

// A follower applies the events of Redis streams to the cache and renews the epoch.
type follower struct {
	cache   *Cache
	store   *store
	streams []string
	// groups are the streams grouped by command: in a Redis Cluster, one command
	// can only read streams with the same hash tag.
	groups [][]string
	pulse  *pulse
	// client runs one command at a time, so it has one connection, which waits
	// for events most of the time. made counts its connections: after a
	// reconnect, events may have been missed.
	client redis.UniversalClient
	made   atomic.Int64

	// The following fields belong to the goroutine of the loop.
	connection int64
	epoch      string
	positions  map[string]string
	renewed    time.Time // last renewal of the epoch

	// The following fields are read by requests.
	usable  atomic.Bool
	known   atomic.Pointer[string] // the current epoch
	heard   atomic.Int64           // time of the last reply in Unix nanoseconds
	suspect atomic.Bool            // an invalidation failed
}

func newFollower(c *Cache) *follower {
	streams := append(slices.Clone(c.options.Streams), c.options.prefix+invalidationsKey)
	f := &follower{cache: c, store: c.store, streams: streams, pulse: newPulse(c.store)}
	s := settings(c.options)
	s.MinIdleConns, s.PipelinePoolSize = 0, -1
	onConnect := s.OnConnect
	s.OnConnect = func(ctx context.Context, connection *redis.Conn) error {
		f.made.Add(1)
		if onConnect != nil {
			return onConnect(ctx, connection)
		}
		return nil
	}
	f.groups = [][]string{streams}
	if _, cluster := c.store.client.(*redis.ClusterClient); cluster {
		f.groups = byHashTag(streams)
		// A cluster client occasionally asks the nodes for the state of the
		// cluster. It must not open connections for that, because a new
		// connection means that events may have been missed.
		s.PoolSize, s.ConnMaxIdleTime = 1, -1
	}
	f.client = redis.NewUniversalClient(s)
	return f
}

// byHashTag groups keys that are in the same slot of a Redis Cluster.
func byHashTag(keys []string) [][]string {
	var groups [][]string
	index := map[string]int{}
	for _, key := range keys {
		tag := hashTag(key)
		if _, ok := index[tag]; !ok {
			index[tag] = len(groups)
			groups = append(groups, nil)
		}
		groups[index[tag]] = append(groups[index[tag]], key)
	}
	return groups
}

// hashTag returns the part of a key that determines its slot: the text between its first
// braces, if not empty, or else the whole key.
func hashTag(key string) string {
	if _, after, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(after, "}"); ok && tag != "" {
			return tag
		}
	}
	return key
}

// current returns the epoch, or false if Redis must not be used.
func (f *follower) current() (string, bool) {
	if !f.usable.Load() || f.suspect.Load() {
		return "", false
	}
	if f.cache.options.Now().UnixNano()-f.heard.Load() > int64(silence) {
		return "", false
	}
	return *f.known.Load(), true
}

// run follows the events until ctx is done.
func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := f.step(ctx, tick); err != nil && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(retryPause):
			}
		}
	}
}

// step does one round. If Redis is not in use, it tries to resume; otherwise it waits for
// events, applies them and renews the epoch. After an error Redis is not in use.
func (f *follower) step(ctx context.Context, wait time.Duration) error {
	var err error
	if !f.usable.Load() || f.suspect.Load() {
		err = f.resume(ctx)
	} else {
		err = f.follow(ctx, wait)
	}
	if err != nil {
		f.leave(ctx, err)
	}
	if ctx.Err() == nil {
		f.cache.options.Dependency.Observe(ctx, dependency.RedisFailure(err))
	}
	return err
}

// leave stops the use of Redis.
func (f *follower) leave(ctx context.Context, err error) {
	if f.usable.Swap(false) {
		f.cache.options.Metrics.EntityCache.Available.Set(0)
		if ctx.Err() == nil { // the dependency logs lasting failures
			f.cache.options.Logger.DebugContext(ctx, "entity cache: continuing without Redis", "error", err)
		}
	}
}

// resume starts the use of Redis: in the epoch that other routers have kept alive, or
// else in a new one.
func (f *follower) resume(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*f.store.timeout)
	defer cancel()
	f.suspect.Store(false)
	if cluster, ok := f.client.(*redis.ClusterClient); ok {
		// Connect to all nodes now. An unavailable node matters only if it
		// has our keys; the next command detects that.
		_ = cluster.ForEachShard(ctx, func(ctx context.Context, node *redis.Client) error { return node.Ping(ctx).Err() })
	}
	// Read the ends of the streams first: later entries will be read, and
	// earlier ones concern values of the old epoch.
	ends, err := f.ends(ctx)
	if err != nil {
		return err
	}
	f.connection = f.made.Load()
	var (
		epoch     *redis.StringCmd
		positions *redis.MapStringStringCmd
	)
	err = f.pulse.run(ctx, f.client, func(p redis.Pipeliner) {
		epoch = p.Get(ctx, f.store.prefix+epochKey)
		positions = p.HGetAll(ctx, f.store.prefix+positionsKey)
	})
	lost := errors.Is(err, errLost)
	if err != nil && !lost {
		return fmt.Errorf("reading the epoch of the entity cache: %w", err)
	}
	token := epoch.Val()
	// The last known epoch may have continued while this router, and perhaps all
	// routers, could not follow. A different epoch was started by a router that
	// could.
	if token == "" || token == f.epoch || lost {
		return f.begin(ctx, ends)
	}
	maps.Copy(ends, positions.Val()) // up to here the other routers have applied events
	f.use(token, ends)
	return nil
}

// ends returns the IDs of the last entries of the streams.
func (f *follower) ends(ctx context.Context) (map[string]string, error) {
	last := make([]*redis.XMessageSliceCmd, len(f.streams))
	if _, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, stream := range f.streams {
			last[i] = p.XRevRangeN(ctx, stream, "+", "-", 1)
		}
		return nil
	}); err != nil && err != redis.Nil { //nolint:errorlint // a wrapped Nil is a failure
		return nil, fmt.Errorf("reading the ends of the event streams: %w", err)
	}
	ends := make(map[string]string, len(f.streams))
	for i, stream := range f.streams {
		ends[stream] = "0-0"
		if messages := last[i].Val(); len(messages) > 0 {
			ends[stream] = messages[0].ID
		}
	}
	return ends, nil
}

// begin starts a new epoch, which makes everything in Redis void.
func (f *follower) begin(ctx context.Context, positions map[string]string) error {
	epoch := newToken()
	if err := transact(ctx, f.client, func(p redis.Pipeliner) {
		f.savePositions(ctx, p, positions)
		p.Set(ctx, f.store.prefix+epochKey, epoch, lease)
	}); err != nil {
		return fmt.Errorf("starting an epoch of the entity cache: %w", err)
	}
	f.pulse.reset()
	f.cache.options.Metrics.EntityCache.Epochs.Inc()
	f.use(epoch, positions)
	return nil
}

// savePositions stores the positions in the streams up to which events are applied.
func (f *follower) savePositions(ctx context.Context, p redis.Pipeliner, positions map[string]string) {
	fields := make([]any, 0, 2*len(positions))
	for stream, id := range positions {
		fields = append(fields, stream, id)
	}
	p.HSet(ctx, f.store.prefix+positionsKey, fields...)
}

// use marks Redis as in use, in an epoch.
func (f *follower) use(epoch string, positions map[string]string) {
	f.epoch, f.positions = epoch, positions
	f.cache.versions.bumpAll()
	f.known.Store(&epoch)
	f.renewed = f.cache.options.Now()
	f.heard.Store(f.renewed.UnixNano())
	f.cache.options.Metrics.EntityCache.Available.Set(1)
	if !f.usable.Swap(true) {
		f.cache.options.Logger.Debug("entity cache: using Redis")
	}
}

// follow waits for events, applies them and renews the epoch.
func (f *follower) follow(ctx context.Context, wait time.Duration) error {
	if err := f.events(ctx, wait); err != nil {
		return err
	}
	if f.made.Load() != f.connection {
		return errors.New("the connection to Redis was lost and reopened")
	}
	if f.cache.options.Now().Sub(f.renewed) < tick {
		f.heard.Store(f.cache.options.Now().UnixNano())
		return nil
	}
	return f.renew(ctx)
}

// events reads the streams once. It does not wait if wait is negative.
func (f *follower) events(ctx context.Context, wait time.Duration) error {
	for _, streams := range f.groups {
		if err := f.read(ctx, streams, wait/time.Duration(len(f.groups))); err != nil {
			return err
		}
	}
	return nil
}

// read reads the streams of one group and applies their events.
func (f *follower) read(ctx context.Context, streams []string, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, max(wait, 0)+2*f.store.timeout)
	defer cancel()
	arguments := slices.Clone(streams)
	for _, stream := range streams {
		arguments = append(arguments, f.positions[stream])
	}
	read, err := f.client.XRead(ctx, &redis.XReadArgs{Streams: arguments, Count: maxEvents, Block: wait}).Result()
	if err == redis.Nil { //nolint:errorlint // a wrapped Nil is a failure
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	for _, stream := range read {
		if len(stream.Messages) == 0 {
			continue
		}
		var tags []string
		for _, message := range stream.Messages {
			tags = append(tags, f.cache.tagsOf(stream.Stream, message.Values)...)
		}
		if err := f.cache.apply(ctx, f.client, tags); err != nil {
			return err
		}
		f.positions[stream.Stream] = stream.Messages[len(stream.Messages)-1].ID
	}
	return nil
}

// renew extends the lease and checks that Redis has not lost data.
func (f *follower) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, f.store.timeout)
	defer cancel()
	var epoch *redis.StringCmd
	if err := f.pulse.run(ctx, f.client, func(p redis.Pipeliner) {
		epoch = p.Get(ctx, f.store.prefix+epochKey)
		p.PExpire(ctx, f.store.prefix+epochKey, lease)
		f.savePositions(ctx, p, f.positions)
	}); err != nil {
		return fmt.Errorf("renewing the epoch of the entity cache: %w", err)
	}
	if epoch.Val() != f.epoch {
		return errors.New("the epoch of the entity cache has ended: Redis lost it, or another router started a new one")
	}
	f.renewed = f.cache.options.Now()
	f.heard.Store(f.renewed.UnixNano())
	return nil
}
