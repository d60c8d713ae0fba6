package convert

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"souk/router/gateway/config"
)

// convertedFrom returns the result for a configuration, and what the router reads from it.
func convertedFrom(t *testing.T, from, input string) (*Result, config.Config) {
	t.Helper()
	r, err := Convert([]byte(input), from)
	if err != nil {
		t.Fatal(err)
	}
	valid(t, r, input)
	c, err := config.Parse([]byte(r.Config), lookup)
	if err != nil {
		t.Fatal(err)
	}
	return r, c
}

// A section that the other router does not enable has no effect in this one.
func TestDisabledSectionsStayDisabled(t *testing.T) {
	for name, c := range map[string]struct{ from, input string }{
		"hive, by default": {"hive", "cors: {policies: [{origins: ['https://a.example']}], allow_credentials: true}"},
		"hive":             {"hive", "cors: {enabled: false, allow_any_origin: true}"},
		"cosmo":            {"cosmo", "cors: {enabled: false, allow_origins: ['*']}"},
	} {
		if r, got := convertedFrom(t, c.from, c.input); len(got.CORS.AllowOrigins) > 0 || got.CORS.AllowCredentials || len(r.Lost()) > 0 {
			t.Errorf("%s: CORS is enabled\n%s", name, r.Config)
		}
	}
	r, got := convertedFrom(t, "hive-gateway", "cors: false\njwt: false\ngenericAuth: false\npersistedDocuments: false\nrateLimiting: false\nresponseCaching: false\ndemandControl: false\nopenTelemetry: false")
	if notes := fmt.Sprint(r.Notes); len(r.Lost()) > 0 || strings.Contains(notes, "no equivalent") || len(got.CORS.AllowOrigins) > 0 {
		t.Errorf("got %v from sections that are false\n%s", r.Notes, r.Config)
	}
	if r, err := Convert([]byte("cors: true\ngraphqlEndpoint: /graphql"), "hive-gateway"); err != nil || len(r.Lost()) != 1 {
		t.Errorf("CORS for all origins is lost silently: %v, %v", r, err)
	}
	for name, c := range map[string]struct{ from, input string }{
		"hive":   {"hive", "persisted_documents: {enabled: false, require_id: true, storage: {type: file, path: a.json}}"},
		"apollo": {"apollo", "persisted_queries: {enabled: false, local_manifests: [a.json], safelist: {enabled: true}}"},
		"cosmo":  {"cosmo", "persisted_operations: {disabled: true, safelist: {enabled: true}}"},
	} {
		if r, got := convertedFrom(t, c.from, c.input); got.PersistedDocuments.Require || got.PersistedDocuments.Path != "" {
			t.Errorf("%s: trusted documents are required\n%s", name, r.Config)
		}
	}
	if r, got := convertedFrom(t, "hive", "jwt: {enabled: false, require_authentication: true, jwks_providers: [{source: remote, url: 'https://a.example'}]}"); got.Authentication.JWT.Required || len(got.Authentication.JWT.JWKS) > 0 {
		t.Errorf("authentication is required\n%s", r.Config)
	}
}

// Defaults of other routers about requests of browsers are those of the result.
func TestDefaultsForBrowsersAreKept(t *testing.T) {
	for name, c := range map[string]struct {
		from, input string
		csrf        bool
		origins     []string
	}{
		"hive":               {from: "hive", input: "log: {level: info}"},
		"hive, headers only": {from: "hive", input: "csrf: {required_headers: [x-csrf]}"},
		"hive, enabled":      {from: "hive", input: "csrf: {enabled: true}", csrf: true},
		"apollo":             {from: "apollo", input: "sandbox: {enabled: true}", csrf: true},
		"cosmo":              {from: "cosmo", input: "log_level: info", origins: []string{"*"}},
	} {
		r, got := convertedFrom(t, c.from, c.input)
		if got.CSRF.Enabled != c.csrf || !slices.Equal(got.CORS.AllowOrigins, c.origins) {
			t.Errorf("%s: got csrf %v, origins %v\n%s", name, got.CSRF.Enabled, got.CORS.AllowOrigins, r.Config)
		}
	}
}

