package convert

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"souk/router/gateway/config"
)

var update = flag.Bool("update", false, "write the converted configurations")

func lookup(name string) (string, bool) {
	value, ok := map[string]string{"API_KEY": "key", "GRAPH_API_TOKEN": "token", planToken: "0123456789abcdef"}[name]
	return value, ok
}

// valid checks a result as `souk config validate` does.
func valid(t *testing.T, r *Result, input string) {
	t.Helper()
	c, err := config.Parse([]byte(r.Config), lookup)
	if err == nil {
		err = c.Check(nil)
	}
	if err != nil {
		t.Errorf("the result is not valid: %v\n%s\ninput\n%s", err, r.Config, input)
	}
}

// leaves returns the paths of the scalars of an input.
func leaves(n *node, path string) []string {
	var all []string
	for _, child := range n.children {
		below := strings.TrimPrefix(path+"."+child.key, ".")
		if n.isList {
			below = path + "[" + child.key + "]"
		}
		if child.isMap || child.isList {
			all = append(all, leaves(child, below)...)
			continue
		}
		if !child.isNull {
			all = append(all, below)
		}
	}
	return all
}

// reported checks that there is a note about each scalar of the input, or about what it is in.
func reported(t *testing.T, r *Result, input string) {
	t.Helper()
	root, err := read([]byte(input))
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range leaves(root, "") {
		found := false
		for _, n := range r.Notes {
			rest, ok := strings.CutPrefix(leaf, n.Key)
			found = found || ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
		}
		if !found {
			t.Errorf("%s is dropped without a word\n%s", leaf, input)
		}
	}
}

