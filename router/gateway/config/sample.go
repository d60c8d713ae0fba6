package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// samples are example values for the formats of strings.
var samples = map[string]string{
	"address":  "127.0.0.1:4000",
	"path":     "/graphql",
	"endpoint": "/graphql",
	"http":     "http://localhost:4001/graphql",
	"subgraph": "http://localhost:4001/graphql",
	"remote":   "https://graphs.example/supergraph.graphql",
	"jwks":     "https://issuer.example/.well-known/jwks.json",
	"stream":   "ws://localhost:4001/graphql",
	"header":   "X-API-Key",
	"method":   "POST",
	"name":     "tenant",
	"date":     "2026-01-15",
}

// entries are example names of the entries of maps.
var entries = map[string]string{
	"override_subgraph_urls": "products",
	"subgraphs":              "products",
	"services":               "order",
	"set":                    "X-API-Key",
	"headers":                "X-API-Key",
	"rename":                 "X-Tenant",
	"defaults":               "X-Tenant",
	"return":                 "Set-Cookie",
	"response_extensions":    "requestId",
	"set_from_claims":        "X-User",
	"set_from_context":       "X-Tenant",
	"events":                 "product.updated",
	"event_tags":             "product.updated",
	"modes":                  "max_depth",
	"clients":                "reports",
	"providers":              "shop",
	"attributes":             "tenant",
	"instruments":            "tenant.orders",
}

