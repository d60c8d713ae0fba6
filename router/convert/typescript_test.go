package convert

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The configuration of Hive Gateway is a program: it is read, and what it computes is reported.
func TestTypeScriptOfHiveGateway(t *testing.T) {
	input, err := os.ReadFile("testdata/gateway.config.ts")
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"", "hive", "hive-gateway"} {
		r, err := Convert(input, from)
		if err != nil {
			t.Fatalf("--from %q: %v", from, err)
		}
		for _, want := range []string{
			`url: "${env.HIVE_CDN_ENDPOINT}/supergraph"`, `X-Hive-CDN-Key: "${env.HIVE_CDN_KEY}"`, "poll_interval: 30s", `listen: "127.0.0.1:4001"`, "max_depth: 12",
			`allow_origins: ["https://shop.example", "https://admin.example"]`, `url: "https://issuer.example/jwks.json"`, `audiences: ["shop"]`, "required: false",
			`products: "${env.PRODUCTS}/graphql"`, `x-key: "a"`, "max_size: 5",
		} {
			if !strings.Contains(r.Config, want) {
				t.Errorf("the result lacks %s:\n%s", want, r.Config)
			}
		}
		lost := fmt.Sprintln(r.Lost())
		for _, want := range []string{
			"protection lost: jwt.signingKeyProviders[0] (line 19)", "protection lost: genericAuth (line 26) has no equivalent", "protection lost: hmacSignature (line 27)",
			"protection lost: plugins (line 30)", "protection lost: ...shared (line 32) is not translated: it is computed (...shared)", "propagateHeaders (line 28)", "pubsub (line 31) has no equivalent: event_sources",
			"upstreamTimeout (line 31) is not translated: it is computed (({ subgraphName }) => 3000), which is not run: write the value itself into traffic_shaping.all.timeout",
			"transportEntries.products.headers[1] (line 29) has no equivalent", "openTelemetry (line 16) has no equivalent: set OTEL_",
		} {
			if !strings.Contains(lost, want) {
				t.Errorf("not reported: %s\nbut %s", want, lost)
			}
		}
	}
	if _, err := Convert(input, "apollo"); err == nil || !strings.Contains(err.Error(), "TypeScript configuration of Hive Gateway") {
		t.Errorf("--from apollo: %v", err)
	}
}

// Other forms of the program, and of its values.
func TestFormsOfTypeScript(t *testing.T) {
	for name, c := range map[string]struct{ input, want string }{
		"a type":         {"import type { GatewayConfig } from '@graphql-hive/gateway'\nexport const gatewayConfig: GatewayConfig = { port: 5000 }\n", `listen: "0.0.0.0:5000"`},
		"satisfies":      {"import type { GatewayConfig } from '@graphql-hive/gateway'\nexport const gatewayConfig = { maxDepth: 7 } satisfies GatewayConfig\nconst x = 1", "max_depth: 7"},
		"default":        {"import { defineConfig } from '@graphql-hive/gateway';\nexport default defineConfig({'port': 5_000, supergraph: './super.graphql'});", `file: "./super.graphql"`},
		"CommonJS":       {"// @graphql-hive/gateway\nmodule.exports = { gatewayConfig: 1, maxDepth: 9 }", "max_depth: 9"},
		"a default":      {"export const gatewayConfig = defineConfig({ supergraph: process.env.SUPERGRAPH ?? './a.graphql' })", `file: "${env.SUPERGRAPH:-./a.graphql}"`},
		"a constant":     {"const supergraph = 'b.graphql'\nexport const gatewayConfig = defineConfig({ supergraph })", `file: "b.graphql"`},
		"a sum":          {"export const gatewayConfig = defineConfig({ port: 4000 + 1, maxDepth: 3 })", "port (line 1) is not translated: it is computed (4000 + 1)"},
		"a method":       {"export const gatewayConfig = defineConfig({ async supergraph() { return 'a' } })", "supergraph (line 1) is not translated: it is computed"},
		"an old name":    {"export const gatewayConfig = defineConfig({ jwt: { singingKeyProviders: [createRemoteJwksSigningKeyProvider({ jwksUri: 'https://a.example/k' })] } })", "required: true"},
		"an escape":      {"export const gatewayConfig = defineConfig({ supergraph: 'it\\'s, {a}.graphql'.trim() })", "it is computed"},
		"a plain text":   {"export const gatewayConfig = defineConfig({ supergraph: 'a/${env.X}.graphql' })", "supergraph (line 1) is not translated: it is computed ('a/${env.X}.graphql')"},
		"a comment":      {"export const gatewayConfig = defineConfig({ // port: 1, }\n maxDepth: 4, /* } */ })", "max_depth: 4"},
		"a URL":          {"export const gatewayConfig = defineConfig({ supergraph: 'https://a.example/s' })", `url: "https://a.example/s"`},
		"arrays of maps": {"export const gatewayConfig = defineConfig({ transportEntries: { a: { headers: [\n['x', 'y'],\n] } } })", `x: "y"`},
	} {
		r, err := Convert([]byte(c.input), "hive")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.Contains(r.Config, c.want) {
			t.Errorf("%s: the result lacks %s:\n%s", name, c.want, r.Config)
		}
	}
	for input, want := range map[string]string{
		"import { defineConfig } from '@graphql-hive/gateway'\nexport default defineConfig(make())": "the object after defineConfig( or gatewayConfig = was not found",
		"export const gatewayConfig = defineConfig({ a: [ })":                                       "line 1: ",
		"export const gatewayConfig = defineConfig({ a: 'b })":                                      "line 1: a string has no end",
	} {
		if _, err := Convert([]byte(input), "hive"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", input, err, want)
		}
	}
}

// A number of minutes, and a path with a parameter, are written as this router has them.
func TestMinutesAndParametersOfCosmo(t *testing.T) {
	r, err := Convert([]byte("graphql_path: '/{tenant}/graphql'\ncors: {allow_origins: ['https://a.example'], max_age_minutes: 5}"), "cosmo")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Config, "max_age: 5m0s") || !strings.Contains(r.Config, `path: "/:tenant/graphql"`) {
		t.Errorf("got\n%s", r.Config)
	}
	r, err = Convert([]byte("supergraph: {path: '/a*b/graphql', listen: '127.0.0.1:4000'}"), "apollo")
	if err != nil {
		t.Fatal(err)
	}
	if lost := fmt.Sprint(r.Lost()); !strings.Contains(lost, "supergraph.path (line 1) has no equivalent") {
		t.Errorf("got %s\n%s", lost, r.Config)
	}
}

// FuzzTypeScript checks that any program is an error or gives a valid result.
func FuzzTypeScript(f *testing.F) {
	for _, object := range []string{"{}", "{ port: 1, a: [b, { c: 'd' }], ...e }", "{ supergraph: `x${process.env.Y}` }", "{\n[\n,", "{ a: {}\n}}", "{'': `"} {
		f.Add(object)
	}
	f.Fuzz(func(t *testing.T, object string) {
		r, err := Convert([]byte("export const gatewayConfig = defineConfig("+object+")"), "hive")
		if err == nil && !strings.Contains(r.Config, "${env.") {
			valid(t, r, object)
		}
	})
}
