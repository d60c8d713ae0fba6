package config

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"souk/internal/redisurl"
	"souk/router/internal/tlsfile"
)

// Redis configures the connection to a standalone Redis server, a Redis Cluster,
// or a primary monitored by Sentinels.
type Redis struct {
	URL              string        `yaml:"url" desc:"redis://user:password@host:port/db, rediss:// for TLS, or unix:///path. Query parameters: addr (a further node), master_name, pool_size and other options of the go-redis client." example:"redis://localhost:6379"`
	Addresses        []string      `yaml:"addresses" desc:"Alternative to url: host:port of Redis Cluster nodes or, with master_name, of Sentinels. A single address without master_name and cluster is a standalone server." example:"localhost:6379"`
	MasterName       string        `yaml:"master_name" desc:"Name of the primary in the Sentinel configuration." example:"mymaster"`
	Cluster          bool          `yaml:"cluster" desc:"Treat a single address as a node of a Redis Cluster. Several addresses without master_name are always a cluster."`
	Username         string        `yaml:"username" desc:"User name. It replaces the one in url." example:"souk"`
	Password         string        `yaml:"password" desc:"Password. It replaces the one in url." secret:"yes"`
	SentinelUsername string        `yaml:"sentinel_username" desc:"User name for the Sentinels." example:"sentinel"`
	SentinelPassword string        `yaml:"sentinel_password" desc:"Password for the Sentinels." secret:"yes"`
	Database         int           `yaml:"database" desc:"Database number. A Redis Cluster only has 0." min:"0"`
	TLS              RedisTLS      `yaml:"tls" desc:"TLS settings. A rediss:// URL also enables TLS."`
	KeyPrefix        string        `yaml:"key_prefix" desc:"Prefix of all keys that the router writes, so that routers of different graphs can share a Redis, or a user of Redis needs no other keys. It does not apply to response_cache.invalidation.stream, which services write: name that stream as it is." format:"key_prefix" example:"shop:"`
	Timeout          time.Duration `yaml:"timeout" desc:"Maximum duration of one command. After that the request continues without Redis." min:"1ms"`
}

// RedisOf returns the connection of a block: its own, or the one that blocks share.
func (c *Config) RedisOf(own Redis) Redis {
	if own.Configured() {
		return own
	}
	return c.Redis
}

// CacheRedis returns the connection of the response cache, idempotency records and copies of
// key sets.
func (c *Config) CacheRedis() Redis { return c.RedisOf(c.ResponseCache.Redis) }

// RateLimitRedis returns the connection of the rate limit.
func (c *Config) RateLimitRedis() Redis {
	own := c.RateLimit.Redis
	own.URL = cmp.Or(c.RateLimit.RedisURL, own.URL)
	return c.RedisOf(own)
}

// maxKeyPrefix is the maximum length of a prefix in bytes.
const maxKeyPrefix = 64

// isKeyPrefix reports whether keys may begin with s. Braces would change the slot of a key
// in a Redis Cluster.
func isKeyPrefix(s string) bool {
	return len(s) <= maxKeyPrefix && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("{}*?[]", r) })
}

// RedisTLS configures TLS for connections to Redis.
type RedisTLS struct {
	Enabled            bool   `yaml:"enabled" desc:"Use TLS."`
	CAFile             string `yaml:"ca_file" desc:"PEM file of trusted certificate authorities. It replaces the system's." example:"ca.crt"`
	CertFile           string `yaml:"cert_file" desc:"PEM file with the client certificate, for servers that require one." required_with:"key_file" example:"client.crt"`
	KeyFile            string `yaml:"key_file" desc:"PEM file with the private key of the client certificate." required_with:"cert_file" example:"client.key"`
	ServerName         string `yaml:"server_name" desc:"Host name to verify in the server certificate, if it differs from the host in the URL." example:"redis.shop.example"`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" desc:"Accept any server certificate. Do not use this in production."`
}