// together are the examples of keys that need other keys.
var together = map[string]string{
	"admin.console.enabled":                               "admin:\n  console:\n    enabled: true\n    token: \"${env.SECRET}\"\n",
	"expose_query_plan.enabled":                           "expose_query_plan:\n  enabled: true\n  token: \"${env.SECRET}\"\n",
	"telemetry.deprecations.since":                        deprecationExample,
	"telemetry.deprecations.sunset":                       deprecationExample,
	"authentication.jwt.jwks.file":                        "authentication:\n  jwt:\n    jwks:\n      - file: keys.json\n",
	"authentication.jwt.required":                         "authentication:\n  jwt:\n    required: true\n    jwks:\n      - url: https://issuer.example/.well-known/jwks.json\n",
	"mcp.enabled":                                         "persisted_documents:\n  path: documents.json\nmcp:\n  enabled: true\n",
	"coprocessor.policies":                                "coprocessor:\n  url: http://localhost:4001/coprocessor\n  policies: true\n  supergraph:\n    request:\n      context: true\n",
	"coprocessor.url":                                     "coprocessor:\n  url: http://localhost:4001/coprocessor\n  router:\n    request:\n      headers: true\n",
	"response_cache.subgraph.subgraphs.NAME.shared_types": sharedExample("types", "Product"),
	"response_cache.subgraph.subgraphs.NAME.shared_root":  sharedExample("root", "products"),
	"persisted_documents.require":                         "persisted_documents:\n  path: documents.json\n  require: true\n",
	"supergraph.remote.cache_file":                        remoteExample("supergraph", "cache_file: /var/lib/souk/supergraph.graphql"),
	"supergraph.remote.endpoint":                          bucketExample("supergraph", "supergraph.graphql"),
	"supergraph.remote.headers":                           remoteExample("supergraph", "headers: {X-API-Key: \"${env.SECRET}\"}"),
	"supergraph.remote.plain_http":                        registryExample("supergraph"),
	"supergraph.remote.region":                            bucketExample("supergraph", "supergraph.graphql"),
	"supergraph.remote.tls.cert_file":                     remoteExample("supergraph", certificate),
	"supergraph.remote.tls.key_file":                      remoteExample("supergraph", certificate),
	"persisted_documents.remote.cache_file":               remoteExample("persisted_documents", "cache_file: /var/lib/souk/documents.json"),
	"persisted_documents.remote.endpoint":                 bucketExample("persisted_documents", "documents.json"),
	"persisted_documents.remote.headers":                  remoteExample("persisted_documents", "headers: {X-API-Key: \"${env.SECRET}\"}"),
	"persisted_documents.remote.plain_http":               registryExample("persisted_documents"),
	"persisted_documents.remote.region":                   bucketExample("persisted_documents", "documents.json"),
	"persisted_documents.remote.tls.cert_file":            remoteExample("persisted_documents", certificate),
	"persisted_documents.remote.tls.key_file":             remoteExample("persisted_documents", certificate),
	"canary.remote.cache_file":                            remoteExample("canary", "cache_file: /var/lib/souk/canary.graphql"),
	"canary.remote.endpoint":                              bucketExample("canary", "next.graphql"),
	"canary.remote.headers":                               remoteExample("canary", "headers: {X-API-Key: \"${env.SECRET}\"}"),
	"canary.remote.plain_http":                            registryExample("canary"),
	"canary.remote.region":                                bucketExample("canary", "next.graphql"),
	"canary.remote.tls.cert_file":                         remoteExample("canary", certificate),
	"canary.remote.tls.key_file":                          remoteExample("canary", certificate),
	"persisted_documents.redis":                           redisExample("persisted_documents", "url: redis://localhost:6379"),
	"persisted_documents.redis.tls.cert_file":             redisExample("persisted_documents", certificate),
	"persisted_documents.redis.tls.key_file":              redisExample("persisted_documents", certificate),
	"persisted_documents.require_id":                      "persisted_documents:\n  path: documents.json\n  require: true\n  require_id: true\n",
	"persisted_documents.log_unknown":                     "persisted_documents:\n  path: documents.json\n  log_unknown: true\n",
	"response_cache.redis":                                redisExample("response_cache", "url: redis://localhost:6379"),
	"redis":                                               "redis:\n  url: redis://localhost:6379\n",
	"canary":                                              canaryExample,
	"authorization.policy_cache":                          policyCacheExample,
	"subscriptions.callback":                              callbackExample,
	"redis.tls.cert_file":                                 "redis:\n  " + certificate + "\n",
	"redis.tls.key_file":                                  "redis:\n  " + certificate + "\n",
	"rate_limit.redis":                                    redisExample("rate_limit", "url: redis://localhost:6379"),
	"response_cache.redis.tls.cert_file":                  redisExample("response_cache", certificate),
	"response_cache.redis.tls.key_file":                   redisExample("response_cache", certificate),
	"rate_limit.redis.tls.cert_file":                      redisExample("rate_limit", certificate),
	"rate_limit.redis.tls.key_file":                       redisExample("rate_limit", certificate),
	"tls":                                                 serverExample,
	"authentication.jwt.sources":                          sourcesExample,
	"authentication.jwt.sources.cookie":                   sourcesExample,
	"authentication.jwt.sources.header":                   sourcesExample,
	"authentication.jwt.sources.scheme":                   sourcesExample,
	"tls.cert_file":                                       serverExample,
	"tls.key_file":                                        serverExample,
	"tls.client_ca_file":                                  serverExample + clientsCA,
	"admin.tls":                                           adminExample,
	"admin.tls.cert_file":                                 adminExample,
	"admin.tls.key_file":                                  adminExample,
	"admin.tls.client_ca_file":                            adminExample + "  " + clientsCA,
	"traffic_shaping.all.tls.cert_file":                   subgraphExample("all"),
	"traffic_shaping.all.tls.key_file":                    subgraphExample("all"),
	"traffic_shaping.subgraphs.NAME.tls.cert_file":        subgraphExample("subgraphs:\n    products"),
	"traffic_shaping.subgraphs.NAME.tls.key_file":         subgraphExample("subgraphs:\n    products"),
	"response_cache.subgraph.all.types":                   example("response_cache.subgraph.subgraphs.NAME.types"),
	"response_cache.subgraph.all.root":                    example("response_cache.subgraph.subgraphs.NAME.root"),
	"response_cache.subgraph.all.shared_types":            example("response_cache.subgraph.subgraphs.NAME.shared_types"),
	"response_cache.subgraph.all.shared_root":             example("response_cache.subgraph.subgraphs.NAME.shared_root"),
}

const certificate = "tls: {cert_file: client.crt, key_file: client.key}"

const (
	sourcesExample     = "authentication:\n  jwt:\n    sources:\n      - cookie: access_token\n      - header: X-Access-Token\n        scheme: JWT\n"
	canaryExample      = "canary:\n  supergraph: canary.graphql\n  percent: 5\n"
	policyCacheExample = "authorization:\n  policy_cache:\n    enabled: true\n    ttl: 30s\n"
	callbackExample    = "subscriptions:\n  all:\n    protocol: callback\n  callback:\n    public_url: https://router.example/callback\n"

	serverExample = "tls:\n  cert_file: server.crt\n  key_file: server.key\n"
	adminExample  = "admin:\n  tls:\n    cert_file: server.crt\n    key_file: server.key\n"
	clientsCA     = "  client_ca_file: clients-ca.crt\n"
)