// What may have protected the graph and is not converted comes first, and is marked.
func TestLostProtectionComesFirst(t *testing.T) {
	for name, c := range map[string]struct{ from, input, key string }{
		"a shape that is not known":       {"apollo", "authorization: {require_authentication: {a: 1}}", "authorization.require_authentication"},
		"a limit":                         {"apollo", "limits: {http1_max_request_headers: {a: 1}, subgraph: {all: {a: 1}}}", "limits.subgraph"},
		"a value that is not valid":       {"apollo", "limits: {max_depth: -5}", "limits.max_depth"},
		"a section that is no map":        {"hive", "limits: 5", "limits"},
		"an unknown key":                  {"hive", "jwt: {jwks_providers: [{source: remote, url: 'https://a.example', pinned: true}]}", "jwt.jwks_providers[0].pinned"},
		"issuers of no key set":           {"hive", "jwt: {jwks_providers: [{source: file}], issuers: [a, b]}", "jwt.issuers"},
		"audiences of no key set":         {"hive", "jwt: {jwks_providers: [{source: file}], audiences: [a]}", "jwt.audiences"},
		"scripts":                         {"apollo", "rhai: {main: a.rhai}", "rhai"},
		"mutations":                       {"cosmo", "security: {block_mutations: {enabled: true, condition: a}}", "security.block_mutations"},
		"a limit of all callers together": {"cosmo", "rate_limit: {enabled: true, simple_strategy: {rate: 7}}", "rate_limit.simple_strategy.rate"},
		"a switch from a variable":        {"cosmo", "cors: {enabled: '${CORS}'}", "cors.enabled"},
		"headers by a pattern":            {"hive", "headers: {all: {request: [{remove: {matching: 'x-(?=a)'}}]}}", "headers.all.request[0].remove"},
	} {
		// A key that is lost, but protects nothing, comes before it in the input.
		first := map[string]string{"apollo": "homepage: {enabled: true}\n", "hive": "log: {filter: a}\n", "cosmo": "poll_jitter: 5s\n"}[c.from]
		r, _ := convertedFrom(t, c.from, first+c.input)
		lost := r.Lost()
		if len(lost) < 2 || lost[0].Key != c.key || !lost[0].Protection || !strings.HasPrefix(lost[0].String(), "protection lost: ") || lost[len(lost)-1].Protection {
			t.Errorf("%s: got\n%v", name, lost)
		}
	}
}

// Limits that only warn do so here.
func TestLimitsThatWarnAreLogged(t *testing.T) {
	for input, want := range map[string]string{"limits: {warn_only: true}": config.LogLimits, "limits: {warn_only: false}": "enforce"} {
		if _, c := convertedFrom(t, "apollo", input); c.Limits.Mode != want {
			t.Errorf("%s: got %q", input, c.Limits.Mode)
		}
	}
}

// What is not converted but is stricter here, or has another limit, is no lost protection.
func TestStricterIsNoLostProtection(t *testing.T) {
	for input, from := range map[string]string{
		"limits: {http1_max_request_headers: 100, warn_only: true}":       "apollo",
		"cors: {match_origins: ['https://.*']}":                           "apollo",
		"authentication: {router: {jwt: {sources: [{type: cookie}]}}}":    "apollo",
		"authentication: {jwt: {header_sources: [{type: header}]}}":       "cosmo",
		"cors: {enabled: true, policies: [{match_origin: ['https://']}]}": "hive",
		"tls: {server: {enabled: false, cert_file: a}}":                   "cosmo",
	} {
		r, _ := convertedFrom(t, from, input)
		for _, n := range r.Lost() {
			if n.Protection {
				t.Errorf("%s: %s", input, n)
			}
		}
	}
}

