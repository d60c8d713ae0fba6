package config_test

import (
	"bytes"
	"flag"
	"os"
	"testing"
	"time"

	"souk/router/gateway/config"
)

var update = flag.Bool("update", false, "write the files the tests compare with")

func environment(name string) (string, bool) {
	v, ok := map[string]string{"PORT": "5000", "NAME": "x: y", "WAIT": "7s", "EMPTY": ""}[name]
	return v, ok
}

func TestParseKeepsDefaultsAround(t *testing.T) {
	c, err := config.Parse([]byte(`
version: "1"
listen: 127.0.0.1:${env.PORT}
dev: ${env.NOTHING:-true}
traffic_shaping:
  router: {timeout: "${env.WAIT}"}
  all:
    circuit_breaker:
      min_requests: ${env.PORT}
      error_threshold: 0.25
  subgraphs:
    product: {deduplicate_query: false, timeout: 2s}
cors:
  allow_origins: ["${env.EMPTY:-https://b}"]
  allow_headers: ["${env.NAME}"]
override_subgraph_urls:
  product: http://localhost:${env.PORT}/graphql
`), environment)
	if err != nil {
		t.Fatal(err)
	}
	all := c.TrafficShaping.All
	if c.Listen != "127.0.0.1:5000" || !c.Dev || c.TrafficShaping.Router.Timeout != 7*time.Second ||
		c.TrafficShaping.Router.ShutdownTimeout != 20*time.Second ||
		all.CircuitBreaker.MinRequests != 5000 || all.CircuitBreaker.ErrorThreshold != 0.25 || all.CircuitBreaker.Enabled != nil ||
		all.Timeout != 10*time.Second || c.CORS.AllowHeaders[0] != "x: y" || c.CORS.AllowOrigins[0] != "https://b" || c.CORS.MaxAge == 0 ||
		*c.TrafficShaping.Subgraphs["product"].DeduplicateQuery || c.OverrideSubgraphURLs["product"] != "http://localhost:5000/graphql" {
		t.Errorf("%+v", c)
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"lisen: x":                                   `1:1: unknown key "lisen"; did you mean "listen"?`,
		"cors:\n  allow_origin: [a]":                 `2:3: unknown key "cors.allow_origin"; did you mean "allow_origins"?`,
		"cors:\n  qqqqqqqq: 1":                       `2:3: unknown key "cors.qqqqqqqq"; known are allow_credentials, allow_headers, allow_origins, expose_headers, max_age`,
		"listen: a\nlisten: b":                       `2:1: mapping key "listen" already defined at [1:1]`,
		"listen: ${env.NOTHING}":                     `1:9: listen uses the environment variable NOTHING, which is not set; ${env.NOTHING:-default} gives a default`,
		"\ncsrf:\n  enabled: [1]":                    `3:12: csrf.enabled is a list; it must be true or false`,
		"dev: {a: 1}":                                `1:6: dev is a block of keys; it must be true or false`,
		"version: \"2\"":                             `1:10: version is "2"; this router reads version "1"`,
		"log: {level: loud}":                         `1:14: log.level is "loud"; it must be one of debug, info, warn, error`,
		"path: graphql":                              `1:7: path is "graphql"; it must be a path that begins with /, such as /graphql`,
		"traffic_shaping: {router: {timeout: soon}}": `1:37: traffic_shaping.router.timeout is "soon"; it must be a duration, such as 30s`,
		"dev: yes please":                            `1:6: dev is "yes please"; it must be true or false`,
	} {
		_, err := config.Parse([]byte(text), environment)
		if err == nil || err.Error() != want {
			t.Errorf("%q:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestSchemaIsCurrent(t *testing.T) {
	got, err := config.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("router.schema.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("router.schema.json")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("router.schema.json is not current (%v); run the test with -update", err)
	}
}

func TestEnvironmentStandsForKeys(t *testing.T) {
	c := config.Default()
	if err := c.ApplyEnvironment(environment); err != nil || c.Listen != ":5000" {
		t.Errorf("got %q, %v", c.Listen, err)
	}
	err := c.ApplyEnvironment(func(name string) (string, bool) { return "many", name == "PORT" })
	if err == nil {
		t.Error("a port that is no number was taken")
	}
}
