package convert

import (
	"reflect"
	"strings"
	"testing"

	"souk/router/gateway/config"
)

// The addresses of a Redis Cluster and of Sentinels are converted, with users, passwords and TLS.
func TestClustersAndSentinelsAreConverted(t *testing.T) {
	for input, want := range map[string]config.Redis{
		`urls: ["redis://one"]`:                                                                                         {URL: "redis://one"},
		`urls: ["redis-cluster://one:7000"]`:                                                                            {Addresses: []string{"one:7000"}, Cluster: true},
		`urls: ["redis-cluster://one,two:7001"]`:                                                                        {Addresses: []string{"one:6379", "two:7001"}, Cluster: true},
		`urls: ["redis-cluster://one", "redis-cluster://two"]`:                                                          {Addresses: []string{"one:6379", "two:6379"}, Cluster: true},
		`urls: ["redis-cluster://one?node=two:7001&node=[::1]:7002"]`:                                                   {Addresses: []string{"one:6379", "two:7001", "[::1]:7002"}, Cluster: true},
		`urls: ["rediss-cluster://u:p%40w@one", "rediss-cluster://u:p%40w@two"]`:                                        {Addresses: []string{"one:6379", "two:6379"}, Cluster: true, Username: "u", Password: "p@w", TLS: config.RedisTLS{Enabled: true}},
		`urls: ["redis-cluster://u:p@one"], username: a, password: b`:                                                   {Addresses: []string{"one:6379"}, Cluster: true, Username: "a", Password: "b"},
		`urls: ["redis://one:1", "redis://two:2"]`:                                                                      {Addresses: []string{"one:1", "two:2"}, Cluster: true},
		`urls: ["redis-sentinel://h1:26379/mymaster","redis-sentinel://h2"]`:                                            {Addresses: []string{"h1:26379", "h2:26379"}, MasterName: "mymaster"},
		`urls: ["rediss-sentinel://u:p@h1/3?sentinelServiceName=main&sentinelUsername=s&sentinelPassword=t&node=h2:1"]`: {Addresses: []string{"h1:26379", "h2:1"}, MasterName: "main", Username: "u", Password: "p", SentinelUsername: "s", SentinelPassword: "t", Database: 3, TLS: config.RedisTLS{Enabled: true}},
		// What cannot be used leaves no rest.
		`urls: ["http://one"], username: a, password: b`:                     {},
		`urls: ["redis-sentinel://h1"], password: b`:                         {},
		`urls: ["redis://one", "rediss://two"], password: b`:                 {},
		`urls: ["redis-cluster://a:b@one", "redis-cluster://c:d@two"]`:       {},
		`urls: ["redis-cluster://one:port"], password: b`:                    {},
		`urls: ["amqp-cluster://one"], password: b`:                          {},
		`username: a, password: b`:                                           {},
		`urls: ["redis-sentinel://h1/x?sentinelServiceName=m"], password: b`: {},
	} {
		for section, redis := range map[string]func(config.Config) config.Redis{
			"apq: {router: {cache: {redis: {%}}}}":                                          func(c config.Config) config.Redis { return c.PersistedDocuments.Redis },
			"response_cache: {enabled: true, subgraph: {all: {enabled: true, redis: {%}}}}": func(c config.Config) config.Redis { return c.ResponseCache.Redis },
		} {
			r, got := convertedFrom(t, "apollo", strings.Replace(section, "%", input, 1))
			own := redis(got)
			want.Timeout = own.Timeout
			if len(own.Addresses) == 0 {
				own.Addresses = nil
			}
			if !reflect.DeepEqual(own, want) {
				t.Errorf("%s: got %+v, want %+v\n%s", input, own, want, r.Config)
			}
			reported(t, r, strings.Replace(section, "%", input, 1))
		}
	}
}

// Files of certificates need not be where the conversion runs.
func TestCertificatesOfRedisAreConverted(t *testing.T) {
	r, err := Convert([]byte(`apq: {router: {cache: {redis: {urls: ["redis://one"], tls: {certificate_authorities: "${file./no/ca.pem}", client_authentication: {certificate_chain: "${file./no/c.pem}", key: "${file./no/k.pem}"}}}}}}`), "apollo")
	if err != nil || len(r.Lost()) > 0 || !strings.Contains(r.Config, "tls:\n      ca_file: \"/no/ca.pem\"\n      cert_file: \"/no/c.pem\"\n      key_file: \"/no/k.pem\"\n") {
		t.Errorf("got %v, %v\n%s", r.Lost(), err, r.Config)
	}
}

// A second Redis that differs from the first is reported, and does not become a part of it.
func TestServersOfRedisAreNotMixed(t *testing.T) {
	for _, urls := range [][2]string{
		{"redis-cluster://one", "redis-cluster://two"}, {"redis://one", "redis-cluster://two"}, {"redis-cluster://one", "redis://two"},
	} {
		r, got := convertedFrom(t, "apollo", "response_cache: {enabled: true, subgraph: {all: {redis: {urls: ['"+urls[0]+"']}}, subgraphs: {a: {redis: {urls: ['"+urls[1]+"']}}}}}")
		redis := got.ResponseCache.Redis
		if text := redis.URL + strings.Join(redis.Addresses, ","); !strings.Contains(text, "one") || strings.Contains(text, "two") {
			t.Errorf("%v: got %+v", urls, redis)
		}
		if !strings.Contains(r.Config, "subgraphs.a.redis.urls (line 1) has no equivalent") {
			t.Errorf("%v: got\n%s", urls, r.Config)
		}
	}
}

// Cosmo Router uses all URLs of a cluster, and otherwise the first.
func TestURLsOfCosmosRedis(t *testing.T) {
	for storage, want := range map[string]config.Redis{
		"urls: ['redis://u:p@one:1', 'redis://u:p@two:2'], cluster_enabled: true":  {Addresses: []string{"one:1", "two:2"}, Cluster: true, Username: "u", Password: "p"},
		"urls: ['redis://one:1', 'redis://two:2'], cluster_enabled: false":         {URL: "redis://one:1"},
		"urls: ['redis://one:1'], cluster_enabled: true":                           {URL: "redis://one:1", Cluster: true},
		"urls: ['rediss://one:1/', 'rediss://two:2/'], cluster_enabled: true":      {Addresses: []string{"one:1", "two:2"}, Cluster: true, TLS: config.RedisTLS{Enabled: true}},
		"urls: ['http://one'], cluster_enabled: true, password: a, key_prefix: ab": {},
	} {
		r, got := convertedFrom(t, "cosmo", "version: '1'\nrate_limit: {enabled: true, storage: {"+storage+"}}")
		own := got.RateLimit.Redis
		want.Timeout = own.Timeout
		if len(own.Addresses) == 0 {
			own.Addresses = nil
		}
		if !reflect.DeepEqual(own, want) {
			t.Errorf("%s: got %+v, want %+v\n%s", storage, own, want, r.Config)
		}
	}
}
