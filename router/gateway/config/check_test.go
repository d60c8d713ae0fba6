package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/router/gateway/config"
)

// A key is a path in the configuration that takes a value.
type key struct {
	path  []string // "[]" for an item of a list, "name" for an entry of a map
	typ   reflect.Type
	value reflect.Value // the default; invalid below lists and maps
}

// allKeys returns every key of the configuration.
func allKeys() []key {
	var keys []key
	var walk func(path []string, t reflect.Type, v reflect.Value)
	walk = func(path []string, t reflect.Type, v reflect.Value) {
		if t.Kind() == reflect.Pointer {
			t, v = t.Elem(), reflect.Value{}
		}
		if len(path) > 0 {
			keys = append(keys, key{path: path, typ: t, value: v})
		}
		switch t.Kind() {
		case reflect.Struct:
			for i := range t.NumField() {
				var inner reflect.Value
				if v.IsValid() {
					inner = v.Field(i)
				}
				walk(append(slices.Clone(path), t.Field(i).Tag.Get("yaml")), t.Field(i).Type, inner)
			}
		case reflect.Map:
			walk(append(slices.Clone(path), "name"), t.Elem(), reflect.Value{})
		case reflect.Slice:
			walk(append(slices.Clone(path), "[]"), t.Elem(), reflect.Value{})
		}
	}
	walk(nil, reflect.TypeFor[config.Config](), reflect.ValueOf(config.Default()))
	return keys
}

// document returns a configuration that sets only this key.
func (k key) document(value string) string {
	out := value
	for _, step := range slices.Backward(k.path) {
		if step == "[]" {
			out = "[" + out + "]"
		} else {
			out = "{" + step + ": " + out + "}"
		}
	}
	return out
}

func (k key) String() string { return strings.ReplaceAll(strings.Join(k.path, "."), ".[]", "[0]") }

var durationType = reflect.TypeFor[time.Duration]()

// goTypes are names of Go types, which messages must not contain.
var goTypes = regexp.MustCompile(`unmarshal|struct|u?int(8|16|32|64)|float64|\bGo\b|reflect|interface|config\.`)

func refused(t *testing.T, k key, value string) {
	t.Helper()
	_, err := config.Parse([]byte(k.document(value)), environment)
	var problems config.Errors
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Errorf("%s: %s is accepted (%v)", k, value, err)
		return
	}
	named := false
	for _, p := range problems {
		named = named || strings.Contains(p.Message, k.String())
		if p.Line != 1 || p.Column < 2 {
			t.Errorf("%s: %s: problem reported at %d:%d: %s", k, value, p.Line, p.Column, p.Message)
		}
		if goTypes.MatchString(p.Message) {
			t.Errorf("%s: %s: the message contains a Go type: %s", k, value, p.Message)
		}
	}
	if !named {
		t.Errorf("%s: %s: no message names the key: %v", k, value, err)
	}
}

func TestEveryKeyRejectsOtherTypes(t *testing.T) {
	for _, k := range allKeys() {
		values := []string{"abc", "[[abc]]", "{zzz: 1}", "1.5"}
		switch {
		case k.typ == durationType:
			values = append(values, "true", "5", `"5"`)
		case k.typ.Kind() == reflect.Bool:
			values = append(values, "1", `"true"`)
		case k.typ.Kind() == reflect.Int:
			values = append(values, "true", "1e99", `"5"`)
		case k.typ.Kind() == reflect.Float64:
			values = []string{"abc", "[1]", "{zzz: 1}", ".nan", ".inf", `"5"`}
		case k.typ.Kind() == reflect.String:
			values = []string{"[abc]", "{zzz: 1}"}
		case k.typ.Kind() == reflect.Slice:
			values = []string{"abc", "{zzz: 1}", "true"}
			if k.typ.Elem().Kind() == reflect.String {
				values = append(values, "[[abc]]", "[~]")
			}
		case k.typ.Kind() == reflect.Map:
			values = []string{"abc", "[abc]", `{"": ~}`}
		}
		for _, v := range values {
			refused(t, k, v)
		}
	}
}

func TestEveryNumberIsBounded(t *testing.T) {
	for _, k := range allKeys() {
		switch {
		case k.typ == durationType:
			refused(t, k, "-7s")
		case k.typ.Kind() == reflect.Int, k.typ.Kind() == reflect.Float64:
			refused(t, k, "-7")
		}
	}
}