// A configuration of each router is converted. The result is valid, and each key of the
// input is converted or reported.
func TestConfigurationsAreConverted(t *testing.T) {
	for _, name := range Sources() {
		t.Run(name, func(t *testing.T) {
			input, err := os.ReadFile("testdata/" + name + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			r, err := Convert(input, "")
			if err != nil {
				t.Fatal(err)
			}
			if r.From != name {
				t.Errorf("it is taken for one of %s", r.From)
			}
			valid(t, r, string(input))
			reported(t, r, string(input))
			golden := "testdata/" + name + ".router.yaml"
			if *update {
				if err := os.WriteFile(golden, []byte(r.Config), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if r.Config != string(want) {
				t.Errorf("got\n%s\nwant\n%s", r.Config, want)
			}
		})
	}
}

// values are right and wrong values of keys.
var values = []string{
	"true", "false", "5", "0", "-1", "99999999999", "10s", "5MB", "text", "${env.NAME}", "[a, b]", "[true, 7]", "{a: b}", "[{a: b}]", "[{url: 'https://a.example/jwks', named: X}]", "{enabled: true, limit: 3}", "null", "''",
}

// Any value of any key gives a valid result, and is reported.
func TestAnyValueOfAnyKeyGivesAValidResult(t *testing.T) {
	for _, s := range sources() {
		for pattern := range s.rules {
			for _, value := range values {
				input, indent := "", ""
				parts := strings.Split(strings.ReplaceAll(pattern, "*", "a-name"), ".")
				for _, part := range parts[:len(parts)-1] {
					input += indent + part + ":\n"
					indent += "  "
				}
				input += indent + parts[len(parts)-1] + ": " + value + "\n"
				r, err := Convert([]byte(input), s.name)
				if err != nil {
					t.Errorf("%v\n%s", err, input)
					continue
				}
				if !strings.Contains(r.Config, "${env.NAME}") {
					valid(t, r, input)
				}
				reported(t, r, input)
			}
		}
	}
}

// A key that is not known is reported wherever it stands.
func TestUnknownKeysAreReported(t *testing.T) {
	for _, s := range sources() {
		for pattern := range s.rules {
			parts := strings.Split(pattern, ".")
			if parts[len(parts)-1] == "*" {
				continue // any key is known there
			}
			input := ""
			for i := range parts[:len(parts)-1] {
				input += strings.Repeat("  ", i) + strings.ReplaceAll(parts[i], "*", "a-name") + ":\n"
			}
			key := strings.Join(append(append([]string{}, parts[:len(parts)-1]...), "no_such_key"), ".")
			key = strings.ReplaceAll(key, "*", "a-name")
			input += strings.Repeat("  ", len(parts)-1) + "no_such_key: 1\n"
			r, err := Convert([]byte(input), s.name)
			if err != nil {
				t.Fatal(err)
			}
			lost := fmt.Sprint(r.Lost())
			if !strings.Contains(lost, key) {
				t.Errorf("%s: %s is not reported, but %s", s.name, key, lost)
			}
			if !strings.Contains(r.Config, "no_such_key") {
				t.Errorf("%s: %s is not in the comments", s.name, key)
			}
		}
	}
}

func TestWhatIsNoConfigurationIsAnError(t *testing.T) {
	for input, want := range map[string]string{
		"a: [":            "line 1",
		"[1]":             "it must be a map of keys",
		"something: else": "it does not show which router it is for; say so with --from apollo|cosmo|hive",
		"a: *b":           "there is no anchor b",
		"supergraph: {listen: '1.2.3.4:5'}\n---\ncors: {}\n": "line 2: a second YAML document begins here",
		"": "it is empty",
		"listen: ':4000'\nlimits: {max_depth: 5}": "it is a configuration of this router already",
	} {
		if _, err := Convert([]byte(input), ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", input, err, want)
		}
	}
	if _, err := Convert([]byte("a: 1"), "envoy"); err == nil {
		t.Error("got no error for a router that is not known")
	}
}

// A reference that this router does not expand is reported, and not kept as a text.
func TestOtherReferencesAreReported(t *testing.T) {
	r, err := Convert([]byte("override_subgraph_url: {a: '${vault.url}', b: '${env.B:-http://b}'}\nsandbox: {enabled: true}"), "apollo")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Config, "override_subgraph_url.a (line 1) has no equivalent: ${vault.url} is not expanded") || !strings.Contains(r.Config, `b: "${env.B:-http://b}"`) {
		t.Errorf("got\n%s", r.Config)
	}
}

// A list that is taken from a variable is reported, and no empty list takes its place.
func TestListsFromVariablesAreReported(t *testing.T) {
	r, err := Convert([]byte("cors: {enabled: true, policies: [{origins: {from_env: ORIGINS, default: ['https://a.example']}}]}"), "hive")
	if err != nil {
		t.Fatal(err)
	}
	if lost := fmt.Sprint(r.Lost()); !strings.Contains(lost, "cors.policies[0].origins (line 1) has no equivalent") || strings.Contains(r.Config, "allow_origins: []") {
		t.Errorf("got\n%s\n%s", lost, r.Config)
	}
}

func TestDurationsAndSizes(t *testing.T) {
	c := &conversion{source: hive()}
	for text, want := range map[string]string{"30s": "30s", "1min 30s": "1m30s", "2h": "2h0m0s", "500ms": "500ms", "1day": "24h0m0s", "5 minutes": "5m0s"} {
		if got, err := duration(c, &node{raw: text}); err != nil || got != want {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{"5MB": "5000000", "4KiB": "4096", "10": "10", "1.5 MiB": "1572864"} {
		if got, err := size(c, &node{raw: text}); err != nil || got != want {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
}

// FuzzConvert checks that any input is an error or gives a valid result.
func FuzzConvert(f *testing.F) {
	for _, name := range Sources() {
		input, err := os.ReadFile("testdata/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(input), name)
	}
	f.Fuzz(func(t *testing.T, input, from string) {
		r, err := Convert([]byte(input), from)
		if err == nil && !strings.Contains(r.Config, "${env.") {
			valid(t, r, input)
		}
	})
}

// Every reference that is not expanded is named, also if a value has several.
func TestReferencesThatAreNotExpandedAreNamed(t *testing.T) {
	for value, want := range map[string]string{
		"${vault.a}":                      "${vault.a} is not expanded: put the value into a variable or a file, and write ${env.NAME} or ${file.PATH}",
		"${vault.a}:${env.B}${vault.b}":   "${vault.a} and ${vault.b} are not expanded: put the values into variables or files, and write ${env.NAME} or ${file.PATH}",
		"${vault.a}${vault.a}${env.A:-x}": "${vault.a} is not expanded: put the value into a variable or a file, and write ${env.NAME} or ${file.PATH}",
	} {
		r, err := Convert([]byte("supergraph: {listen: '"+value+"'}\n"), "apollo")
		if err != nil {
			t.Fatal(err)
		}
		if lost := r.Lost(); len(lost) != 1 || lost[0].Note != want {
			t.Errorf("%s: got %v", value, lost)
		}
	}
}

// The rules for headers, tokens and TLS of the three routers have an equivalent.
func TestHeadersTokensAndTLSAreConverted(t *testing.T) {
	for name, c := range map[string]struct {
		from, input string
		want        []string
	}{
		"Apollo headers": {"apollo", "headers: {all: {request: [{propagate: {matching: '.*'}}, {propagate: {named: x-a, rename: x-b, default: c}}, {propagate: {matching: '^x-(one|two)$'}}, {propagate: {matching: shop}}, {remove: {matching: '(?i)^x-internal-.*'}}, {remove: {matching: '^x-one$'}}]}}", []string{
			`propagate_matching: [".*", ".*(?:^x-(one|two)$).*", ".*shop.*"]`, "rename:\n      x-a: \"x-b\"", "defaults:\n      x-b: \"c\"", `remove_matching: ["x-internal-.*"]`, `remove: ["x-one"]`, "propagate: []",
		}},
		"Apollo context": {"apollo", "headers: {all: {request: [{insert: {name: x-tenant, from_context: tenant}}]}, subgraphs: {a: {request: [{insert: {name: x-b, from_context: b}}]}}}", []string{
			"set_from_context:\n      X-Tenant: \"tenant\"", `X-B: "b"`,
		}},
		"Apollo context of the router": {"apollo", "headers: {all: {request: [{insert: {name: x-op, from_context: 'apollo::supergraph::operation_name'}}, {insert: {name: x-kind, from_context: 'apollo::supergraph::operation_kind'}}, {insert: {name: x-client, from_context: 'apollo::telemetry::client_name'}}, {insert: {name: x-client-version, from_context: 'apollo::telemetry::client_version'}}]}}", []string{
			`X-Op: "apollo::supergraph::operation_name"`, `X-Kind: "apollo::supergraph::operation_kind"`, "rename:\n      apollographql-client-name: \"x-client\"\n      apollographql-client-version: \"x-client-version\"",
		}},
		"former blocks of Apollo": {"apollo", "server: {listen: '127.0.0.1:4000', endpoint: /g, introspection: true, landing_page: false, cors: {origins: ['https://a.example'], methods: [GET]}}\ntelemetry: {instrumentation: {spans: {mode: spec_compliant}}, metrics: {common: {service_name: a}, prometheus: {enabled: true, path: /stats}}, tracing: {trace_config: {service_name: a, parent_based_sampler: true}}}", []string{
			`listen: "127.0.0.1:4000"`, `path: "/g"`, "introspection: true", `allow_origins: ["https://a.example"]`, `service_name: "a"`, "metrics: true", `metrics_path: "/stats"`,
		}},
		"Cosmo claims": {"cosmo", "version: '1'\nheaders: {all: {request: [{op: set, name: X-User, expression: request.auth.claims.sub}, {op: set, name: X-Role, expression: 'request.auth.claims.realm.roles'}, {op: set, name: X-Org, expression: 'request.auth.claims[\"org-id\"]'}]}}", []string{
			"set_from_claims:", `X-User: "sub"`, `X-Role: "realm.roles"`, `X-Org: "org-id"`,
		}},
		"Hive metrics": {"hive", "telemetry: {metrics: {exporters: [{kind: prometheus, enabled: true, path: /stats}]}}", []string{
			"metrics: true", `metrics_path: "/stats"`,
		}},
		"Apollo TLS": {"apollo", "tls: {supergraph: {certificate: '${file./tls/a.crt}', key: '${file./tls/a.key}'}, subgraph: {all: {certificate_authorities: '${file./tls/ca.crt}'}, subgraphs: {products: {client_authentication: {certificate_chain: '${file./tls/c.crt}', key: '${file./tls/c.key}'}}}}}", []string{
			`cert_file: "/tls/a.crt"`, `key_file: "/tls/a.key"`, `ca_file: "/tls/ca.crt"`, `cert_file: "/tls/c.crt"`, `key_file: "/tls/c.key"`,
		}},
		"Apollo trace ID": {"apollo", "telemetry: {exporters: {tracing: {response_trace_id: {enabled: true, header_name: my-trace, format: uuid}}}}\nlimits: {parser_max_recursion: 400}", []string{
			`name: "my-trace"`, "format: uuid", "parser_max_recursion: 400",
		}},
		"Cosmo trace ID": {"cosmo", "version: '1'\ntelemetry: {tracing: {response_trace_id: {enabled: true}}}", []string{`name: "x-wg-trace-id"`}},
		"Apollo tokens": {"apollo", "authentication: {router: {jwt: {jwks: [{url: 'https://a.example', issuers: [b, c], algorithms: [ES256], headers: [{name: X-Key, value: '${env.KEY:-k}'}]}], sources: [{type: header, name: X-T, value_prefix: JWT}, {type: cookie, name: session}]}}}", []string{
			`issuer: "b"`, `issuers: ["c"]`, `algorithms: ["ES256"]`, `X-Key: "${env.KEY:-k}"`, `header: "X-T"`, `scheme: "JWT"`, `cookie: "session"`,
		}},
		"Cosmo": {"cosmo", "version: '1'\nheaders: {all: {request: [{op: propagate, matching: '^X-Test-.*'}, {op: propagate, named: A, rename: B}], response: [{op: propagate, named: Set-Cookie, algorithm: append}]}}\ntls: {server: {enabled: true, cert_file: a, key_file: b, client_auth: {required: false, cert_file: c}}, client: {all: {ca_file: d}}}\nauthentication: {jwt: {jwks: [{url: 'https://a.example', algorithms: [RS256]}], header_sources: [{type: header, name: X-T, value_prefixes: [Bearer, JWT]}]}}", []string{
			`propagate_matching: ["X-Test-.*"]`, `A: "B"`, `Set-Cookie: "append"`, `cert_file: "a"`, `client_ca_file: "c"`, "client_certificates: optional", `ca_file: "d"`, `algorithms: ["RS256"]`, `scheme: "JWT"`,
		}},
		"Hive": {"hive", "headers: {all: {response: [{propagate: {named: x-trace, algorithm: last}}]}}\njwt: {jwks_providers: [{source: remote, url: 'https://a.example'}], issuers: [a, b], lookup_locations: [{source: header, name: X-T}, {source: cookies, name: token}]}", []string{
			`x-trace: "last"`, `issuer: "a"`, `issuers: ["b"]`, `header: "X-T"`, `cookie: "token"`,
		}},
	} {
		r, _ := convertedFrom(t, c.from, c.input)
		if lost := r.Lost(); len(lost) > 0 {
			t.Errorf("%s: lost %v", name, lost)
		}
		for _, want := range c.want {
			if !strings.Contains(r.Config, want) {
				t.Errorf("%s: there is no %s in\n%s", name, want, r.Config)
			}
		}
	}
}

// The own keys of a map go before those that << merges, and earlier blocks before later ones.
func TestMergeKeys(t *testing.T) {
	for input, want := range map[string]string{
		"x: &x {listen: '1.1.1.1:1'}\nsupergraph: {<<: [*x, {listen: '2.2.2.2:2'}]}\n": "1.1.1.1:1",
		"x: &x {listen: '1.1.1.1:1'}\nsupergraph: {<<: *x, listen: '2.2.2.2:2'}\n":     "2.2.2.2:2",
	} {
		r, err := Convert([]byte(input), "apollo")
		if err != nil || !strings.Contains(r.Config, `listen: "`+want+`"`) {
			t.Errorf("%s: got %v, %v, want %s", input, r, err, want)
		}
	}
}

// Rules whose order or selection this router cannot keep are reported as lost protection, and not
// converted into their opposite.
func TestHeaderRulesThatDifferAreReported(t *testing.T) {
	rules := func(list string) string { return "headers: {all: {request: [" + list + "]}}" }
	for name, c := range map[string]struct{ from, input, lost, not string }{
		"inverted":            {"cosmo", "version: '1'\n" + rules("{op: propagate, matching: '^sec', negate_match: true}"), "name those in headers.*.propagate", "sec"},
		"removed first":       {"apollo", rules("{remove: {named: x-a}}, {propagate: {named: X-A}}"), "it follows a rule for the same header", ""},
		"patterns":            {"apollo", rules("{remove: {matching: x-old}}, {propagate: {matching: 'x-.*'}}"), "it follows a rule for the same header", ""},
		"inserted first":      {"apollo", rules("{insert: {name: x-ins, value: a}}, {remove: {named: X-Ins}}"), "it follows a rule for the same header", ""},
		"cosmo, set first":    {"cosmo", "version: '1'\n" + rules("{op: set, name: a, value: b}, {op: propagate, named: A}"), "it follows a rule for the same header", ""},
		"two spellings":       {"apollo", rules("{insert: {name: x-ins, value: a}}, {insert: {name: X-Ins, value: b}}"), "headers.all.set.X-Ins is already set", `"b"`},
		"renamed list":        {"hive", rules("{propagate: {named: [aa, bb], rename: cc}}"), "headers.*.rename renames single headers", "aa"},
		"excluded by look":    {"hive", rules("{propagate: {matching: '^x-', exclude: ['(?=a)']}}"), "is no regular expression of RE2", "(?="},
		"nothing different":   {"apollo", rules("{propagate: {named: a}}, {remove: {named: b}}, {propagate: {named: c}}, {insert: {name: d, value: e}}, {remove: {named: f}}"), "", ""},
		"other expression":    {"cosmo", "version: '1'\n" + rules("{op: set, name: a, expression: 'request.auth.claims.sub + \"x\"'}"), "headers.*.set has fixed values", "claims.sub"},
		"claims of Apollo":    {"apollo", rules("{insert: {name: a, from_context: 'apollo::authentication::jwt_claims'}}"), "name a claim in headers.*.set_from_claims", "jwt_claims"},
		"other key of Apollo": {"apollo", rules("{insert: {name: a, from_context: 'apollo::demand_control::estimated_cost'}}"), "headers.*.set has fixed values", "estimated_cost"},
		"default":             {"apollo", rules("{insert: {name: a, from_context: b, default: c}}"), useHeaderHook, "c\""},
		"excluded":            {"hive", rules("{propagate: {matching: '^x-.*', exclude: ['^x-secret']}}"), "the headers are removed also if another rule forwards them", ""},
	} {
		r, _ := convertedFrom(t, c.from, c.input)
		var texts []string
		for _, n := range r.Lost() {
			texts = append(texts, n.Note)
		}
		lost := strings.Join(texts, "\n")
		_, settings, _ := strings.Cut(r.Config, "\nversion:")
		if c.lost == "" && lost != "" || !strings.Contains(lost, c.lost) || c.not != "" && strings.Contains(settings, c.not) {
			t.Errorf("%s: lost %q in\n%s", name, lost, r.Config)
		}
		if name == "excluded" && !strings.Contains(r.Config, `remove_matching: ["x-secret.*"]`) {
			t.Errorf("%s: got\n%s", name, r.Config)
		}
	}
}

// The supergraph of Hive's CDN has an address, and a header with its key.
func TestSupergraphOfHiveIsFetched(t *testing.T) {
	result, err := Convert([]byte("supergraph:\n  source: hive\n  endpoint: https://cdn.example/artifacts/v1/x\n  key: {from_env: HIVE_KEY}\n  poll_interval: 20s\n  request_timeout: 5s\n"), "hive")
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse([]byte(result.Config), func(name string) (string, bool) { return "secret", name == "HIVE_KEY" })
	if err != nil {
		t.Fatal(err)
	}
	from := c.Supergraph.Remote
	if from.URL != "https://cdn.example/artifacts/v1/x/supergraph" || from.Headers["X-Hive-CDN-Key"] != "secret" || from.PollInterval != 20*time.Second || from.Timeout != 5*time.Second {
		t.Errorf("got %+v of\n%s", from, result.Config)
	}
}