// Configured reports whether a URL or an address is set.
func (r Redis) Configured() bool { return r.URL != "" || len(r.Addresses) > 0 }

// Secrets returns the passwords in r, including those in the URL. They must not
// be logged.
func (r Redis) Secrets() []string {
	list := []string{r.Password, r.SentinelPassword}
	if u, err := url.Parse(r.URL); err == nil {
		password, _ := u.User.Password()
		list = append(list, password, url.QueryEscape(password), u.Query().Get("password"), u.Query().Get("sentinel_password"))
	}
	return list
}

// RedisOptions returns the options for [redis.NewUniversalClient], or nil if no Redis
// is configured. watch, unless nil, returns the TLS configuration to use in place of one; it is
// called with nil if there is no TLS. The error contains no part of the URL, which may hold a
// password. This is no method, because packages that use Redis would compile a part of the client
// each.
func RedisOptions(r Redis, watch func(*tls.Config) *tls.Config) (*redis.UniversalOptions, error) {
	if !r.Configured() {
		return nil, nil
	}
	if r.URL != "" && len(r.Addresses) > 0 {
		return nil, errors.New("url and addresses cannot be given together")
	}
	o := &redis.UniversalOptions{Addrs: r.Addresses}
	if r.URL != "" {
		var err error
		if o, err = redisurl.Parse(r.URL); err != nil {
			return nil, fmt.Errorf("url: %w; it looks like redis://localhost:6379", err)
		}
	}
	for _, address := range o.Addrs {
		if _, _, err := net.SplitHostPort(address); err != nil && o.Dialer == nil {
			return nil, fmt.Errorf("%q is not an address; it looks like localhost:6379", address)
		}
		if o.Dialer == nil && !isPort(portOfAddress(address)) {
			return nil, fmt.Errorf("%q is not an address: the port must be a number from 0 to 65535", address)
		}
	}
	o.MasterName = cmp.Or(r.MasterName, o.MasterName)
	o.IsClusterMode = o.IsClusterMode || r.Cluster
	o.Username, o.Password = cmp.Or(r.Username, o.Username), cmp.Or(r.Password, o.Password)
	o.SentinelUsername, o.SentinelPassword = cmp.Or(r.SentinelUsername, o.SentinelUsername), cmp.Or(r.SentinelPassword, o.SentinelPassword)
	o.DB = cmp.Or(r.Database, o.DB)
	cluster := o.IsClusterMode || len(o.Addrs) > 1 && o.MasterName == ""
	switch {
	case o.MasterName != "" && r.Cluster:
		return nil, errors.New("master_name and cluster cannot be given together: Sentinels watch a single primary")
	case cluster && o.DB != 0:
		return nil, errors.New("database must be 0: a Redis Cluster has no other")
	}
	// Only Redis Enterprise supports maintenance notifications; other servers
	// reject the command.
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if watch == nil {
		watch = func(c *tls.Config) *tls.Config { return c }
	}
	if err := applyTLS(o, r.TLS, watch); err != nil {
		return nil, err
	}
	return o, nil
}

// applyTLS adds the configured settings to o, whose TLS settings come from a rediss URL.
// Connections use the files as they are when they are opened.
func applyTLS(o *redis.UniversalOptions, t RedisTLS, watch func(*tls.Config) *tls.Config) error {
	if t == (RedisTLS{}) {
		o.TLSConfig = watch(o.TLSConfig)
		return nil
	}
	client := tlsfile.Client{CA: t.CAFile, Cert: t.CertFile, Key: t.KeyFile, ServerName: t.ServerName, Insecure: t.InsecureSkipVerify}
	source, err := client.Source(o.TLSConfig, tlsfile.Options{})
	if err != nil {
		return fmt.Errorf("tls.%w", err)
	}
	o.TLSConfig = source.Config()
	o.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, cmp.Or(o.DialTimeout, 5*time.Second))
		defer cancel()
		return (&tls.Dialer{Config: watch(source.For(address))}).DialContext(ctx, network, address)
	}
	return nil
}
