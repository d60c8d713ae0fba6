package config

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// EventSources configures the message brokers whose events feed subscriptions with
// @eventStream.
type EventSources struct {
	Providers      map[string]EventProvider `yaml:"providers" desc:"Message brokers by the name that the argument provider of @eventStream has."`
	MaxTopics      int                      `yaml:"max_topics" desc:"Maximum number of topics that the router reads at the same time. Further subscriptions are rejected. Each topic is read once, for all of its subscribers; with Redis, over a connection of its own." min:"1"`
	MaxEventBytes  int                      `yaml:"max_event_bytes" desc:"Maximum size of an event. Larger ones are dropped, counted and logged." min:"1"`
	ConnectTimeout time.Duration            `yaml:"connect_timeout" desc:"How long a new subscription waits for its broker before the client receives an error." min:"1ms"`
	Interval       time.Duration            `yaml:"interval" desc:"Delay before a topic is read again after a failure, from where it stopped. Each further attempt doubles it, with jitter." min:"1ms"`
	MaxInterval    time.Duration            `yaml:"max_interval" desc:"Maximum delay between two attempts." min:"1ms"`
}

// EventProvider configures one message broker.
type EventProvider struct {
	Kind  string `yaml:"kind" desc:"Kind of the broker: redis (Redis Streams)." enum:"redis" example:"redis"`
	Redis Redis  `yaml:"redis" desc:"Connection of the kind redis, if not the one in redis. The key of a stream is key_prefix and the topic."`
	Field string `yaml:"field" desc:"Field of the entries of a Redis stream that has the JSON payload. Default: data." example:"data"`
}

// EventRedis returns the connection of a provider of the kind redis.
func (c *Config) EventRedis(p EventProvider) Redis { return c.RedisOf(p.Redis) }

func (e EventSources) check(shared Redis, add addFunc) {
	for _, name := range slices.Sorted(maps.Keys(e.Providers)) {
		p, at := e.Providers[name], "event_sources.providers."+name
		add(!isName(name), at, fmt.Sprintf("%s: the name must be letters, digits, - and _", at))
		add(p.Kind == "", at, at+" has no kind, such as redis")
		add(p.Kind == "redis" && !p.Redis.Configured() && !shared.Configured(), at, at+" needs redis.url, or the connection in the block redis", "redis", at+".redis")
	}
	add(e.MaxInterval < e.Interval, "event_sources.max_interval", fmt.Sprintf("event_sources.max_interval is %v, less than event_sources.interval", e.MaxInterval), "event_sources.interval")
}
