package eventsource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"souk/router/telemetry"
)

// Options configure a Hub.
type Options struct {
	// Sources are the providers by name. The Hub closes them.
	Sources map[string]Source
	// MaxTopics bounds the number of topics that are read at the same time.
	MaxTopics int
	// QueueEvents and QueueBytes bound the events that wait for one subscriber.
	QueueEvents, QueueBytes int
	// MaxEventBytes bounds the size of an event. Larger ones are dropped.
	MaxEventBytes int
	// ConnectTimeout bounds the time that a new subscription waits for its provider.
	ConnectTimeout time.Duration
	// Interval is the delay before a topic is read again after a failure, which doubles up
	// to MaxInterval. Half of it is random.
	Interval, MaxInterval time.Duration
	// Logger receives failures of providers.
	Logger *slog.Logger
	// Metrics returns the counters of a topic, by provider and the template of its name.
	Metrics func(provider, topic string) *telemetry.EventTopic
	// Observe reports the state of a provider: nil if it works.
	Observe func(ctx context.Context, provider string, err error)
}

// A Hub reads topics: each once for all of its subscribers.
type Hub struct {
	options Options
	ctx     context.Context // done when the Hub is closed
	cancel  context.CancelFunc
	readers sync.WaitGroup

	mu     sync.Mutex
	topics map[topicKey]*topic
}

type topicKey struct{ provider, name string }

// NewHub returns a Hub without topics.
func NewHub(o Options) *Hub {
	h := &Hub{options: o, topics: map[topicKey]*topic{}}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// Close ends all readers and closes the sources. There must be no subscribers.
func (h *Hub) Close() error {
	h.cancel()
	var err error
	for name, s := range h.options.Sources {
		if closeErr := s.Close(); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("closing the event source %q: %w", name, closeErr))
		}
	}
	h.readers.Wait()
	return err
}

// errTooManyTopics reports that MaxTopics is reached.
var errTooManyTopics = errors.New("the router reads as many topics as event_sources.max_topics allows")

// join returns a topic with one more user. It starts to read a topic that nobody uses yet.
func (h *Hub) join(key topicKey, m *telemetry.EventTopic) (*topic, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[key]
	if t == nil {
		if len(h.topics) >= h.options.MaxTopics {
			return nil, errTooManyTopics
		}
		t = &topic{hub: h, key: key, source: h.options.Sources[key.provider], metrics: m, started: make(chan struct{}), subscribers: map[*subscriber]struct{}{}}
		t.ctx, t.cancel = context.WithCancel(h.ctx)
		h.topics[key] = t
		h.readers.Go(t.run)
	}
	t.users++
	return t, nil
}

// leave removes a user. The last one ends the reader.
func (h *Hub) leave(t *topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.users--; t.users == 0 {
		h.drop(t)
		t.cancel()
	}
}

// forget makes sure that nobody joins a topic that has failed.
func (h *Hub) forget(t *topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(t)
}

func (h *Hub) drop(t *topic) {
	if h.topics[t.key] == t {
		delete(h.topics, t.key)
	}
}

// pause waits before the next attempt, with jitter. It reports false if ctx is done.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait/2 + rand.N(wait/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
