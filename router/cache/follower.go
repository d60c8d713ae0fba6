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
	// lease is how long an epoch lives without being renewed.
	lease = 3 * time.Second
	// tick is how long the follower waits for events before it renews.
	tick = 250 * time.Millisecond
	// silence is how long the follower may have heard nothing before Redis is
	// not used any more: what it holds may have been invalidated unheard.
	silence = 750 * time.Millisecond
	// maxEvents bounds the entries of a stream that are read at a time.
	maxEvents = 500
	// retryPause is the wait before Redis is tried again.
	retryPause = 100 * time.Millisecond
)

// A follower applies the events of Redis streams to the cache and renews the
// epoch while it can.
type follower struct {
	cache   *Cache
	store   *store
	streams []string
	// groups are the streams that one command may read: all, but in a Redis
	// Cluster only those whose names have the same hash tag.
	groups [][]string
	pulse  *pulse
	// client is used by one command at a time, so it has one connection, which
	// waits for events nearly always. made counts its connections: another
	// one than before says that something may have been missed.
	client redis.UniversalClient
	made   atomic.Int64

	// Of the loop alone.
	connection int64
	epoch      string
	positions  map[string]string
	renewed    time.Time

	// For requests.
	usable  atomic.Bool
	known   atomic.Pointer[string] // the epoch
	heard   atomic.Int64           // when the loop last had an answer, Unix nanoseconds
	suspect atomic.Bool            // an invalidation did not get through
}

func newFollower(c *Cache) *follower {
	streams := append(slices.Clone(c.options.Streams), c.options.Prefix+invalidationsKey)
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
		// The client of a cluster asks its nodes for the cluster's state now
		// and then. It must not make connections for that, since another
		// connection means that something may have been missed.
		s.PoolSize, s.ConnMaxIdleTime = 1, -1
	}
	f.client = redis.NewUniversalClient(s)
	return f
}

// byHashTag puts keys together that are sure to be in the same slot of a Redis
// Cluster.
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

// hashTag is the part of a key that decides about its slot: what is between its
// first braces, unless that is nothing, or the whole key.
func hashTag(key string) string {
	if _, after, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(after, "}"); ok && tag != "" {
			return tag
		}
	}
	return key
}

// current is the epoch, or false while Redis is not to be used.
func (f *follower) current() (string, bool) {
	if !f.usable.Load() || f.suspect.Load() {
		return "", false
	}
	if f.cache.options.Now().UnixNano()-f.heard.Load() > int64(silence) {
		return "", false
	}
	return *f.known.Load(), true
}

// run follows until ctx ends.
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

// step does one round: it takes up Redis if it is not in use, or waits for
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

// leave takes Redis out of use.
func (f *follower) leave(ctx context.Context, err error) {
	if f.usable.Swap(false) {
		f.cache.options.Metrics.EntityCache.Available.Set(0)
		if ctx.Err() == nil { // the dependency tells causes that last
			f.cache.options.Logger.DebugContext(ctx, "entity cache: going on without Redis", "error", err)
		}
	}
}

// resume takes Redis into use: in the epoch that others have kept up, or else
// in a new one.
func (f *follower) resume(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*f.store.timeout)
	defer cancel()
	f.suspect.Store(false)
	if cluster, ok := f.client.(*redis.ClusterClient); ok {
		// The connections to all nodes are made now. A node that is away
		// matters only if it has the keys, which the next command tells.
		_ = cluster.ForEachShard(ctx, func(ctx context.Context, node *redis.Client) error { return node.Ping(ctx).Err() })
	}
	// The ends of the streams come first: what is added after them will be
	// read, what was before is void with the old epoch.
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
		return fmt.Errorf("read the cache's epoch: %w", err)
	}
	token := epoch.Val()
	// The epoch last known may have gone on while this router, and perhaps
	// all, could not follow. Another one was begun by a router that could.
	if token == "" || token == f.epoch || lost {
		return f.begin(ctx, ends)
	}
	maps.Copy(ends, positions.Val()) // that router has applied events this far
	f.use(token, ends)
	return nil
}