// What is empty, or is in a section that is not enabled, protected nothing.
func TestWhatHasNoEffectIsNoLostProtection(t *testing.T) {
	for input, from := range map[string]string{
		"limits: {subgraph: null}":                               "apollo",
		"limits: {subgraph: {}}":                                 "apollo",
		"limits: {typo: null}":                                   "apollo",
		"authentication: {typo: {a: []}}":                        "apollo",
		"authentication: {subgraph: {all: null, subgraphs: {}}}": "apollo",
		"authentication: {router: {jwt: {sources: []}}}":         "apollo",
		"rhai: null":  "apollo",
		"plugins: {}": "apollo",
		"plugins:":    "apollo",
		"tls: {supergraph: null, subgraph: {all: {}}}":                                                         "apollo",
		"traffic_shaping: {router: {global_rate_limit: null, typo: }}":                                         "apollo",
		"persisted_queries: {enabled: false, typo: {a: 1}}":                                                    "apollo",
		"demand_control: {enabled: false, typo: 1, strategy: {typo: {a: 1}}}":                                  "apollo",
		"demand_control: {enabled: false, strategy: {static_estimated: {subgraph: {all: {max: 1}}, max: -5}}}": "apollo",
		"authorization: {directives: {enabled: false, typo: 1}}":                                               "apollo",
		"batching: {enabled: false, maximum_size: x}":                                                          "apollo",
		"jwt: {enabled: false, typo: 1}":                                                                       "hive",
		"cors: {typo: 1}":                                                                                      "hive",
		"csrf: {enabled: false, typo: 1}":                                                                      "hive",
		"demand_control: {enabled: false, max_cost: 5}":                                                        "hive",
		"rate_limit: {enabled: false, typo: 1, simple_strategy: {rate: 4, typo: 1}}":                           "cosmo",
		"security: {block_mutations: }":                                                                        "cosmo",
		"security: {complexity_limits: {depth: {enabled: false, typo: 1}}}":                                    "cosmo",
		"persisted_operations: {disabled: true, typo: 1}":                                                      "cosmo",
		"tls: {server: {}, client: {all: null}}":                                                               "cosmo",
	} {
		r, _ := convertedFrom(t, from, input)
		for _, n := range r.Lost() {
			if n.Protection {
				t.Errorf("%s: %s", input, n)
			}
		}
	}
	for input, from := range map[string]string{
		"rhai: {}":               "apollo", // runs main.rhai
		"plugins: {example.x: }": "apollo", // runs without settings
		"include_subgraph_errors: {all: {allow_extensions_keys: []}}": "apollo", // allows none
		"limits: {max_tokens: {enabled: false, typo: 1}}":             "hive",   // has no such switch
		"rate_limit: {enabled: true, typo: 1}":                        "cosmo",
	} {
		r, _ := convertedFrom(t, from, input)
		if lost := r.Lost(); len(lost) == 0 || !lost[0].Protection {
			t.Errorf("%s: got %v", input, lost)
		}
	}
}

// A cache that is not enabled is nothing that is lost.
func TestDisabledCachesAreNotLost(t *testing.T) {
	for _, key := range []string{"preview_entity_cache", "preview_response_cache", "response_cache"} {
		r, got := convertedFrom(t, "apollo", key+": {enabled: false, typo: 1, invalidation: {listen: 'a:1'}, subgraph: {all: {enabled: true, redis: {urls: ['redis://a']}}}}")
		if lost := r.Lost(); len(lost) > 0 || got.ResponseCache.Enabled {
			t.Errorf("%s: got %v\n%s", key, lost, r.Config)
		}
	}
}

// The name of a provider is a label, without which nothing is less protected. A key that becomes
// no other one is changed.
func TestNamesOfProvidersAreNoProtection(t *testing.T) {
	r, _ := convertedFrom(t, "cosmo", "authentication: {providers: [{name: main, jwks: {url: 'https://a.example/jwks'}}]}")
	for _, n := range r.Lost() {
		if n.Protection {
			t.Errorf("got %v", n)
		}
	}
	if got := (Note{Key: "a", Line: 1, Status: Changed, Note: "b"}).String(); got != "a (line 1) is changed: b" {
		t.Errorf("got %q", got)
	}
}