func subgraphExample(of string) string {
	indent := "    "
	if of != "all" {
		indent += "  "
	}
	return "traffic_shaping:\n  " + of + ":\n" + indent + certificate + "\n"
}

func remoteExample(block, setting string) string {
	return block + ":\n  remote:\n    url: https://graphs.example/" + block + "\n    " + setting + "\n"
}

func registryExample(block string) string {
	return block + ":\n  remote:\n    url: oci://localhost:5000/shop/" + block + ":latest\n    plain_http: true\n"
}

func bucketExample(block, key string) string {
	return block + ":\n  remote:\n    url: s3://graphs/" + key + "\n    endpoint: https://s3.example\n    region: eu-central-1\n"
}

func redisExample(block, settings string) string {
	return block + ":\n  redis:\n    " + settings + "\n"
}

// connections are the kinds of brokers, with the setting that a connection to each needs.
var connections = map[string]string{"redis": "url: redis://localhost:6379", "nats": "urls: [nats://localhost:4222]", "kafka": "brokers: [localhost:9092]"}

// providerExample adds to the example of a key of a message broker what a provider needs besides.
func providerExample(path, text string) string {
	const provider = "event_sources.providers.NAME"
	if path == "event_sources.providers" || path == provider {
		return "event_sources:\n  providers:\n    shop:\n      kind: redis\n      redis:\n        url: redis://localhost:6379\n"
	}
	rest, ok := strings.CutPrefix(path, provider+".")
	if !ok {
		return text
	}
	kind, key, _ := strings.Cut(rest, ".")
	needed, own := connections[kind]
	if !own {
		kind, needed = "redis", connections["redis"]
		text += "      redis:\n        " + needed + "\n"
	}
	if key == "" && own {
		text = "event_sources:\n  providers:\n    shop:\n      " + kind + ":\n        " + needed + "\n"
	}
	if name, _, _ := strings.Cut(needed, ":"); own && key != "" && key != name && key != "addresses" && (kind != "redis" || !strings.HasPrefix(key, "tls")) {
		text = strings.Replace(text, "      "+kind+":\n", "      "+kind+":\n        "+needed+"\n", 1)
	}
	if strings.HasSuffix(key, "tls.cert_file") {
		text += "          key_file: client.key\n"
	}
	if strings.HasSuffix(key, "tls.key_file") {
		text += "          cert_file: client.crt\n"
	}
	const sasl = "        sasl:\n"
	switch key {
	case "sasl.username", "sasl.password":
		text = strings.Replace(text, sasl, sasl+"          mechanism: SCRAM-SHA-512\n", 1)
	}
	switch key {
	case "sasl.mechanism", "sasl.password":
		text += "          username: souk\n"
	}
	if rest == "kind" {
		return text
	}
	return strings.Replace(text, "    shop:\n", "    shop:\n      kind: "+kind+"\n", 1)
}

// example returns a part of a configuration file that has the key at a path. An entry of a
// list has all of its keys.
func example(path string) string {
	f := found{typ: reflect.TypeFor[Config](), value: reflect.ValueOf(Default())}
	var out strings.Builder
	indent := ""
	for _, name := range strings.Split(path, ".") {
		if f.typ.Kind() == reflect.Slice && f.typ != oneOrMore {
			break
		}
		shown := name
		if f.typ.Kind() == reflect.Map && name == "NAME" {
			shown = entries[f.tag.Get("yaml")]
		}
		f, _ = f.below(name) // the path is known
		fmt.Fprintf(&out, "\n%s%s:", indent, shown)
		indent += "  "
	}
	return strings.TrimPrefix(out.String(), "\n") + sample(f.typ, f.tag, turnedOn(f.value), indent) + "\n"
}

