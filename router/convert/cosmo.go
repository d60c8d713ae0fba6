package convert

import (
	"regexp"
	"strings"
)

const (
	cosmoCloud   = "this router has no control plane: it reads a supergraph, which `souk compose` makes, from supergraph.file or supergraph.remote.url"
	cosmoEvents  = "name the brokers in event_sources.providers (kinds redis, nats and kafka), and replace the directives @edfs__… by @eventStream, which the page on subscriptions describes"
	cosmoErrors  = "errors have the paths of the client's operation, a code and the name of the subgraph"
	cosmoEngine  = "the engine has no such setting"
	cosmoStorage = "name the addresses of the supergraph, as SDL, in supergraph.remote.url, and of a manifest in persisted_documents.remote.url, such as s3://BUCKET/KEY"
)

// variable is a reference to the environment, as Cosmo writes it.
var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Z_][A-Z0-9_]*)`)

// cosmo has the rules for the config.yaml of Cosmo Router.
func cosmo() *source {
	t := table{
		"version":                                same("the version of the format is \"1\", too"),
		"listen_addr":                            to("listen"),
		"graphql_path":                           via("path", chiPath),
		"log_level":                              via("log.level", words(map[string]string{"debug": "debug", "info": "info", "warn": "warn", "warning": "warn", "error": "error", "panic": "error", "fatal": "error"})),
		"log_service_name":                       to("telemetry.service_name"),
		"json_log":                               via("log.format", words(map[string]string{"true": "json", "false": "text"})),
		"dev_mode":                               to("dev"),
		"demo_mode":                              minor(none("use `souk dev`")),
		"introspection_enabled":                  to("introspection"),
		"introspection.enabled":                  to("introspection"),
		"introspection.secret":                   none("introspection is on or off for all; the admin port's console shows the schema"),
		"playground_enabled":                     to("playground.enabled"),
		"playground_path":                        to("playground.path"),
		"playground.enabled":                     to("playground.enabled"),
		"playground.path":                        to("playground.path"),
		"playground.concurrency_limit":           none("the playground is a small file"),
		"query_plans_enabled":                    none("expose_query_plan shows query plans to those who send its token"),
		"grace_period":                           via("traffic_shaping.router.shutdown_timeout", duration),
		"shutdown_delay":                         none("traffic_shaping.router.shutdown_timeout bounds the whole shutdown"),
		"poll_interval":                          via("supergraph.poll_interval", duration),
		"poll_jitter":                            none("files are watched without jitter"),
		"health_check_path":                      healthPaths("liveness_paths"),
		"readiness_check_path":                   healthPaths("readiness_paths"),
		"liveness_check_path":                    healthPaths("liveness_paths"),
		"watch_config":                           same("the configuration is read again when it changes"),
		"compliance":                             same("addresses of clients are in no log and no trace"),
		"cache_control_policy":                   none("Cache-Control of responses is computed from @cacheControl and what subgraphs respond"),
		"client_header":                          none("the names of clients are read from the headers of Apollo's and Hive's clients"),
		"access_logs.enabled":                    to("telemetry.access_log.enabled"),
		"access_logs.*":                          none("telemetry.access_log.fields selects the fields of the access log"),
		"modules":                                noneNamed("modules of Cosmo do not run here: " + useHook),
		"plugins":                                noneNamed("there are no gRPC plugins: run a subgraph"),
		"file_upload.enabled":                    to("file_uploads.enabled"),
		"file_upload.max_files":                  to("file_uploads.max_files"),
		"file_upload.max_file_size":              via("file_uploads.max_file_bytes", size),
		"mcp":                                    none("mcp.enabled serves trusted documents as tools"),
		"connect_rpc":                            none("there is no ConnectRPC; REST routes are GraphQL documents (souk router --routes)"),
		"events":                                 none(cosmoEvents),
		"execution_config.file":                  none("it is in Cosmo's own format: compose a supergraph SDL with `souk compose` and name it in supergraph.file"),
		"execution_config.storage":               none(cosmoStorage),
		"execution_config.fallback_storage":      none(cosmoStorage),
		"storage_providers":                      none(cosmoStorage),
		"cache_warmup.enabled":                   same("caches.warm_up plans the most used documents for a new supergraph"),
		"override_routing_url.subgraphs.*":       to("override_subgraph_urls.*"),
		"overrides.subgraphs.*.routing_url":      to("override_subgraph_urls.*"),
		"overrides.subgraphs.*.subscription_url": to("subscriptions.subgraphs.*.url"),
		"overrides.subgraphs.*.subscription_protocol":                via("subscriptions.subgraphs.*.protocol", words(map[string]string{"ws": `"ws"`, "sse": `"sse"`, "sse_post": `"sse"`})),
		"overrides.subgraphs.*.subscription_websocket_subprotocol":   words2("graphql-transport-ws", "auto", "only graphql-transport-ws is spoken over WebSocket"),
		"authorization.require_authentication":                       to("authentication.jwt.required"),
		"authorization.reject_operation_if_unauthorized":             to("authorization.reject_unauthorized"),
		"automatic_persisted_queries.enabled":                        to("persisted_documents.automatic"),
		"automatic_persisted_queries.cache.size":                     via("caches.persisted_documents_bytes", size),
		"automatic_persisted_queries.cache.ttl":                      via("persisted_documents.ttl", seconds),
		"automatic_persisted_queries.storage":                        none("documents that clients register are shared by persisted_documents.redis"),
		"persisted_operations.disabled":                              unless("false", "without persisted_documents.path there are none"),
		"persisted_operations.safelist.enabled":                      changed(to("persisted_documents.require"), "name the file of trusted documents in persisted_documents.path"),
		"persisted_operations.log_unknown":                           to("persisted_documents.log_unknown"),
		"persisted_operations.cache":                                 same("trusted documents are all in memory"),
		"persisted_operations.storage":                               none(cosmoStorage),
		"persisted_operations.manifest":                              none("name the manifest in persisted_documents.path, or its address in persisted_documents.remote.url"),
		"batching.enabled":                                           to("http.batching.enabled"),
		"batching.max_entries_per_batch":                             to("http.batching.max_size"),
		"batching.max_concurrency":                                   none("members of a batch count as operations for traffic_shaping.router.max_in_flight"),
		"batching.omit_extensions":                                   none("extensions are not removed"),
		"websocket.enabled":                                          to("subscriptions.enabled"),
		"websocket.absinthe_protocol":                                none("the protocol of Absinthe is not spoken; clients use graphql-transport-ws or server-sent events"),
		"websocket.forward_initial_payload":                          none("headers that the payload may set are in subscriptions.init_headers"),
		"websocket.forward_upgrade_headers.allow_list":               to("headers.all.propagate"),
		"websocket.forward_upgrade_headers.enabled":                  same("headers of the handshake are forwarded as those of requests are"),
		"websocket.forward_upgrade_query_params":                     none("parameters of the URL are not forwarded"),
		"websocket.authentication.from_initial_payload.enabled":      same("the payload of connection_init may set subscriptions.init_headers"),
		"websocket.authentication.from_initial_payload.key":          listOf("subscriptions.init_headers"),
		"websocket.authentication.from_initial_payload.export_token": minor(none("the header that the payload sets is forwarded if headers.all.propagate has it")),
		"websocket.client_info_from_initial_payload":                 none("name the headers in subscriptions.init_headers"),
		"subgraph_error_propagation.enabled":                         to("include_subgraph_errors.all"),
		"subgraph_error_propagation.mode":                            changed(via("include_subgraph_errors.all", words(map[string]string{"pass-through": "true", "wrapped": "true"})), "messages of subgraphs are passed through"),
		"subgraph_error_propagation.attach_service_name":             minor(none(cosmoErrors)),
		"subgraph_error_propagation.default_extension_code":          minor(none(cosmoErrors)),
		"subgraph_error_propagation.omit_locations":                  minor(none(cosmoErrors)),
		"subgraph_error_propagation.propagate_status_codes":          minor(none("http.subgraph_auth_status responds with 401 or 403 if a subgraph does; errors have no statusCode")),
		"subgraph_error_propagation.rewrite_paths":                   minor(none(cosmoErrors)),
		"subgraph_error_propagation.*":                               none(cosmoErrors),
		"apollo_compatibility_flags":                                 none("errors have the codes of docs/federation.md"),
		"apollo_router_compatibility_flags":                          none("errors have the codes of docs/federation.md"),
		"tls.server":                                                 custom(cosmoServerTLS, "", "tls.cert_file", "tls.key_file", "tls.client_ca_file", "tls.client_certificates"),
		"tls.client.all":                                             cosmoClientTLS("all"),
		"tls.client.subgraphs.*":                                     cosmoClientTLS("subgraphs.*"),
	}
	for _, key := range []string{"source", "workers", "items_per_second", "timeout", "in_memory_fallback"} {
		t["cache_warmup."+key] = none("caches.warm_up has the number of documents; they are those of the last supergraph")
	}
	for _, key := range []string{"graph", "cdn", "cluster", "controlplane_url", "router_registration", "router_config_path", "graphql_metrics", "instance_id", "localhost_fallback_inside_docker", "config_path", "license"} {
		t[key] = none(cosmoCloud)
	}
	t.with("cors", cosmoCORS()).with("telemetry", cosmoTelemetry()).with("traffic_shaping", cosmoTraffic()).with("headers", cosmoHeaders())
	t.with("authentication", cosmoAuthentication()).with("rate_limit", cosmoRateLimit()).with("security", cosmoSecurity()).with("engine", cosmoEngineRules())
	return &source{
		name: "cosmo", title: "Cosmo Router", rules: t,
		expand: func(text string) string { return variable.ReplaceAllString(text, "$${env.$1$2}") },
		known: []string{
			"listen_addr", "graphql_path", "controlplane_url", "playground_enabled", "introspection_enabled", "json_log", "log_level", "graph.token", "execution_config", "router_config_path",
			"override_routing_url", "overrides", "engine", "websocket", "events", "modules", "storage_providers", "subgraph_error_propagation", "security", "cdn", "cluster", "persisted_operations",
			"automatic_persisted_queries", "grace_period", "dev_mode", "rate_limit.simple_strategy", "headers.cookie_whitelist", "telemetry.metrics.otlp", "telemetry.tracing.sampling_rate", "authentication.providers", "cache_control_policy", "traffic_shaping.all.retry",
		},
		protects: []string{
			"authentication", "authorization", "cors", "rate_limit", "security", "persisted_operations", "introspection", "introspection_enabled", "subgraph_error_propagation", "tls", "modules",
			"traffic_shaping.router", "batching.max_entries_per_batch",
		},
		switches: map[string]toggle{
			"cors":                 {key: "enabled", off: "false"},
			"persisted_operations": {key: "disabled", off: "true"},
			"rate_limit":           {key: "enabled", off: "false"},

			"websocket.forward_upgrade_headers":             {key: "enabled", off: "false"},
			"websocket.authentication.from_initial_payload": {key: "enabled", off: "false", absent: true},
		},
		finish: func(c *conversion) {
			if !c.root.get("cors").get("enabled").is("false") {
				c.fallbackList([]string{`"*"`}, "cors", "allow_origins")
			}
			c.fallback("false", "csrf", "enabled")
			if section := c.root.get("file_upload"); section != nil && section.get("enabled") == nil {
				c.fallback("true", "file_uploads", "enabled")
			}
			c.uploadDefaults("10", "50000000")
			c.fallback("false", "persisted_documents", "automatic")
			c.fallback(`"localhost:3002"`, "listen")
			c.fallback("60s", "traffic_shaping", "all", "timeout")
			c.fallback("5000000", "limits", "http_max_request_bytes")
			c.fallback("true", "playground", "enabled")
			c.noHeaders()
		},
	}
}

// words2 accepts one of two words, for which nothing needs to be set.
func words2(one, other, why string) rule {
	return custom(func(c *conversion, n *node, _ []string) {
		if n.is(one) || n.is(other) {
			c.note(n, Converted, "", "%s", why)
			return
		}
		c.note(n, None, "", "%s", why)
	}, why)
}

// listOf makes a list of one value.
func listOf(key string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		if list := n.texts(); len(list) > 0 {
			c.add(n, c.quoted(list), fill(key, names)...)
		}
	}, "", key)
}

func cosmoTelemetry() table {
	return table{
		"service_name":                         to("telemetry.service_name"),
		"redact_ips":                           same("addresses of clients are in no trace"),
		"attributes":                           custom(cosmoAttributes, "for spans; fixed ones are also in OTEL_RESOURCE_ATTRIBUTES", "telemetry.span_attributes", "telemetry.attributes"),
		"tracing.attributes":                   custom(cosmoAttributes, "", "telemetry.span_attributes", "telemetry.attributes"),
		"resource_attributes":                  none("set OTEL_RESOURCE_ATTRIBUTES"),
		"tracing.enabled":                      to("telemetry.traces"),
		"tracing.sampling_rate":                none("set OTEL_TRACES_SAMPLER=parentbased_traceidratio and OTEL_TRACES_SAMPLER_ARG"),
		"tracing.parent_based_sampler":         unless("true", "set OTEL_TRACES_SAMPLER"),
		"tracing.exporters":                    none("set OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL and OTEL_EXPORTER_OTLP_HEADERS"),
		"tracing.propagation":                  none("set OTEL_PROPAGATORS, such as tracecontext,baggage,b3"),
		"tracing.operation_content_attributes": to("telemetry.document"),
		"tracing.export_graphql_variables":     unless("false", "variables are never in traces"),
		"tracing.response_trace_id":            custom(traceIDHeader("x-wg-trace-id"), "a request without a trace has no such header", "telemetry.trace_id_header"),
		"tracing.*":                            none(fixedMetrics),
		"metrics.otlp":                         none("set OTEL_METRICS_EXPORTER=otlp, and OTEL_EXPORTER_OTLP_ENDPOINT"),
		"metrics.prometheus.enabled":           to("telemetry.metrics"),
		"metrics.prometheus.listen_addr":       changed(to("admin.listen"), "the admin port serves metrics and health checks"),
		"metrics.prometheus.path":              to("telemetry.metrics_path"),
		"metrics.prometheus.*":                 none(fixedMetrics),
		"metrics.attributes":                   custom(cosmoLabels, "the metric with them is router_request_duration_seconds", "telemetry.instruments", "telemetry.attributes"),
		"metrics.cardinality_limit":            none("labels have a bounded number of values"),
	}
}

func cosmoTraffic() table {
	t := table{
		"router.max_request_body_size":         via("limits.http_max_request_bytes", size),
		"router.max_header_bytes":              via("limits.http_max_header_bytes", size),
		"router.decompression_enabled":         unless("true", "requests may always be compressed"),
		"router.response_compression_min_size": via("http.compression_min_bytes", size),
	}
	for _, scope := range []string{"all", "subgraphs.*"} {
		target := "traffic_shaping." + scope
		t.with(scope, table{
			"request_timeout":                            via(target+".timeout", duration),
			"dial_timeout":                               none("traffic_shaping.*.timeout bounds the request with its connection"),
			"tls_handshake_timeout":                      none("traffic_shaping.*.timeout bounds the request with its connection"),
			"response_header_timeout":                    none("traffic_shaping.*.timeout bounds the request"),
			"expect_continue_timeout":                    none("Expect: 100-continue is not sent"),
			"keep_alive_idle_timeout":                    positive(via(target+".idle_timeout", duration)),
			"keep_alive_probe_interval":                  none("connections are renewed after max_connection_age"),
			"max_conns_per_host":                         to(target + ".max_connections"),
			"max_idle_conns":                             none("idle connections are limited for each host"),
			"max_idle_conns_per_host":                    to(target + ".max_idle_connections"),
			"retry.enabled":                              retryEnabled(target),
			"retry.max_attempts":                         changed(via(target+".retry.max_attempts", oneMore), "it counts the first attempt here"),
			"retry.interval":                             via(target+".retry.interval", duration),
			"retry.max_duration":                         none("the timeout bounds a request with its retries, and retry.budget their number"),
			"retry.algorithm":                            unless("backoff_jitter", "the delay doubles, with jitter"),
			"retry.expression":                           none("retried are failed connections and statuses that a retry may mend"),
			"circuit_breaker.enabled":                    to(target + ".circuit_breaker.enabled"),
			"circuit_breaker.error_threshold_percentage": via(target+".circuit_breaker.error_threshold", percent),
			"circuit_breaker.request_threshold":          to(target + ".circuit_breaker.min_requests"),
			"circuit_breaker.sleep_window":               via(target+".circuit_breaker.rest", duration),
			"circuit_breaker.rolling_duration":           via(target+".circuit_breaker.window", duration),
			"circuit_breaker.*":                          none("one request tries whether the subgraph responds again"),
		})
	}
	return t
}

// positive leaves out 0, which means the default.
func positive(r rule) rule {
	return custom(func(c *conversion, n *node, names []string) {
		if text, ok := n.scalar(); ok && strings.TrimRight(text, "0smh.") == "" {
			c.note(n, Converted, "", "0 is the default")
			return
		}
		r.convert(c, n, names)
	}, "0 is the default", r.to...)
}

// retryEnabled makes one attempt if retries are off.
func retryEnabled(target string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		if n.is("false") {
			c.set(n, "1", fill(target+".retry.max_attempts", names)...)
			return
		}
		unless("true", "retry.max_attempts: 1 disables retries").convert(c, n, nil)
	}, "retry.max_attempts: 1 disables retries", target+".retry.max_attempts")
}

// chiParameter is a parameter of a path, as Cosmo writes it.
var chiParameter = regexp.MustCompile(`\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// chiPath converts the path of the endpoint.
func chiPath(c *conversion, n *node) (string, error) {
	text, err := n.one()
	return c.quote(chiParameter.ReplaceAllString(text, ":$1")), err
}