// A key without a value keeps its default, as if it were absent.
func TestKeysWithoutAValueKeepTheirDefaults(t *testing.T) {
	for _, k := range allKeys() {
		if slices.Contains(k.path, "[]") || slices.Contains(k.path, "name") {
			continue // it has no default
		}
		for _, nothing := range []string{"~", ""} {
			c, err := config.Parse([]byte(k.document(nothing)), environment)
			if err != nil || !reflect.DeepEqual(c, config.Default()) {
				t.Errorf("%s: %q changes the default (%v)", k, nothing, err)
			}
		}
	}
}

// An empty string is rejected unless it is the default, which means unset, or
// the description gives it a meaning.
func TestEveryKeyRejectsAnEmptyString(t *testing.T) {
	allowed := map[string]string{
		"admin.listen":                    "empty for none",
		"authentication.jwt.scheme":       "tokens come without a word before them",
		"headers.all.set.name":            "a header may have no value",
		"headers.subgraphs.name.set.name": "a header may have no value",
	}
	required := map[string]bool{
		"override_subgraph_urls.name": true, "canary.override_subgraph_urls.name": true, "admin.console.events.services.name": true,
		"headers.all.rename.name": true, "headers.subgraphs.name.rename.name": true,
		"headers.all.set_from_claims.name": true, "headers.subgraphs.name.set_from_claims.name": true,
		"headers.all.set_from_context.name": true, "headers.subgraphs.name.set_from_context.name": true,
	}
	for _, k := range allKeys() {
		optional := k.typ.Kind() == reflect.String && k.path[len(k.path)-1] != "[]" && (!k.value.IsValid() || k.value.String() == "")
		if k.typ.Kind() == reflect.String && (allowed[k.String()] != "" || optional && !required[k.String()]) {
			// In maps, an enum must be set or absent.
			if _, err := config.Parse([]byte(k.document(`""`)), environment); err != nil && !strings.Contains(err.Error(), "must be one of") && !strings.Contains(err.Error(), " has no ") && !strings.Contains(err.Error(), "must have either") {
				t.Errorf("%s: %v", k, err)
			}
			continue
		}
		refused(t, k, `""`)
	}
}

