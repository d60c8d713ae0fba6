package router

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/router/dependency"
	"souk/router/eventsource"
	"souk/router/gateway/config"
	"souk/router/internal/tlsfile"
)

const (
	// withoutEvents is the effect of a message broker that fails.
	withoutEvents = "subscriptions to its events wait; those that begin get an error"
	// eventTimeout bounds a command to a broker that does not wait for events.
	eventTimeout = 5 * time.Second
	// otherConnections is how many connections to Redis there may be for anything but waiting
	// for new entries: the subscriptions that read past events share them.
	otherConnections = 16
	// eventReadBuffer is the size of a connection's buffer in bytes. There may be thousands of
	// connections.
	eventReadBuffer = 4 << 10
)

// addEventSources connects the message brokers. The connections are opened when the first
// subscription needs them.
func (r *Router) addEventSources() error {
	c := r.config.EventSources
	if len(c.Providers) == 0 {
		return nil
	}
	sources := map[string]eventsource.Source{}
	dependencies := map[string]*dependency.Dependency{}
	var err error
	for name, p := range c.Providers {
		d := r.dependencies.Open(dependency.EventSource, name, dependency.Use{Effect: withoutEvents})
		source, openErr := r.openEventSource(name, p, d)
		if openErr != nil {
			err = errors.Join(err, fmt.Errorf("event_sources.providers.%s: %w", name, openErr))
			d.Close()
			continue
		}
		sources[name], dependencies[name] = source, d
	}
	r.eventHub = eventsource.NewHub(eventsource.Options{
		Sources:     sources,
		MaxTopics:   c.MaxTopics,
		QueueEvents: max(r.config.Subscriptions.QueueEvents, 1), QueueBytes: r.config.Subscriptions.QueueBytes,
		MaxEventBytes: c.MaxEventBytes, ConnectTimeout: c.ConnectTimeout, Interval: c.Interval, MaxInterval: c.MaxInterval,
		Logger:  r.options.Telemetry.Logger,
		Metrics: r.metrics.Topic,
		Observe: func(ctx context.Context, provider string, err error) { dependencies[provider].Observe(ctx, err) },
	})
	r.closers = append(r.closers, func() error {
		err := r.eventHub.Close()
		for _, d := range dependencies {
			d.Close()
		}
		return err
	})
	return err
}

func (r *Router) openEventSource(name string, p config.EventProvider, d *dependency.Dependency) (eventsource.Source, error) {
	r.dependencies.Hide(p.Secrets()...)
	brokerTLS := tlsfile.Options{
		Watch:   d.WatchCertificates,
		Changed: tlsChanged(context.Background(), r.options.Telemetry.Logger.With("event_source", name)),
	}
	switch p.Kind {
	case "nats":
		secure, err := p.NATS.TLS.Source(brokerTLS)
		if err != nil {
			return nil, fmt.Errorf("nats: %w", err)
		}
		return eventsource.NewNATS(eventsource.NATSOptions{
			URLs: p.NATS.URLs, Username: p.NATS.Username, Password: p.NATS.Password, Token: p.NATS.Token,
			CredentialsFile: p.NATS.CredentialsFile, TLS: secure, Wait: r.config.EventSources.Interval,
		})
	case "kafka":
		secure, err := p.Kafka.TLS.Source(brokerTLS)
		if err != nil {
			return nil, fmt.Errorf("kafka: %w", err)
		}
		sasl := p.Kafka.SASL
		return eventsource.NewKafka(eventsource.KafkaOptions{Brokers: p.Kafka.Brokers, Mechanism: sasl.Mechanism, Username: sasl.Username, Password: sasl.Password, TLS: secure})
	}
	c := r.config.EventRedis(p)
	options, err := config.RedisOptions(c, d.WatchCertificates)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	if options == nil {
		return nil, errors.New("redis: url is missing, such as redis://localhost:6379")
	}
	r.dependencies.Hide(c.Secrets()...)
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = eventTimeout, eventTimeout, eventTimeout, eventTimeout
	options.PoolSize = r.config.EventSources.MaxTopics + otherConnections
	options.ReadBufferSize, options.WriteBufferSize = eventReadBuffer, eventReadBuffer
	options.MaxRetries, options.DialerRetries = -1, 1 // the reader of a topic tries again
	options.ContextTimeoutEnabled = true
	return eventsource.NewRedis(redis.NewUniversalClient(options), c.KeyPrefix, cmp.Or(p.Field, "data")), nil
}