// turnedOn returns the default of a block with its key enabled set: the example of a block shows
// what it is for.
func turnedOn(block reflect.Value) reflect.Value {
	if !block.IsValid() || block.Kind() != reflect.Struct {
		return block
	}
	out := reflect.New(block.Type()).Elem()
	out.Set(block)
	for i := range out.NumField() {
		f := out.Field(i)
		switch {
		case out.Type().Field(i).Tag.Get("yaml") != "enabled":
		case f.Kind() == reflect.Bool:
			f.SetBool(true)
		case f.Kind() == reflect.Pointer && f.IsNil():
			f.Set(reflect.New(f.Type().Elem()))
			f.Elem().SetBool(true)
		}
	}
	return out
}

// sample returns what follows the colon of a key. value is the default, which is the example
// if it is not empty. A block has the keys whose defaults are not empty or, below an entry of
// a map or a list, all keys.
func sample(t reflect.Type, tag reflect.StructTag, value reflect.Value, indent string) string {
	switch t.Kind() {
	case reflect.Pointer:
		return sample(t.Elem(), tag, reflect.Value{}, indent)
	case reflect.Struct:
		return sampleBlock(t, value, indent)
	case reflect.Map:
		return "\n" + indent + entries[tag.Get("yaml")] + ":" + sample(t.Elem(), tag, reflect.Value{}, indent+"  ")
	case reflect.Slice:
		if t == oneOrMore {
			return sample(t.Elem(), tag, reflect.Value{}, indent)
		}
		if t.Elem().Kind() == reflect.Struct {
			first, rest, _ := strings.Cut(strings.TrimPrefix(sampleBlock(t.Elem(), reflect.Value{}, indent+"  "), "\n"), "\n")
			text := "\n" + indent + "- " + strings.TrimSpace(first)
			if rest != "" {
				text += "\n" + rest
			}
			return text
		}
		if value.IsValid() && value.Len() > 0 {
			break
		}
		return " [" + strings.TrimSpace(sample(t.Elem(), tag, reflect.Value{}, indent)) + "]"
	}
	if value.IsValid() && !value.IsZero() {
		text, _ := scalar(value, tag)
		return " " + text
	}
	return " " + sampleScalar(t, tag)
}

func sampleBlock(t reflect.Type, value reflect.Value, indent string) string {
	var out strings.Builder
	for i := range t.NumField() {
		f := t.Field(i)
		inner := reflect.Value{}
		if f.Tag.Get("alternative") != "" && !value.IsValid() {
			continue // another key is in its place
		}
		if value.IsValid() {
			if inner = value.Field(i); inner.IsZero() {
				continue
			}
		}
		out.WriteString("\n" + indent + f.Tag.Get("yaml") + ":" + sample(f.Type, f.Tag, inner, indent+"  "))
	}
	if out.Len() == 0 && t.NumField() > 0 {
		return sampleBlock(t, reflect.Value{}, indent)
	}
	return out.String()
}

func sampleScalar(t reflect.Type, tag reflect.StructTag) string {
	switch {
	case tag.Get("example") != "":
		return quote(tag.Get("example"))
	case t == reflect.TypeFor[time.Duration]():
		least, most := tag.Get("min"), tag.Get("max")
		if most != "" {
			return most
		}
		return longer("30s", least)
	case t.Kind() == reflect.Bool:
		return "true"
	case t.Kind() == reflect.Int:
		return cmp.Or(tag.Get("max"), "100")
	case t.Kind() == reflect.Float64:
		return "0.5"
	case tag.Get("enum") != "":
		return quote(strings.Split(tag.Get("enum"), ",")[0])
	case tag.Get("secret") != "":
		return `"${env.SECRET}"`
	}
	return quote(cmp.Or(samples[tag.Get("format")], "value"))
}

// longer returns the longer one of two durations, the second of which may be empty.
func longer(a, b string) string {
	durations := []string{a}
	if b != "" {
		durations = append(durations, b)
	}
	return slices.MaxFunc(durations, func(a, b string) int {
		x, _ := time.ParseDuration(a) // a test parses every tag
		y, _ := time.ParseDuration(b)
		return cmp.Compare(x, y)
	})
}

const deprecationExample = "telemetry:\n  deprecations:\n    - coordinate: Product.price\n      since: 2026-01-15\n      sunset: 2027-01-15\n"

func sharedExample(key, name string) string {
	return fmt.Sprintf("response_cache:\n  subgraph:\n    subgraphs:\n      products:\n        %s: [%s]\n        shared_%s: [%s]\n", key, name, key, name)
}