// The switches of other routers that show query plans to anybody need a token here.
func TestQueryPlansAreShownToTokens(t *testing.T) {
	for header, c := range map[string]struct{ from, input string }{
		"Apollo-Expose-Query-Plan": {"apollo", "plugins: {experimental.expose_query_plan: true}"},
		"Hive-Expose-Query-Plan":   {"hive", "query_planner: {allow_expose: true}"},
	} {
		r, got := convertedFrom(t, c.from, c.input)
		if p := got.ExposeQueryPlan; !p.Enabled || p.Header != header || p.Token == "" {
			t.Errorf("%s: got %+v\n%s", c.from, p, r.Config)
		}
		if lost := r.Lost(); len(lost) != 1 || lost[0].Status != Changed || !strings.Contains(lost[0].Note, planToken) {
			t.Errorf("%s: got %v", c.from, lost)
		}
	}
	for input, want := range map[string]int{
		"plugins: {experimental.expose_query_plan: false}":                    0,
		"plugins: {experimental: {expose_query_plan: false}}":                 0,
		"plugins: {experimental.expose_query_plan: false, company.audit: {}}": 1,
	} {
		if r, got := convertedFrom(t, "apollo", input); got.ExposeQueryPlan.Enabled || len(r.Lost()) != want {
			t.Errorf("%s: got %v", input, r.Lost())
		}
	}
}

// Variables that the result refers to are named: without them it is not valid.
func TestVariablesOfTheResultAreNamed(t *testing.T) {
	for input, want := range map[string][]string{
		"plugins: {experimental.expose_query_plan: true}":                                  {planToken},
		"supergraph: {listen: '127.0.0.1:${env.PORT:-4000}', path: '${env.B}/${env.A}'}\n": {"A", "B"},
		"supergraph: {path: /g}": {},
	} {
		r, err := Convert([]byte(input), "apollo")
		if err != nil {
			t.Fatal(err)
		}
		line := "# Set these variables where the router runs, and for `souk config validate`: " + strings.Join(want, ", ") + "\n"
		if !slices.Equal(r.Variables, want) || strings.Contains(r.Config, line) != (len(want) > 0) {
			t.Errorf("%s: got %v\n%s", input, r.Variables, r.Config)
		}
	}
}

// Operations of a kind that the other router refuses are refused.
func TestBlockedOperationsAreConverted(t *testing.T) {
	for input, from := range map[string]string{
		"forbid_mutations: true":                       "apollo",
		"security: {block_mutations: {enabled: true}}": "cosmo",
		"security: {block_mutations: true}":            "cosmo",
	} {
		if r, got := convertedFrom(t, from, input); !got.Limits.ForbidMutations || len(r.Lost()) > 0 {
			t.Errorf("%s: got\n%s", input, r.Config)
		}
	}
	for _, input := range []string{
		"websocket: {enabled: true}\nsecurity: {block_subscriptions: {enabled: true}}", "security: {block_subscriptions: true}\nwebsocket: {enabled: true}",
	} {
		if r, got := convertedFrom(t, "cosmo", input); got.Subscriptions.Enabled || len(r.Lost()) > 0 {
			t.Errorf("%s: got\n%s", input, r.Config)
		}
	}
	for input, enabled := range map[string]bool{"": true, "security: {block_subscriptions: {enabled: false}}": true} {
		if r, got := convertedFrom(t, "cosmo", "version: '1'\nwebsocket: {enabled: true}\n"+input); got.Subscriptions.Enabled != enabled {
			t.Errorf("%s: got\n%s", input, r.Config)
		}
	}
	for _, input := range []string{
		"security: {block_non_persisted_operations: {enabled: true}}", // without documents
		"security: {block_persisted_operations: {enabled: true}}",
		"security: {block_subscriptions: {enabled: true, condition: a}}",
	} {
		r, _ := convertedFrom(t, "cosmo", input)
		if lost := r.Lost(); len(lost) != 1 || !lost[0].Protection {
			t.Errorf("%s: got %v", input, lost)
		}
	}
}

