// Package redisurl reads the URL of a Redis. The router and the services have the same
// forms of it: those of go-redis for a single server, for the nodes of a Redis Cluster
// (addr) and for Sentinels (master_name), and unix sockets. The user and the password before
// the host are those of the Sentinels, if there are any; Redis has the parameters username and
// password then.
package redisurl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/redis/go-redis/v9"
)

var errCluster = errors.New("it names a Redis Cluster; give the URL of one server, or of Sentinels with master_name")

// ParsePrimary is [Parse] for programs whose commands and scripts use several keys, which a
// Redis Cluster may keep on different nodes: it accepts a single server and Sentinels.
func ParsePrimary(text string) (*redis.UniversalOptions, error) {
	o, err := Parse(text)
	if err == nil && o.IsClusterMode {
		return nil, errCluster
	}
	return o, err
}

// Parse returns the options for [redis.NewUniversalClient]. The error contains no part of the
// URL, which may hold a password.
func Parse(text string) (*redis.UniversalOptions, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("it cannot be read; characters such as @, / and % in a password must be percent-encoded")
	}
	switch query := u.Query(); {
	case u.Scheme != "redis" && u.Scheme != "rediss" && u.Scheme != "unix":
		return nil, fmt.Errorf("the scheme is %q; it must be redis, rediss or unix", u.Scheme)
	case u.Scheme != "unix" && u.Host == "":
		return nil, errors.New("it has no host")
	case query.Has("master_name"):
		s, err := redis.ParseFailoverURL(text)
		if err != nil {
			return nil, err
		}
		return &redis.UniversalOptions{
			Addrs: s.SentinelAddrs, MasterName: s.MasterName, DB: s.DB, Username: s.Username, Password: s.Password,
			SentinelUsername: s.SentinelUsername, SentinelPassword: s.SentinelPassword, TLSConfig: s.TLSConfig,
			ClientName: s.ClientName, Protocol: s.Protocol, PoolFIFO: s.PoolFIFO, PoolSize: s.PoolSize, MinIdleConns: s.MinIdleConns,
			MaxIdleConns: s.MaxIdleConns, MaxActiveConns: s.MaxActiveConns, ConnMaxIdleTime: s.ConnMaxIdleTime, ConnMaxLifetime: s.ConnMaxLifetime,
			DialTimeout: s.DialTimeout, ReadTimeout: s.ReadTimeout, WriteTimeout: s.WriteTimeout, PoolTimeout: s.PoolTimeout,
			MaxRetries: s.MaxRetries, MinRetryBackoff: s.MinRetryBackoff, MaxRetryBackoff: s.MaxRetryBackoff,
		}, nil
	case query.Has("addr"):
		s, err := redis.ParseClusterURL(text)
		if err != nil {
			return nil, err
		}
		return &redis.UniversalOptions{
			Addrs: s.Addrs, IsClusterMode: true, Username: s.Username, Password: s.Password, TLSConfig: s.TLSConfig,
			ClientName: s.ClientName, Protocol: s.Protocol, PoolFIFO: s.PoolFIFO, PoolSize: s.PoolSize, MinIdleConns: s.MinIdleConns,
			MaxIdleConns: s.MaxIdleConns, MaxActiveConns: s.MaxActiveConns, ConnMaxIdleTime: s.ConnMaxIdleTime, ConnMaxLifetime: s.ConnMaxLifetime,
			DialTimeout: s.DialTimeout, ReadTimeout: s.ReadTimeout, WriteTimeout: s.WriteTimeout, PoolTimeout: s.PoolTimeout,
			MaxRetries: s.MaxRetries, MinRetryBackoff: s.MinRetryBackoff, MaxRetryBackoff: s.MaxRetryBackoff,
			MaxRedirects: s.MaxRedirects,
		}, nil
	}
	s, err := redis.ParseURL(text)
	if err != nil {
		return nil, err
	}
	o := &redis.UniversalOptions{
		Addrs: []string{s.Addr}, DB: s.DB, Username: s.Username, Password: s.Password, TLSConfig: s.TLSConfig,
		ClientName: s.ClientName, Protocol: s.Protocol, PoolFIFO: s.PoolFIFO, PoolSize: s.PoolSize, MinIdleConns: s.MinIdleConns,
		MaxIdleConns: s.MaxIdleConns, MaxActiveConns: s.MaxActiveConns, ConnMaxIdleTime: s.ConnMaxIdleTime, ConnMaxLifetime: s.ConnMaxLifetime,
		DialTimeout: s.DialTimeout, ReadTimeout: s.ReadTimeout, WriteTimeout: s.WriteTimeout, PoolTimeout: s.PoolTimeout,
		MaxRetries: s.MaxRetries, MinRetryBackoff: s.MinRetryBackoff, MaxRetryBackoff: s.MaxRetryBackoff,
	}
	if u.Scheme == "unix" {
		o.Dialer = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", s.Addr)
		}
	}
	return o, nil
}