func TestCheckRejectsContradictorySettings(t *testing.T) {
	for text, want := range map[string]string{
		"rate_limit: {enabled: true, by: header}":                                      `1:33: rate_limit.by is header, which requires rate_limit.header, such as X-API-Key`,
		"rate_limit: {enabled: true, requests: 0}":                                     `rate_limit.requests is 0; it must be 1 or more`,
		"rate_limit: {enabled: true, interval: 0s}":                                    `rate_limit.interval is 0s`,
		"rate_limit: {by: header, header: 'a b'}":                                      `rate_limit.header is "a b"; it must be a header's name`,
		"rate_limit: {redis: {url: 'http://redis'}}":                                   `rate_limit.redis: url: the scheme is "http"; it must be redis, rediss or unix`,
		"rate_limit: {redis_url: 'redis://a:hidden#@b/x'}":                             `rate_limit.redis_url: url: `,
		"response_cache: {enabled: true}":                                              `1:27: response_cache.enabled needs redis.url or response_cache.redis.url`,
		"response_cache: {redis: {url: 'redis://:hidden/a@b'}}":                        `response_cache.redis: url: `,
		"response_cache: {redis: {addresses: [a]}}":                                    `response_cache.redis: "a" is not an address`,
		"response_cache: {redis: {addresses: ['a:1'], url: 'redis://a'}}":              `url and addresses cannot be given together`,
		"response_cache: {redis: {addresses: ['a:1'], master_name: m, cluster: true}}": `master_name and cluster cannot be given together`,
		"response_cache: {redis: {addresses: ['a:1', 'b:1'], database: 2}}":            `database must be 0`,
		"response_cache: {redis: {addresses: ['a:1'], tls: {ca_file: /nowhere}}}":      `tls.ca_file: open /nowhere`,
		"response_cache: {redis: {tls: {cert_file: a}}}":                               `response_cache.redis.tls.cert_file needs response_cache.redis.tls.key_file`,
		"response_cache: {subgraph: {subgraphs: {a: {ttl: 0s}}}}":                      `response_cache.subgraph.subgraphs.a.ttl is 0s; it must be 1ms or more`,
		"listen: '${HOME}'":                  `1:9: listen is "${HOME}"; it must be host:port, such as 127.0.0.1:4000 or :4000, or a Unix socket, such as unix:/run/souk.sock or unix:/run/souk.sock?mode=0660; the environment variable HOME is written as ${env.HOME}`,
		"listen: nowhere":                    `1:9: listen is "nowhere"; it must be host:port, such as 127.0.0.1:4000 or :4000, or a Unix socket, such as unix:/run/souk.sock`,
		"admin: {listen: '127.0.0.1:99999'}": `1:17: admin.listen is "127.0.0.1:99999"; the port must be a number from 0 to 65535`,
		"listen: 127.0.0.1:80000":            `1:9: listen is "127.0.0.1:80000"; the port must be a number from 0 to 65535`,
		"{listen: '127.0.0.1:4000', admin: {listen: '127.0.0.1:4000'}}": `admin.listen is "127.0.0.1:4000", and listen is "127.0.0.1:4000": both need the same port; choose another one`,
		"{listen: ':4000', admin: {listen: 'localhost:4000'}}":          `admin.listen is "localhost:4000", and listen is ":4000": both need the same port; choose another one`,
		"listen: ':http'":      `1:9: listen is ":http"; the port must be a number from 0 to 65535`,
		"listen: ':-1'":        `1:9: listen is ":-1"; the port must be a number from 0 to 65535`,
		"listen: 'localhost:'": `1:9: listen is "localhost:"; it must be host:port`,
		"override_subgraph_urls: {a: 'http://u:hidden@b:80000'}":                    `override_subgraph_urls.a is "http://xxxxx@b:80000"; the port must be a number from 0 to 65535`,
		"authentication: {jwt: {jwks: [{url: 'https://a:80000'}]}}":                 `authentication.jwt.jwks[0].url is "https://a:80000"; the port must be a number from 0 to 65535`,
		"subscriptions: {subgraphs: {a: {url: 'ws://a:80000'}}}":                    `subscriptions.subgraphs.a.url is "ws://a:80000"; the port must be a number from 0 to 65535`,
		"response_cache: {redis: {addresses: ['a:80000']}}":                         `response_cache.redis: "a:80000" is not an address: the port must be a number from 0 to 65535`,
		"response_cache: {redis: {url: 'redis://:hidden@a:80000'}}":                 `response_cache.redis: "a:80000" is not an address: the port must be a number from 0 to 65535`,
		"override_subgraph_urls: {a: 'ftp://u:hidden@b'}":                           `override_subgraph_urls.a is "ftp://xxxxx@b"; it must be a URL`,
		"override_subgraph_urls: {a: ['http://b', 'ftp://u:hidden@b']}":             `1:42: override_subgraph_urls.a[1] is "ftp://xxxxx@b"; it must be a URL`,
		"override_subgraph_urls: {a: ['http://b:80000']}":                           `1:30: override_subgraph_urls.a[0] is "http://b:80000"; the port must be a number`,
		"override_subgraph_urls: {a: [http://b, '']}":                               `1:40: override_subgraph_urls.a[1] is empty`,
		"override_subgraph_urls: {a: []}":                                           `1:26: override_subgraph_urls.a is an empty list; it must have a URL`,
		"override_subgraph_urls: {a: {b: c}}":                                       `1:29: override_subgraph_urls.a is a block of keys; it must be a string or a list of strings`,
		"override_subgraph_urls: {a: [http://b, http://b]}":                         `1:26: override_subgraph_urls.a: the URL "http://b" is there twice`,
		"override_subgraph_urls: {a: ['http://u:hidden@b', http://c]}":              `override_subgraph_urls.a: its URLs have different user names or passwords; give all of them the same`,
		"canary: {override_subgraph_urls: {a: []}}":                                 `canary.override_subgraph_urls.a is an empty list`,
		"subscriptions: {subgraphs: {a: {protocol: http}}}":                         `subscriptions.subgraphs.a.protocol is "http"; it must be one of ws, sse`,
		"subscriptions: {heartbeat: 0s}":                                            `subscriptions.heartbeat is 0s; it must be 1ms or more`,
		"subscriptions: {all: {interval: 99ms}}":                                    `subscriptions.all.interval is 99ms; it must be 100ms or more`,
		"subscriptions: {all: {max_interval: 1ns}}":                                 `subscriptions.all.max_interval is 1ns; it must be 100ms or more`,
		"subscriptions: {subgraphs: {a: {max_interval: 10ms}}}":                     `subscriptions.subgraphs.a.max_interval is 10ms; it must be 100ms or more`,
		"subscriptions: {all: {ping_interval: 1ns}}":                                `subscriptions.all.ping_interval is 1ns; it must be 100ms or more`,
		"subscriptions: {callback: {heartbeat_interval: 1ns}}":                      `subscriptions.callback.heartbeat_interval is 1ns; it must be 100ms or more, or 0s for none`,
		"supergraph: {poll_interval: 0s}":                                           `supergraph.poll_interval is 0s; it must be 10ms or more`,
		"traffic_shaping: {all: {circuit_breaker: {window: 5ns}}}":                  `traffic_shaping.all.circuit_breaker.window is 5ns; it must be 100ms or more`,
		"traffic_shaping: {subgraphs: {a: {circuit_breaker: {window: 1ms}}}}":       `traffic_shaping.subgraphs.a.circuit_breaker.window is 1ms; it must be 100ms or more`,
		"traffic_shaping: {all: {circuit_breaker: {error_threshold: 50}}}":          `error_threshold is 50; it must be from 0 to 1`,
		"traffic_shaping: {subgraphs: {a: {retry: {budget: 10}}}}":                  `traffic_shaping.subgraphs.a.retry.budget is 10; it must be from 0 to 1`,
		"authentication: {jwt: {required: true}}":                                   `authentication.jwt.required needs a key set`,
		"authentication: {jwt: {jwks: [{issuer: a}]}}":                              `authentication.jwt.jwks[0] has no url and no file`,
		"authentication: {jwt: {jwks: [{url: 'https://a', file: b}]}}":              `authentication.jwt.jwks[0] has a url and a file; a key set has one of them`,
		"authentication: {jwt: {jwks: [{file: b, headers: {A: b}}]}}":               `authentication.jwt.jwks[0].headers needs authentication.jwt.jwks[0].url`,
		"authentication: {jwt: {jwks: [{file: b, tls: {ca_file: a}}]}}":             `authentication.jwt.jwks[0].tls needs authentication.jwt.jwks[0].url`,
		"authentication: {jwt: {jwks: [{file: /nowhere}]}}":                         `1:38: authentication.jwt.jwks[0].file: open /nowhere: no such file`,
		"authentication: {jwt: {jwks: [{url: 'file:///a'}]}}":                       `authentication.jwt.jwks[0].url is "file:///a"; it must be a URL`,
		"authentication: {jwt: {jwks: [{url: keys}]}}":                              `1:37: authentication.jwt.jwks[0].url is "keys"; it must be a URL, such as https://issuer.example/.well-known/jwks.json`,
		"authentication: {jwt: {algorithms: [RS256, none]}}":                        `1:44: authentication.jwt.algorithms[1] is "none"; it must be one of RS256, `,
		"authentication: {jwt: {algorithms: [HS256], jwks: [{url: 'https://a'}]}}":  `1:37: authentication.jwt.algorithms[0] is "HS256"; it must be one of RS256, `,
		"response_cache: {subgraph: {all: {types: [A]}}}":                           `1:42: response_cache.subgraph.all.types cannot be set for all subgraphs`,
		"response_cache: {subgraph: {all: {ttl: 1s, shared_root: [a]}}}":            `response_cache.subgraph.all.shared_root cannot be set for all subgraphs`,
		"persisted_documents: {path: a.json}\nmcp: {enabled: true, path: /graphql}": `path is "/graphql", which is the path of another endpoint of the router`,
		"mcp: {enabled: true}":                                                      "mcp.enabled needs persisted_documents.path or persisted_documents.remote",
		"mcp: {allowed_hosts: ['https://a.example/']}":                              `mcp.allowed_hosts: "https://a.example/" is no host`,
		"path: /readyz":  `1:7: path is "/readyz", which is the path of another endpoint of the router`,
		"path: /health/": `path is "/health/", which is the path of another endpoint of the router`,
		"path: /metrics": `path is "/metrics", which is the path of another endpoint of the router`,
		"health_check: {liveness_paths: [/metrics]}":                                    `telemetry.metrics_path is "/metrics", which is the path of another endpoint`,
		"health_check: {readiness_paths: [/debug/pprof]}":                               `1:34: health_check.readiness_paths[0] is "/debug/pprof", which is the path of another endpoint`,
		"health_check: {readiness_paths: [/up], liveness_paths: [/up/]}":                `1:34: health_check.readiness_paths[0] is "/up", which is the path of another endpoint`,
		"health_check: {liveness_paths: [up]}":                                          `health_check.liveness_paths[0] is "up"; it must be a path`,
		"telemetry: {metrics_path: /console/metrics}":                                   `telemetry.metrics_path is "/console/metrics", which is the path of another endpoint`,
		"{path: /stats, telemetry: {metrics_path: /stats}}":                             `1:8: path is "/stats", which is the path of another endpoint`,
		"health_check: {listen: '0.0.0.0:9090'}":                                        `health_check.listen is "0.0.0.0:9090", which is also the address of another port`,
		"cors: {policies: [{max_age: 1s}]}":                                             `cors.policies[0] applies to no origin`,
		"cors: {policies: [{allow_origins: ['*'], allow_credentials: true}]}":           `cors.policies[0].allow_credentials cannot be combined with the origin *`,
		"cors: {allow_credentials: true, policies: [{allow_origins: ['*']}]}":           `cors.policies[0].allow_credentials cannot be combined with the origin *`,
		"cors: {allow_credentials: true, match_origins: ['https://.*']}":                `1:49: cors.match_origins has "https://.*", which matches every origin`,
		"cors: {match_origins: ['(']}":                                                  `cors.match_origins[0] is "("; it must be a regular expression`,
		"cors: {allow_methods: [post]}":                                                 `cors.allow_methods[0] is "post"; it must be the name of an HTTP method`,
		"cors: {policies: [{allow_origins: ['shop.example']}]}":                         `cors.policies[0].allow_origins has "shop.example"; an origin is`,
		"redis: {key_prefix: 'a{b}'}":                                                   `redis.key_prefix is "a{b}"; it must be printable ASCII of at most 64 bytes`,
		"redis: {timeout: 0s}":                                                          `redis.timeout is 0s; it must be 1ms or more`,
		"redis: {url: 'ftp://a'}":                                                       `redis: url: `,
		"rate_limit: {policies: [{requests: 1, interval: 1s, by: all}]}":                `rate_limit.policies[0] has no name`,
		"rate_limit: {policies: [{name: default, requests: 1, interval: 1s, by: all}]}": `rate_limit.policies[0].name is "default", which another policy has`,
		"rate_limit: {policies: [{name: a, interval: 1s, by: all}]}":                    `rate_limit.policies[0] has no requests`,
		"rate_limit: {policies: [{name: a, requests: 1, by: all}]}":                     `rate_limit.policies[0] has no interval`,
		"rate_limit: {policies: [{name: a, requests: 1, interval: 1s, by: claim}]}":     `1:66: rate_limit.policies[0].by is claim, which requires rate_limit.policies[0].claim`,
		"rate_limit: {policies: [{name: 'a b', requests: 1, interval: 1s}]}":            `rate_limit.policies[0].name is "a b"; it must be letters, digits`,
		"path: /api":                                       `path is "/api", but paths below /api/ are reserved for REST routes`,
		"path: /api/graphql":                               `path is "/api/graphql", but paths below /api/ are reserved for REST routes`,
		"playground: {path: /healthz}":                     `1:20: playground.path is "/healthz", which is the path of another endpoint of the router`,
		"playground: {path: /api/play}":                    `playground.path is "/api/play", but paths below /api/`,
		"{dev: true, path: /a, playground: {path: /a/}}":   `1:42: path and playground.path are both "/a"; they must differ`,
		"{path: /playground, playground: {enabled: true}}": `1:8: path and playground.path are both "/playground"; they must differ`,
		"path: '/{a}'":                                     `path is "/{a}"; it must be a path`,
		"path: '/a?b'":                                     `path is "/a?b"; it must be a path`,
		"path: /a/../b":                                    `path is "/a/../b"; it must be a path`,
		"path: //a":                                        `path is "//a"; it must be a path`,
		"path: '/a*b'":                                     `path is "/a*b"; it must be a path that begins with /, such as /graphql, with parameters for whole segments`,
		"path: '/*/graphql'":                               `path is "/*/graphql"; it must be a path`,
		"path: '/:a*'":                                     `path is "/:a*"; it must be a path`,
		"path: '/:'":                                       `path is "/:"; it must be a path`,
		"path: '/:a/'":                                     `path is "/:a/"; it must be a path`,
		"path: '/:a-b/c'":                                  `path is "/:a-b/c"; it must be a path`,
		"path: '/api/*'":                                   `path is "/api/*", but paths below /api/`,
		"path: '/:api/graphql'":                            `path is "/:api/graphql", but /api/graphql belongs to another endpoint`,
		"path: '/healthz*'":                                `path is "/healthz*", but /healthz belongs to another endpoint`,
		"{path: '/:a', playground: {enabled: true, path: /}}": `1:49: playground.path is "/", and path is the pattern "/:a"`,
		"playground: {path: '/p/*'}":                          `playground.path is "/p/*"; it must be a path that begins with /, such as /graphql, without wildcards and parameters`,
		"health_check: {liveness_paths: ['/:a']}":             `health_check.liveness_paths[0] is "/:a"; it must be a path`,
		"limits: {mode: off}":                                 `limits.mode is "off"; it must be one of enforce, log; a limit is off if it is 0, such as limits.max_depth: 0`,
		"limits: {modes: {max_aliases: off}}":                 `a limit is off if it is 0, such as limits.max_aliases: 0`,
		"listen: 'unix:/run/a.sock?mode=9'":                   `listen is "unix:/run/a.sock?mode=9"; it must be host:port`,
		"admin: {listen: 'unix:/a?mod=0660'}":                 `admin.listen is "unix:/a?mod=0660"; it must be host:port`,
		"[listen, path]":                                      `1:1: the configuration is a list; it must be a block with the keys admin, `,
		"listen":                                              `1:1: the configuration is "listen"; it must be a block with the keys admin, `,
		"7":                                                   `1:1: the configuration is "7"; it must be a block with the keys admin, `,
		"demand_control: {enabled: true, max: 0}":             `demand_control.max is 0`,
		"limits: {modes: {http_max_request_bytes: log}}":      `limits.modes.http_max_request_bytes: this limit has no mode`,
		"limits: {clients: {a: {max_depth: -1}}}":             `limits.clients.a.max_depth is -1; it must be 0 or more`,
		"rate_limit: {policies: [{name: a, requests: 1, interval: 1s, mode: warn}]}":                                                `rate_limit.policies[0].mode is "warn"; it must be one of enforce, log`,
		"limits: {modes: {max_depth: warn}}":                                                                                        `limits.modes.max_depth is "warn"; it must be one of enforce, log`,
		"telemetry: {attributes: {a: {from: operation, key: colour}}}":                                                              `telemetry.attributes.a.key is "colour"; of an operation it must be one of name, type`,
		"telemetry: {span_attributes: [a]}":                                                                                         `telemetry.span_attributes names the attribute a, which telemetry.attributes does not have`,
		"telemetry: {instruments: {http.x: {type: counter, measure: operations}}}":                                                  `telemetry.instruments.http.x: names that begin with http_ are those of the router`,
		"telemetry: {instruments: {a.b: {type: counter, measure: errors}, a_b: {type: counter, measure: cost}}}":                    `telemetry.instruments.a_b is a_b_total for Prometheus, as is a.b`,
		"telemetry: {instruments: {a: {measure: errors}}}":                                                                          `telemetry.instruments.a has no type or no measure`,
		"http: {batching: {enabled: true, max_size: 0}}":                                                                            `http.batching.max_size is 0`,
		"limits: {max_depth: abc}":                                                                                                  `1:21: limits.max_depth is "abc"; it must be a whole number, such as 100`,
		"rate_limit: {enabled: true, requests: 2000000, interval: 1s}":                                                              `1:39: rate_limit.requests is 2000000 in 1s; at most a million requests per second can be counted`,
		"rate_limit: {policies: [{name: a, requests: 11, interval: 10us}]}":                                                         `rate_limit.policies[0].requests is 11 in 10µs; at most a million requests per second`,
		"coprocessor: {url: 'http://a'}":                                                                                            `1:20: coprocessor.url is set, but no stage is enabled`,
		"response_cache: {subgraph: {subgraphs: {a: {types: [T], shared_types: [U]}}}}":                                             `response_cache.subgraph.subgraphs.a.shared_types contains U, which is not in types`,
		"response_cache: {subgraph: {subgraphs: {a: {shared_root: [b]}}}}":                                                          `response_cache.subgraph.subgraphs.a.shared_root contains b, which is not in root`,
		"traffic_shaping: {all: {timeout_header: Host}}":                                                                            `1:41: traffic_shaping.all.timeout_header: "Host" cannot have the timeout`,
		"traffic_shaping: {subgraphs: {a: {timeout_header: Accept-Encoding}}}":                                                      `traffic_shaping.subgraphs.a.timeout_header: "Accept-Encoding" cannot have`,
		"authentication: {jwt: {jwks: [{url: 'http://a'}], last_good_keys: {secret: 0123456789abcdef}}}":                            `1:76: authentication.jwt.last_good_keys.secret needs a Redis`,
		"coprocessor: {policies: true}":                                                                                             `coprocessor.policies needs coprocessor.url and coprocessor.supergraph.request.context`,
		"coprocessor: {url: 'http://a', policies: true, supergraph: {request: {body: true}}}":                                       `coprocessor.policies needs coprocessor.url and`,
		"{coprocessor: {url: 'http://a', policies: true, supergraph: {request: {context: true}}}, authorization: {enabled: false}}": `coprocessor.policies needs authorization.enabled`,
		"cors: *nowhere":                                                                `cors refers to the anchor "nowhere"`,
		"tls: {cert_file: a}":                                                           `1:18: tls.cert_file needs tls.key_file`,
		"tls: {client_ca_file: a}":                                                      `1:23: tls.client_ca_file needs tls.cert_file`,
		"tls: {min_version: '1.1'}":                                                     `1:20: tls.min_version is "1.1"; it must be one of 1.2, 1.3`,
		"tls: {cert_file: a, key_file: /nowhere}":                                       `1:6: tls.cert_file: open a: no such file`,
		"admin: {tls: {cert_file: /dev/null, key_file: /nowhere}}":                      `1:14: admin.tls.cert_file: /dev/null is not a regular file`,
		"traffic_shaping: {all: {tls: {ca_file: /nowhere}}}":                            `1:30: traffic_shaping.all.tls.ca_file: open /nowhere: no such file`,
		"traffic_shaping: {subgraphs: {a: {tls: {key_file: b}}}}":                       `traffic_shaping.subgraphs.a.tls.key_file needs traffic_shaping.subgraphs.a.tls.cert_file`,
		"override_subgraph_urls: {a: 'unix://run/a.sock'}":                              `override_subgraph_urls.a is "unix://run/a.sock"; it must be a URL`,
		"headers: {all: {return: {Content-Type: first}}}":                               `headers.all.return.Content-Type: the client cannot get this header of a subgraph: the router sets it for its own response`,
		"headers: {all: {return: {X-A: all}}}":                                          `headers.all.return.X-A is "all"; it must be one of first, last, append`,
		"headers: {all: {rename: {X-A: Connection}}}":                                   `headers.all.rename.X-A: the header "Connection" cannot be propagated`,
		"headers: {all: {propagate_matching: ['a(']}}":                                  `headers.all.propagate_matching[0] is "a("; it must be a regular expression`,
		"headers: {all: {defaults: {Te: a}}}":                                           `headers.all.defaults.Te: this header cannot be set`,
		"authentication: {jwt: {sources: [{}]}}":                                        `authentication.jwt.sources[0] must have either header or cookie`,
		"authentication: {jwt: {sources: [{header: A, cookie: b}]}}":                    `authentication.jwt.sources[0] must have either header or cookie`,
		"authentication: {jwt: {sources: [{cookie: b, scheme: c}]}}":                    `authentication.jwt.sources[0].scheme needs authentication.jwt.sources[0].header`,
		"authentication: {jwt: {sources: [{cookie: 'a b'}]}}":                           `authentication.jwt.sources[0].cookie: "a b" is not the name of a cookie`,
		"authentication: {jwt: {jwks: [{url: 'https://a', algorithms: [HS256]}]}}":      `authentication.jwt.jwks[0].algorithms[0] is "HS256"; it must be one of RS256, `,
		"authentication: {jwt: {jwks: [{url: 'https://a', headers: {Te: a}}]}}":         `authentication.jwt.jwks[0].headers.Te: this header cannot be set`,
		"authentication: {jwt: {jwks: [{url: 'https://a', tls: {ca_file: /nowhere}}]}}": `authentication.jwt.jwks[0].tls.ca_file: open /nowhere`,
		"listen: 'unix:'": `listen is "unix:"; it must be host:port`,
	} {
		file := filepath.Join(t.TempDir(), "router.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, source, err := config.Read(file, environment)
		if err == nil {
			err = c.Check(source)
		}
		if err == nil {
			err = c.CheckFiles(source)
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), file+":1:") {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: the message contains a password: %v", text, err)
		}
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	_, err := config.Parse([]byte("limits:\n  max_depth: abc\n  max_alias: 5\ncors: 7\n"), environment)
	want := "2:14: limits.max_depth is \"abc\"; it must be a whole number, such as 100\n" +
		"3:3: unknown key \"limits.max_alias\"; did you mean \"max_aliases\"?\n" +
		"4:7: cors is \"7\"; it must be a block with the keys "
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// Values that cannot be read do not hide the others, and cause no further problems.
func TestProblemsOfEveryKindAreReportedAtOnce(t *testing.T) {
	for text, want := range map[string]string{
		"version: '2'\nlisen: a\nlisten: 127.0.0.1:1x\nlimits: {max_depth: abc, max_aliases: -1}\npersisted_documents: {require: true}\n" +
			"headers: {all: {propagate: [TE], set: {Host: 'a b', Upgrade: x}}}\ncors: {allow_origins: [a, 'http://b', c]}\nresponse_cache: {enabled: true}\n": `
1:10: version is "2"
2:1: unknown key "lisen"
3:9: listen is "127.0.0.1:1x"; the port must be
4:21: limits.max_depth is "abc"
4:39: limits.max_aliases is -1; it must be 0 or more
5:32: persisted_documents.require needs persisted_documents.path
6:29: headers.all.propagate[0]
6:40: headers.all.set.Host
6:53: headers.all.set.Upgrade
7:24: cors.allow_origins has "a"
7:39: cors.allow_origins has "c"
8:27: response_cache.enabled needs`,
		// One problem each: what follows from the value that could not be read is none.
		"persisted_documents: {require: true, path: '${env.NONE}'}\n": "\n1:44: persisted_documents.path uses",
		"persisted_documents: {require: true, pth: a}\n": `
1:38: unknown key "persisted_documents.pth"`,
		"rate_limit: {enabled: true, by: header, header: [a]}\n": "\n1:49: rate_limit.header is a list",
		"csrf: {enabled: flase, required_headers: []}\n": `
1:17: csrf.enabled is "flase"`,
		"response_cache: {enabled: true, redis: {url: '${env.NONE}'}}\n": "\n1:46: response_cache.redis.url uses",
		"response_cache: {enabled: maybe}\n": `
1:27: response_cache.enabled is "maybe"`,
		"admin: {console: {enabled: true, token: '${env.NONE}'}}\n": "\n1:41: admin.console.token uses",
		"admin: {console: {enabled: true}}\ndev: 7\n": `
2:6: dev is "7"`,
		"authentication: {jwt: {required: true, jwks: [{url: '${env.NONE}'}]}}\n": "\n1:53: authentication.jwt.jwks[0].url uses",
		"{coprocessor: {url: 'http://a', policies: true, supergraph: {request: {context: 7}}}}": `
1:81: coprocessor.supergraph.request.context is "7"`,
		"- a\n":  "\n1:1: the configuration is a list",
		"a: [\n": "\n1:4: a list that begins with [ has no closing ]; add it",
	} {
		_, err := config.Parse([]byte(text), environment)
		got := strings.Split(fmt.Sprint(err), "\n")
		lines := strings.Split(want[1:], "\n")
		if len(got) != len(lines) {
			t.Errorf("%s:\ngot\n%s\nwant%s", text, strings.Join(got, "\n"), want)
			continue
		}
		for i, line := range lines {
			if !strings.HasPrefix(got[i], line) {
				t.Errorf("%s:\ngot  %s\nwant %s", text, got[i], line)
			}
		}
	}
}

// REDIS_URL from the environment counts, so a container's file need not set it.
func TestCheckIncludesTheEnvironment(t *testing.T) {
	c, err := config.Parse([]byte("response_cache: {enabled: true, redis: {addresses: ['a:1']}}"), environment)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ApplyEnvironment(func(name string) (string, bool) { return "redis://b:1", name == "REDIS_URL" }, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(nil); err != nil {
		t.Error(err)
	}
	c.Listen = "nowhere"
	if err := c.Check(nil); err == nil || err.Error() != `listen is "nowhere"; it must be host:port, such as 127.0.0.1:4000 or :4000, or a Unix socket, such as unix:/run/souk.sock or unix:/run/souk.sock?mode=0660` {
		t.Errorf("invalid address from the command line: got %v", err)
	}
}

func TestAnchorsAndMergeKeysAreResolved(t *testing.T) {
	c, err := config.Parse([]byte(`
traffic_shaping:
  all: &slow {timeout: 7s, max_connections: 3}
  subgraphs:
    a: *slow
    b: {<<: *slow, max_connections: 4}
`), environment)
	if err != nil {
		t.Fatal(err)
	}
	a, b := c.TrafficShaping.Subgraphs["a"], c.TrafficShaping.Subgraphs["b"]
	if a.Timeout != 7*time.Second || a.MaxConnections != 3 || b.Timeout != 7*time.Second || b.MaxConnections != 4 {
		t.Errorf("got a = %+v, b = %+v", a, b)
	}
	endless := "cors: {allow_origins: &a [*a]}\n"
	if _, err := config.Parse([]byte(endless), environment); err == nil {
		t.Error("a list that contains itself is accepted")
	}
	if _, err := config.Parse([]byte("cors: &c {<<: *c}\n"), environment); err == nil {
		t.Error("a block that is merged into itself is accepted")
	}
}