// Key sets in files are read from there.
func TestKeySetsInFilesAreConverted(t *testing.T) {
	for input, from := range map[string]string{
		"authentication: {router: {jwt: {jwks: [{url: 'file:///etc/jwks.json', issuers: [a], audiences: [b]}]}}}": "apollo",
		"jwt: {jwks_providers: [{source: file, path: /etc/jwks.json}], issuers: [a], audiences: [b]}":             "hive",
	} {
		r, got := convertedFrom(t, from, input)
		keys := got.Authentication.JWT.JWKS
		if len(keys) != 1 || keys[0].File != "/etc/jwks.json" || keys[0].URL != "" || keys[0].Issuer != "a" || !slices.Equal(keys[0].Audiences, []string{"b"}) || len(r.Lost()) > 0 {
			t.Errorf("%s: got %+v\n%s", from, keys, r.Config)
		}
	}
}

// TLS of Hive Router, whose cert_file has certificate authorities for subgraphs.
func TestTLSOfHiveIsConverted(t *testing.T) {
	r, got := convertedFrom(t, "hive", `traffic_shaping:
  router: {tls: {cert_file: s.crt, key_file: s.key, client_auth: {cert_file: [clients.crt]}}}
  all: {tls: {cert_file: ca.crt, client_auth: {cert_file: c.crt, key_file: c.key}}}
  subgraphs: {accounts: {tls: {insecure_skip_ca_verification: true}}}
`)
	if want := (config.ServerTLS{CertFile: "s.crt", KeyFile: "s.key", ClientCAFile: "clients.crt", ClientCertificates: "required", MinVersion: got.TLS.MinVersion}); got.TLS != want {
		t.Errorf("server: got %+v\n%s", got.TLS, r.Config)
	}
	if want := (config.ClientTLS{CAFile: "ca.crt", CertFile: "c.crt", KeyFile: "c.key"}); got.TrafficShaping.All.TLS != want {
		t.Errorf("all: got %+v\n%s", got.TrafficShaping.All.TLS, r.Config)
	}
	if !got.TrafficShaping.Subgraphs["accounts"].TLS.InsecureSkipVerify || len(r.Lost()) > 0 {
		t.Errorf("accounts: got %v\n%s", r.Lost(), r.Config)
	}
}

// Budgets of subgraphs have the same form in Apollo and Hive Router.
func TestBudgetsOfSubgraphsAreConverted(t *testing.T) {
	const input = "demand_control: {enabled: true, mode: enforce, strategy: {static_estimated: {max: 100, subgraph: {all: {max: 50}, subgraphs: {a: {max: 20, list_size: 3}}}}}}"
	for _, from := range []string{"apollo", "hive"} {
		r, got := convertedFrom(t, from, input)
		budgets := got.DemandControl.Subgraph
		if budgets.Of("a") != (config.SubgraphCost{Max: 20, ListSize: 3}) || budgets.Of("b") != (config.SubgraphCost{Max: 50}) || got.DemandControl.Measure {
			t.Errorf("%s: got %+v\n%s", from, budgets, r.Config)
		}
		for _, n := range r.Lost() {
			if n.Protection {
				t.Errorf("%s: %s", from, n)
			}
		}
	}
	for input, want := range map[string]bool{"true": true, "false": false, "{}": false, "{max: true}": true, "{max: X-Max, actual: false}": true, "{max: false}": false} {
		if r, got := convertedFrom(t, "hive", "demand_control: {enabled: true, mode: measure, expose_headers: "+input+"}"); got.DemandControl.Expose != want {
			t.Errorf("expose_headers: %s\n%s", input, r.Config)
		}
	}
}