// ends are the ids of the streams' last entries.
func (f *follower) ends(ctx context.Context) (map[string]string, error) {
	last := make([]*redis.XMessageSliceCmd, len(f.streams))
	if _, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, stream := range f.streams {
			last[i] = p.XRevRangeN(ctx, stream, "+", "-", 1)
		}
		return nil
	}); err != nil && err != redis.Nil { //nolint:errorlint // a wrapped one is a failure
		return nil, fmt.Errorf("find the ends of the event streams: %w", err)
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

// begin starts a new epoch: everything in Redis is void.
func (f *follower) begin(ctx context.Context, positions map[string]string) error {
	epoch := newToken()
	if err := transact(ctx, f.client, func(p redis.Pipeliner) {
		f.savePositions(ctx, p, positions)
		p.Set(ctx, f.store.prefix+epochKey, epoch, lease)
	}); err != nil {
		return fmt.Errorf("begin an epoch of the cache: %w", err)
	}
	f.pulse.reset()
	f.cache.options.Metrics.EntityCache.Epochs.Inc()
	f.use(epoch, positions)
	return nil
}

func (f *follower) savePositions(ctx context.Context, p redis.Pipeliner, positions map[string]string) {
	fields := make([]any, 0, 2*len(positions))
	for stream, id := range positions {
		fields = append(fields, stream, id)
	}
	p.HSet(ctx, f.store.prefix+positionsKey, fields...)
}

// use puts Redis into use.
func (f *follower) use(epoch string, positions map[string]string) {
	f.epoch, f.positions = epoch, positions
	f.cache.generations.bumpAll()
	f.known.Store(&epoch)
	f.renewed = f.cache.options.Now()
	f.heard.Store(f.renewed.UnixNano())
	f.cache.options.Metrics.EntityCache.Available.Set(1)
	if !f.usable.Swap(true) {
		f.cache.options.Logger.Debug("entity cache: Redis is in use")
	}
}

// follow waits for events and applies them, and renews the epoch.
func (f *follower) follow(ctx context.Context, wait time.Duration) error {
	if err := f.events(ctx, wait); err != nil {
		return err
	}
	if f.made.Load() != f.connection {
		return errors.New("the connection was lost and made again")
	}
	if f.cache.options.Now().Sub(f.renewed) < tick {
		f.heard.Store(f.cache.options.Now().UnixNano())
		return nil
	}
	return f.renew(ctx)
}

// events reads the streams once; a negative wait does not wait.
func (f *follower) events(ctx context.Context, wait time.Duration) error {
	for _, streams := range f.groups {
		if err := f.read(ctx, streams, wait/time.Duration(len(f.groups))); err != nil {
			return err
		}
	}
	return nil
}

// read reads streams of one group and applies their events.
func (f *follower) read(ctx context.Context, streams []string, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, max(wait, 0)+2*f.store.timeout)
	defer cancel()
	arguments := slices.Clone(streams)
	for _, stream := range streams {
		arguments = append(arguments, f.positions[stream])
	}
	read, err := f.client.XRead(ctx, &redis.XReadArgs{Streams: arguments, Count: maxEvents, Block: wait}).Result()
	if err == redis.Nil { //nolint:errorlint // a wrapped one is a failure
		return nil
	}
	if err != nil {
		return fmt.Errorf("read events: %w", err)
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

// renew extends the lease, and looks whether Redis is the one it was.
func (f *follower) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, f.store.timeout)
	defer cancel()
	var epoch *redis.StringCmd
	if err := f.pulse.run(ctx, f.client, func(p redis.Pipeliner) {
		epoch = p.Get(ctx, f.store.prefix+epochKey)
		p.PExpire(ctx, f.store.prefix+epochKey, lease)
		f.savePositions(ctx, p, f.positions)
	}); err != nil {
		return fmt.Errorf("renew the cache's epoch: %w", err)
	}
	if epoch.Val() != f.epoch {
		return errors.New("the cache's epoch is over: Redis lost it, or another router began one")
	}
	f.renewed = f.cache.options.Now()
	f.heard.Store(f.renewed.UnixNano())
	return nil
}
