package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// measureInterval is the time between two measurements of a consumer group.
	measureInterval = 5 * time.Second
	// sizeInterval is the same for the memory of the streams, which Redis estimates.
	sizeInterval = 30 * time.Second
)

// measureGroup keeps the metrics of a consumer group up to date until ctx ends. Every replica
// measures, apart from the reader: one that hangs in a handler, or cannot start, must not hide
// that events wait.
func (b *Bus) measureGroup(ctx context.Context, c Consumer) {
	defer b.metrics.forget(c.Group)
	for {
		if err := b.measureStream(ctx, c.Group); err != nil {
			// An old value would look like a consumer that stands still.
			// souk_event_redis_up says that Redis does not respond.
			b.metrics.forgetStream(c.Group)
		}
		b.measureDead(ctx, c)
		if !sleep(ctx, measureInterval) {
			return
		}
	}
}

// measureStream measures what a group has not handled.
func (b *Bus) measureStream(ctx context.Context, name string) error {
	group, err := b.group(ctx, name)
	if err != nil {
		return err
	}
	lag, err := b.lag(ctx, group)
	if err != nil {
		return err
	}
	age, err := b.age(ctx, group)
	if err != nil {
		return err
	}
	b.metrics.retrying.WithLabelValues(name).Set(float64(group.Pending))
	b.metrics.lags.WithLabelValues(name).Set(float64(lag))
	b.metrics.age.WithLabelValues(name).Set(age.Seconds())
	return nil
}

// group returns the state of a consumer group. One that does not exist, because no reader has
// created it yet or Redis lost it, has read nothing: its reader starts with the oldest entry.
func (b *Bus) group(ctx context.Context, name string) (redis.XInfoGroup, error) {
	groups, err := b.redis.XInfoGroups(ctx, Stream).Result()
	if err != nil && !isNoStream(err) {
		return redis.XInfoGroup{}, fmt.Errorf("reading the consumer groups: %w", err)
	}
	if i := slices.IndexFunc(groups, func(g redis.XInfoGroup) bool { return g.Name == name }); i >= 0 {
		return groups[i], nil
	}
	return redis.XInfoGroup{Name: name, LastDeliveredID: "0-0"}, nil
}

// age returns how long ago the oldest event was published that a group has not handled, by the
// clock of Redis. It is 0 if there is none.
func (b *Bus) age(ctx context.Context, g redis.XInfoGroup) (time.Duration, error) {
	id, err := b.oldest(ctx, g)
	if id == "" || err != nil {
		return 0, err
	}
	text, _, _ := strings.Cut(id, "-")
	published, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the time of the event %s: %w", id, err)
	}
	now, err := b.redis.Time(ctx).Result()
	if err != nil {
		return 0, fmt.Errorf("reading the time of Redis: %w", err)
	}
	return max(0, now.Sub(time.UnixMilli(published))), nil
}

// oldest returns the ID of the oldest event that a group has read and not finished, or else of
// the first that it has not read.
func (b *Bus) oldest(ctx context.Context, g redis.XInfoGroup) (string, error) {
	if g.Pending > 0 {
		pending, err := b.redis.XPending(ctx, Stream, g.Name).Result()
		if err != nil {
			return "", fmt.Errorf("reading the pending events of the group %s: %w", g.Name, err)
		}
		if pending.Count > 0 {
			return pending.Lower, nil
		}
	}
	next, err := b.redis.XRangeN(ctx, Stream, "("+g.LastDeliveredID, "+", 1).Result()
	if err != nil {
		return "", fmt.Errorf("reading the next event of the group %s: %w", g.Name, err)
	}
	if len(next) == 0 {
		return "", nil
	}
	return next[0].ID, nil
}

// otherType stands for the types of dead letters that the consumer does not know.
const otherType = "_OTHER"

// measureDead counts a group's dead letters by type.
func (b *Bus) measureDead(ctx context.Context, c Consumer) {
	newest, err := b.redis.XRevRangeN(ctx, deadStream, "+", "-", maxScanned).Result()
	if err != nil {
		return // only the metrics are missing
	}
	counts := map[string]int{otherType: 0}
	for _, kind := range c.Types {
		counts[kind] = 0
	}
	for _, message := range newest {
		letter := readDeadLetter(message)
		if letter.Group != c.Group {
			continue
		}
		if _, known := counts[letter.Type]; !known {
			letter.Type = otherType
		}
		counts[letter.Type]++
	}
	for kind, n := range counts {
		b.metrics.dead.WithLabelValues(c.Group, kind).Set(float64(n))
	}
}

// measureSize measures the memory of the streams, which Redis never evicts.
func (b *Bus) measureSize(ctx context.Context) {
	for _, stream := range []string{Stream, deadStream} {
		size, err := b.redis.MemoryUsage(ctx, stream).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return // only the metrics are missing
		}
		b.metrics.size.WithLabelValues(stream).Set(float64(size))
	}
}
