package convert

import (
	"strings"
	"testing"
)

// Blocks with a former name become what those with the present name do. Notes have the names of the
// input.
func TestFormerNamesAreConverted(t *testing.T) {
	for former, now := range map[string]string{
		"preview_persisted_queries: {enabled: true, local_manifests: [a.json], safelist: {enabled: true, require_id: true}}":               "persisted_queries: {enabled: true, local_manifests: [a.json], safelist: {enabled: true, require_id: true}}",
		"preview_persisted_queries: {enabled: false, safelist: {enabled: true}}":                                                           "persisted_queries: {enabled: false, safelist: {enabled: true}}",
		"preview_operation_limits: {max_depth: 5, max_aliases: 3}":                                                                         "limits: {max_depth: 5, max_aliases: 3}",
		"experimental_limits: {max_depth: 5, experimental_http_max_request_bytes: 9000}":                                                   "limits: {max_depth: 5, http_max_request_bytes: 9000}",
		"preview_demand_control: {enabled: true, mode: enforce, strategy: {static_estimated: {max: 10, list_size: 5}}}":                    "demand_control: {enabled: true, mode: enforce, strategy: {static_estimated: {max: 10, list_size: 5}}}",
		"preview_authentication: {router: {jwt: {jwks: [{url: 'https://a.example/jwks'}]}}}":                                               "authentication: {router: {jwt: {jwks: [{url: 'https://a.example/jwks'}]}}}",
		"authorization: {preview_directives: {enabled: true, reject_unauthorized: true}}":                                                  "authorization: {directives: {enabled: true, reject_unauthorized: true}}",
		"traffic_shaping: {router: {experimental_global_rate_limit: {capacity: 5, interval: 1s}}, all: {preview_timeout: 7s}}":             "traffic_shaping: {router: {global_rate_limit: {capacity: 5, interval: 1s}}, all: {timeout: 7s}}",
		"preview_subscription: {enabled: true, max_opened_subscriptions: 7, mode: {passthrough: {all: {protocol: graphql_transport_ws}}}}": "subscription: {enabled: true, max_opened_subscriptions: 7, mode: {passthrough: {all: {protocol: graphql_transport_ws}}}}",
	} {
		body := func(input string) string {
			r, _ := convertedFrom(t, "apollo", input)
			_, body, _ := strings.Cut(r.Config, "\n\n")
			for _, n := range r.Lost() {
				if n.Status == Unknown {
					t.Errorf("%s: %s", input, n)
				}
			}
			reported(t, r, input)
			return body
		}
		if got, want := body(former), body(now); got != want {
			t.Errorf("%s becomes\n%s\nwant\n%s", former, got, want)
		}
	}
}

// Without another sign, a former name shows which router a configuration is of.
func TestFormerNamesShowTheRouter(t *testing.T) {
	r, err := Convert([]byte("preview_persisted_queries: {enabled: true, local_manifests: [a.json], safelist: {enabled: true}}"), "")
	if err != nil || r.From != "apollo" || !strings.Contains(r.Config, "require: true") {
		t.Errorf("got %+v, %v", r, err)
	}
}

// A section that is not known may have protected the graph. One that is empty, or only holds values for
// aliases, did not.
func TestUnknownSectionsMayHaveProtected(t *testing.T) {
	for input, want := range map[string]bool{
		"preview_my_protection: {enabled: true}": true,
		"guard: 1":                               true,
		"limits: {max_depth: 3}\npreview_limits: {max_depth: 2}": true, // a block has both names
		"guard: {}": false,
		"x-common: &c {timeout: 5s}\ntraffic_shaping: {all: *c}":          false,
		"homepage: {colour: red}":                                         false,
		"persisted_queries: {enabled: true, safelist: {typo: true}}":      true,
		"preview_persisted_queries: {enabled: true, safelist: {typo: 1}}": true,
	} {
		for _, from := range Sources() {
			if from != "apollo" && strings.Contains(input, "{") {
				continue
			}
			r, _ := convertedFrom(t, from, input)
			lost := false
			for _, n := range r.Lost() {
				lost = lost || n.Protection && n.Status == Unknown
			}
			if lost != want {
				t.Errorf("%s: %s: got %v", from, input, r.Lost())
			}
		}
	}
}

// The name of a section of another router is that of the section here, and not some of its keys. What has
// no equivalent says what to do instead.
func TestSectionsOfOtherRouters(t *testing.T) {
	for key, want := range map[string]string{
		"subscription":              "it is a key of Apollo Router; here it is called subscriptions",
		"preview_persisted_queries": "it is a key of Apollo Router; here it is called persisted_documents",
		"execution_config":          "it is a key of Cosmo Router without an equivalent here: " + cosmoStorage + "; it is in Cosmo's own format: compose a supergraph SDL with `souk compose` and name it in supergraph.file",
	} {
		if got := Compare(map[string]bool{key: false}).Notes[key]; got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}
