package config_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"souk/router/gateway/config"
)

var update = flag.Bool("update", false, "write the files the tests compare with")

func environment(name string) (string, bool) {
	v, ok := map[string]string{"PORT": "5000", "NAME": "x: y", "WAIT": "7s", "EMPTY": ""}[name]
	return v, ok
}

func TestParseKeepsDefaultsOfOtherKeys(t *testing.T) {
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
		*c.TrafficShaping.Subgraphs["product"].DeduplicateQuery || c.OverrideSubgraphURLs["product"][0] != "http://localhost:5000/graphql" {
		t.Errorf("got %+v", c)
	}
}

func TestParseErrorsNameTheProblem(t *testing.T) {
	for text, want := range map[string]string{
		"max_depth: 5":                               `1:1: unknown key "max_depth"; did you mean limits.max_depth or limits.clients.NAME.max_depth?`,
		"allow_origins: [a]":                         `1:1: unknown key "allow_origins"; did you mean cors.allow_origins or cors.policies.allow_origins?`,
		"jwks: []":                                   `1:1: unknown key "jwks"; did you mean authentication.jwt.jwks?`,
		"timeout: 5s":                                `1:1: unknown key "timeout"; did you mean coprocessor.timeout or file_uploads.timeout or redis.timeout?`,
		"limits: {jwks: 1}":                          `1:10: unknown key "limits.jwks"; did you mean authentication.jwt.jwks?`,
		"lisen: x":                                   `1:1: unknown key "lisen"; did you mean "listen"?`,
		"cors:\n  allow_origin: [a]":                 `2:3: unknown key "cors.allow_origin"; did you mean "allow_origins"?`,
		"cors:\n  qqqqqqqq: 1":                       `2:3: unknown key "cors.qqqqqqqq"; known are allow_credentials, allow_headers, allow_methods, allow_origins, expose_headers, match_origins, max_age, policies`,
		"listen: a\nlisten: b":                       `2:1: the key "listen" is already at 1:1; put all that it has there`,
		"admin: {listen: ${env.PORT}}":               `1:18: a value with ${env.PORT} needs quotes here, such as "${env.PORT}"`,
		"admin: {listen: 127.0.0.1:${env.PORT}}":     `1:28: a value with ${env.PORT} needs quotes here, such as "${env.PORT}"`,
		"cors:\n  origins: [ä, ${env.PORT:-a}]":      `2:17: a value with ${env.PORT:-a} needs quotes here, such as "${env.PORT:-a}"`,
		"override_subgraph_urls: {${env.PORT}: a}":   `1:37: a value with ${env.PORT} needs quotes here, such as "${env.PORT}"`,
		"listen: ${env.PORT:-a: b}":                  `1:9: a value with ${env.PORT:-a: b} needs quotes here, such as "${env.PORT:-a: b}"`,
		"admin: {listen: ${env.PORT":                 `1:18: a value with ${env.NAME} needs quotes here, such as "${env.NAME}"`,
		"admin: {listen: {":                          `1:17: a block that begins with { has no closing }; add it`,
		"admin: {listen: \"${env.PORT}\", b: {":      `1:35: a block that begins with { has no closing }; add it`,
		"listen: ${env.NOTHING}":                     `1:9: listen uses the environment variable NOTHING, which is not set; set it, or write ${env.NOTHING:-default} to provide a default`,
		"\ncsrf:\n  enabled: [1]":                    `3:12: csrf.enabled is a list; it must be true or false`,
		"dev: {a: 1}":                                `1:6: dev is a block of keys; it must be true or false`,
		"version: \"2\"":                             `1:10: version is "2"; this router supports version "1"`,
		"log: {level: loud}":                         `1:14: log.level is "loud"; it must be one of debug, info, warn, error`,
		"path: graphql":                              `1:7: path is "graphql"; it must be a path that begins with /, such as /graphql, with parameters for whole segments, such as /:tenant/graphql, or a * at its end, such as /graphql/*`,
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

// The schema rejects the values that Check rejects and accepts the documented
// defaults, so that an editor shows mistakes while they are typed.
func TestSchemaStatesTheBounds(t *testing.T) {
	text, err := config.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("router.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("router.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	accepts := func(text string) bool {
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		asJSON, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(instance) == nil
	}
	if !accepts(string(config.Document())) {
		t.Error("the schema rejects the documented defaults")
	}
	for _, k := range allKeys() {
		switch k.typ.Kind() {
		case reflect.Int, reflect.Float64:
			if accepts(k.document("-7")) || !accepts(k.document("1")) || !accepts(k.document("'${env.N}'")) {
				t.Errorf("%s: the schema accepts -7, or rejects 1 or a variable", k)
			}
		}
	}
	for text, want := range map[string]bool{
		"response_cache: {local_bytes: -1}":                       true,
		"response_cache: {local_bytes: -2}":                       false,
		"traffic_shaping: {all: {retry: {budget: 1}}}":            true,
		"traffic_shaping: {all: {retry: {budget: 2}}}":            false,
		"traffic_shaping: {subgraphs: {a: {retry: {budget: 2}}}}": false,
		"log: {level: loud}":                                      false,
		"log: {level: '${env.LOG:-info}'}":                        true,
		"authentication: {jwt: {algorithms: [none]}}":             false,
		"authentication: {jwt: {algorithms: [RS256]}}":            true,
		"path: ''":                        false,
		"override_subgraph_urls: {a: ''}": false,
		"response_cache: {redis: {tls: {cert_file: a}}}":                  false,
		"response_cache: {redis: {tls: {cert_file: a, key_file: b}}}":     true,
		"headers: {all: {set: {X-A: ''}}}":                                true,
		"traffic_shaping: {subgraphs: {a: {http_client: '${env.HTTP}'}}}": true,
	} {
		if accepts(text) != want {
			t.Errorf("%s: accepted = %t", text, !want)
		}
	}
}

func TestEnvironmentVariablesReplaceKeys(t *testing.T) {
	c := config.Default()
	if err := c.ApplyEnvironment(environment, nil); err != nil || c.Listen != ":5000" {
		t.Errorf("Listen = %q, err = %v", c.Listen, err)
	}
	err := c.ApplyEnvironment(func(name string) (string, bool) { return "many", name == "PORT" }, nil)
	if err == nil {
		t.Error("a port that is not a number is accepted")
	}
}

// ${file.PATH} is the content of a file, such as a mounted secret, also in a number and within a
// text.
func TestValuesFromFiles(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"token": "a-token-of-20-bytes\n", "depth": "7\r\n", "large": strings.Repeat("x", 65<<10),
		"router.yaml": "admin: {console: {token: '${file.token}'}}\nlimits: {max_depth: '${file.depth}'}\nheaders: {all: {set: {X-A: 'Bearer ${file." + dir + "/token}'}}}\n",
		"bad.yaml":    "log: {level: '${file.none}'}\nheaders: {all: {set: {X-A: '${file.large}'}}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(filepath.Join(dir, "router.yaml"), none)
	if err != nil {
		t.Fatal(err)
	}
	if c.Admin.Console.Token != "a-token-of-20-bytes" || c.Limits.MaxDepth != 7 || c.Headers.All.Set["X-A"] != "Bearer a-token-of-20-bytes" {
		t.Errorf("got %+v", c)
	}
	_, err = config.Load(filepath.Join(dir, "bad.yaml"), none)
	for _, want := range []string{"1:14: log.level uses the file none: open ", "2:28: headers.all.set.X-A uses the file large: ", "is larger than 64 KiB"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %s", err, want)
		}
	}
}

// What a variable or a file contributes may be a secret: no message has it.
func TestValuesOfReferencesAreNotShown(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"secret": "hunter2secret\n",
		"router.yaml": "limits: {max_depth: '${env.SECRET}', max_height: 'x${file.secret}'}\nlog: {level: '${env.SECRET}'}\npath: '${file.secret}'\n" +
			"listen: '${env.SECRET}'\ntraffic_shaping: {router: {timeout: '${env.SECRET}'}}\nintrospection: '${file.secret}'\ntelemetry: {sample: 1}\nadmin: {console: {prometheus: 'http://a:${env.SECRET}'}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := config.Load(filepath.Join(dir, "router.yaml"), func(string) (string, bool) { return "hunter2secret", true })
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{
		`limits.max_depth is "${env.SECRET}", whose value is not shown; it must be a whole number`, `limits.max_height is "x${file.secret}", whose value is not shown`,
		`log.level is "${env.SECRET}", whose value is not shown; it must be one of`, `path is "${file.secret}", whose value is not shown; it must be a path`,
		`listen is "${env.SECRET}"`, `traffic_shaping.router.timeout is "${env.SECRET}"`, `introspection is "${file.secret}"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

// The old name of a key is accepted with a warning that has its place, and refused beside the new
// one.
func TestOldNamesOfKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "router.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("supergraph:\n  path: /graphql\n")
	c, source, err := config.Read(file, environment)
	if err != nil || c.Supergraph.File != "/graphql" {
		t.Fatalf("got %q and %v", c.Supergraph.File, err)
	}
	want := file + ":2:3: supergraph.path is the old name of supergraph.file; rename it. In a configuration of Apollo Router, supergraph.path is the path of the GraphQL endpoint: here that is the key path"
	if got := source.Warnings().Error(); got != want {
		t.Errorf("got the warning %q, want %q", got, want)
	}
	write("supergraph:\n  path: a.graphql\n  file: b.graphql\n")
	if _, _, err := config.Read(file, environment); err == nil || !strings.Contains(err.Error(), ":2:3: supergraph.path and supergraph.file are the same key; remove supergraph.path, its old name") {
		t.Errorf("got %v", err)
	}
	write("supergraph:\n  file: b.graphql\n")
	if _, source, err = config.Read(file, environment); err != nil || len(source.Warnings()) > 0 {
		t.Errorf("got %v and %v", err, source.Warnings())
	}
}

// A subgraph has one URL, or a list. Both are shown without secrets.
func TestSubgraphHasOneURLOrSeveral(t *testing.T) {
	c, err := config.Parse([]byte("override_subgraph_urls:\n  a: http://u:pa55@a\n  b: ['http://b?t=pa55', 'unix:///run/b.sock']\n  c: ~\n"), environment)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{"a": {"http://u:pa55@a"}, "b": {"http://b?t=pa55", "unix:///run/b.sock"}, "c": {"http://x"}, "d": {"http://x"}} {
		if got := c.OverrideSubgraphURLs.Of(name, "http://x"); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	text, err := c.Redacted()
	if want := "  a: http://(hidden)@a\n  b:\n  - http://b?(hidden)\n  - unix:///run/b.sock\n"; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("shown as\n%s(error %v), want\n%s", text, err, want)
	}
	next := c
	next.OverrideSubgraphURLs = config.SubgraphURLs{"a": {"http://a", "http://b"}}
	if changes := config.Diff(&c, &next); len(changes) == 0 || changes[0].Key != "override_subgraph_urls.a" || changes[0].Old != "http://(hidden)@a" || changes[0].New != "[http://a http://b]" {
		t.Errorf("the change is %+v", changes)
	}
}

// All duplicate keys are reported, also in other blocks and lists.
func TestAllDuplicateKeysAreReported(t *testing.T) {
	_, err := config.Parse([]byte("listen: a\nlisten: b\nlimits:\n  max_depth: 3\n  max_aliases: 1\n  max_depth: 4\nrate_limit: {policies: [{name: a, name: b, name: c}]}\n"), func(string) (string, bool) { return "", false })
	want := `2:1: the key "listen" is already at 1:1; put all that it has there
6:3: the key "max_depth" is already at 4:3; put all that it has there
7:35: the key "name" is already at 7:26; put all that it has there
7:44: the key "name" is already at 7:26; put all that it has there`
	if err == nil || strings.ReplaceAll("\n"+err.Error(), "\n ", "\n")[1:] != want {
		t.Errorf("got\n%v", err)
	}
}

// The reference has no keys that the router refuses.
func TestKeysOfSingleSubgraphsAreNotListedForAll(t *testing.T) {
	keys := config.Keys()
	for _, key := range []string{"types", "root", "shared_types", "shared_root"} {
		if slices.Contains(keys, "response_cache.subgraph.all."+key) || !slices.Contains(keys, "response_cache.subgraph.subgraphs.NAME."+key) {
			t.Errorf("%s is listed for all subgraphs, or not for each", key)
		}
	}
}
