package config

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"time"

	"souk/internal/boundedfile"
	"souk/router/internal/tlsfile"
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
	Kind  string      `yaml:"kind" desc:"Kind of the broker: redis (Redis Streams), nats (NATS JetStream) or kafka." enum:"redis,nats,kafka"`
	Redis Redis       `yaml:"redis" desc:"Connection of the kind redis, if not the one in redis. The key of a stream is key_prefix and the topic."`
	Field string      `yaml:"field" desc:"Field of the entries of a Redis stream that has the JSON payload. Default: data." example:"data"`
	NATS  NATSEvents  `yaml:"nats" desc:"Connection of the kind nats."`
	Kafka KafkaEvents `yaml:"kafka" desc:"Connection of the kind kafka."`
}

// NATSEvents configures a connection to NATS.
type NATSEvents struct {
	URLs            []string  `yaml:"urls" desc:"Servers, such as nats://localhost:4222, or tls:// for TLS." example:"nats://localhost:4222"`
	Username        string    `yaml:"username" desc:"User name." example:"souk"`
	Password        string    `yaml:"password" desc:"Password." secret:"yes"`
	Token           string    `yaml:"token" desc:"Token, in place of a user name and a password." secret:"yes"`
	CredentialsFile string    `yaml:"credentials_file" desc:"File with a JWT and the key of a user of NATS." example:"souk.creds"`
	TLS             BrokerTLS `yaml:"tls" desc:"TLS settings. A tls:// URL also enables TLS."`
}

// KafkaEvents configures connections to Kafka.
type KafkaEvents struct {
	Brokers []string  `yaml:"brokers" desc:"host:port of brokers. The others are found through them." example:"localhost:9092"`
	SASL    KafkaSASL `yaml:"sasl" desc:"Authentication of the router."`
	TLS     BrokerTLS `yaml:"tls" desc:"TLS settings."`
}

// KafkaSASL configures the authentication of the router.
type KafkaSASL struct {
	Mechanism string `yaml:"mechanism" desc:"Mechanism. Without one, the router does not authenticate itself." enum:",PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" example:"SCRAM-SHA-512"`
	Username  string `yaml:"username" desc:"User name." example:"souk"`
	Password  string `yaml:"password" desc:"Password." secret:"yes"`
}

// BrokerTLS configures TLS for connections to a message broker. The files are read again when
// they change.
type BrokerTLS struct {
	Enabled            bool   `yaml:"enabled" desc:"Use TLS."`
	CAFile             string `yaml:"ca_file" desc:"PEM file of trusted certificate authorities. It replaces the system's. New connections use a changed file within a second." example:"ca.crt"`
	CertFile           string `yaml:"cert_file" desc:"PEM file with the client certificate, for servers that require one." required_with:"key_file" example:"client.crt"`
	KeyFile            string `yaml:"key_file" desc:"PEM file with the private key of the client certificate." required_with:"cert_file" example:"client.key"`
	ServerName         string `yaml:"server_name" desc:"Host name to verify in the server certificate, if it differs from the address." example:"broker.shop.example"`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" desc:"Accept any server certificate. Do not use this in production."`
}

// Source returns the configuration of connections, or nil without TLS.
func (t BrokerTLS) Source(o tlsfile.Options) (*tlsfile.Source, error) {
	if t == (BrokerTLS{}) {
		return nil, nil
	}
	client := tlsfile.Client{CA: t.CAFile, Cert: t.CertFile, Key: t.KeyFile, ServerName: t.ServerName, Insecure: t.InsecureSkipVerify}
	source, err := client.Source(nil, o)
	if err != nil {
		return nil, fmt.Errorf("tls.%w", err)
	}
	return source, nil
}

// Secrets returns the passwords in p. They must not be logged.
func (p EventProvider) Secrets() []string {
	list := append(p.Redis.Secrets(), p.NATS.Password, p.NATS.Token, p.Kafka.SASL.Password)
	for _, text := range p.NATS.URLs {
		if u, err := url.Parse(text); err == nil && u.User != nil {
			password, has := u.User.Password()
			if !has {
				password = u.User.Username() // a token
			}
			list = append(list, password, url.QueryEscape(password))
		}
	}
	return list
}

// EventRedis returns the connection of a provider of the kind redis.
func (c *Config) EventRedis(p EventProvider) Redis { return c.RedisOf(p.Redis) }

func (e EventSources) check(shared Redis, add addFunc) {
	for _, name := range slices.Sorted(maps.Keys(e.Providers)) {
		p, at := e.Providers[name], "event_sources.providers."+name
		add(!isName(name), at, fmt.Sprintf("%s: the name must be letters, digits, - and _", at))
		add(p.Kind == "", at, at+" has no kind, such as redis")
		add(p.Kind == "nats" && len(p.NATS.URLs) == 0, at, at+" needs nats.urls, such as [nats://localhost:4222]", at+".nats.urls")
		add(p.Kind == "kafka" && len(p.Kafka.Brokers) == 0, at, at+" needs kafka.brokers, such as [localhost:9092]", at+".kafka.brokers")
		sasl := p.Kafka.SASL
		add(sasl.Mechanism == "" && (sasl.Username != "" || sasl.Password != ""), at+".kafka.sasl",
			at+".kafka.sasl has a user without a mechanism, so that the router would not authenticate itself; set mechanism, such as SCRAM-SHA-512")
		add(sasl.Mechanism != "" && sasl.Username == "", at+".kafka.sasl", at+".kafka.sasl has a mechanism without a username")
		add(p.Kind == "redis" && reflect.ValueOf(p.Redis).IsZero() && !shared.Configured(), at, at+" needs redis.url, or the connection in the block redis", "redis", at+".redis")
	}
}

// checkFiles reads the files of a provider at a key.
func (p EventProvider) checkFiles(at string, k *checker) {
	for key, t := range map[string]BrokerTLS{"nats": p.NATS.TLS, "kafka": p.Kafka.TLS} {
		_, err := t.Source(tlsfile.Options{})
		k.file(at+"."+key, err)
	}
	if name := p.NATS.CredentialsFile; name != "" {
		if _, err := boundedfile.ReadRegular(name, maxSecret); err != nil {
			k.fail(at+".nats.credentials_file", "%s.nats.credentials_file: %v", at, err)
		}
	}
}
