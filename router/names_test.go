package router_test

import (
	"strings"
	"testing"

	"souk/router"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// Every place of the configuration that names a subgraph, a type or a field is checked against the
// supergraph, with what is similar.
func TestNamesThatTheSupergraphLacks(t *testing.T) {
	sdl := strings.Replace(productSDL, "type Query", "scalar Upload @join__type(graph: A)\nenum Size @join__type(graph: A) { SMALL @join__enumValue(graph: A) }\ntype Query", 1)
	if !strings.Contains(sdl, "join__enumValue(") || !strings.Contains(sdl, "directive @join__enumValue") {
		sdl = strings.Replace(sdl, "SMALL @join__enumValue(graph: A)", "SMALL", 1)
	}
	model, err := supergraph.Parse(sdl)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"demand_control: {subgraph: {subgraphs: {aa: {max: 5}}}}":                         `demand_control.subgraph.subgraphs names "aa", but the supergraph has no such subgraph`,
		"demand_control: {subgraph: {subgraphs: {a: {max: 5}}}}":                          "",
		"telemetry: {deprecations: [{coordinate: Produkt.id, since: 2026-01-15}]}":        `telemetry.deprecations[0].coordinate names "Produkt", but the supergraph has no such type; did you mean "Product"?`,
		"telemetry: {deprecations: [{coordinate: Product.prize}]}":                        `telemetry.deprecations[0].coordinate names "prize", but Product has no such member`,
		"telemetry: {deprecations: [{coordinate: 'Query.product(no:)'}]}":                 `telemetry.deprecations[0].coordinate names "no", but Query.product has no such argument`,
		"telemetry: {deprecations: [{coordinate: Product.id}, {coordinate: Size.SMALL}]}": "",
		"telemetry: {deprecations: [{coordinate: Size.LARGE}]}":                           `names "LARGE", but Size has no such member; it has SMALL`,
		"response_cache: {invalidation: {mutations: {except: [Produkt]}}}":                `response_cache.invalidation.mutations.except names "Produkt", but the supergraph has no such entity type; did you mean "Product"?`,
		"response_cache: {invalidation: {mutations: {except: [Size]}}}":                   `names "Size", but the supergraph has no such entity type`,
		"response_cache: {invalidation: {mutations: {except: [Product]}}}":                "",
		"file_uploads: {scalars: [Uplaod]}":                                               `file_uploads.scalars names "Uplaod", but the supergraph has no such scalar; did you mean "Upload"?`,
		"file_uploads: {scalars: [Upload]}":                                               "",
		"introspection: true":                                                             "",
	} {
		c, err := config.Parse([]byte(text), func(string) (string, bool) { return "", false })
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		problems := router.UnknownNames(&c, model, nil)
		if want == "" && len(problems) > 0 || want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), want)) {
			t.Errorf("%s: got %v, want %s", text, problems, want)
		}
	}
}
