package convert

import (
	"strconv"
	"strings"
	"time"
)

// What is said about several keys.
const (
	useHook       = "use a hook, or a coprocessor in any language (docs/extending.md)"
	useOTLP       = "set it with the OTEL_ variables of the environment, such as OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_TRACES_SAMPLER_ARG"
	noCloud       = "this router has no service in the cloud and needs no account; its console shows the traffic (docs/console.md)"
	boundedCaches = "caches are bounded in bytes: see caches in docs/router.yaml"
	noConnectors  = "connectors are not supported: put a subgraph in front of the REST API"
	fixedMetrics  = "the metrics and spans are fixed (docs/metrics.md)"
	globalRate    = "rate_limit limits requests of clients, not those to subgraphs; traffic_shaping.all.max_connections bounds these"
)

// apollo has the rules for the router.yaml of Apollo Router, versions 1 and 2.
func apollo() *source {
	t := table{
		"version":                                                   same("the version is not needed"),
		"supergraph.listen":                                         to("listen"),
		"supergraph.path":                                           to("path"),
		"supergraph.introspection":                                  to("introspection"),
		"supergraph.defer_support":                                  unless("true", "@defer is always possible"),
		"supergraph.early_cancel":                                   unless("true", "an operation always ends when its client leaves"),
		"supergraph.connection_shutdown_timeout":                    changed(via("traffic_shaping.router.shutdown_timeout", duration), "it bounds the whole shutdown; a new supergraph closes no connections"),
		"supergraph.log_on_broken_pipe":                             none("a client that leaves is not logged"),
		"supergraph.generate_query_fragments":                       same("operations to subgraphs are small without fragments"),
		"supergraph.experimental_reuse_query_fragments":             same("operations to subgraphs are small without fragments"),
		"supergraph.redact_query_validation_errors":                 none("introspection: false also keeps names of the schema out of errors"),
		"supergraph.strict_variable_validation":                     unless("enforce", "variables are always checked"),
		"supergraph.query_planning.warmed_up_queries":               to("caches.warm_up"),
		"supergraph.query_planning.cache.in_memory.limit":           none(boundedCaches),
		"supergraph.query_planning.cache.redis":                     none("plans are not shared: each router makes them, and warms them up for a new supergraph (caches.warm_up)"),
		"supergraph.query_planning.experimental_reuse_query_plans":  none("plans belong to one supergraph"),
		"supergraph.experimental_log_on_broken_pipe":                none("a client that leaves is not logged"),
		"health_check.enabled":                                      to("health_check.enabled"),
		"health_check.listen":                                       to("health_check.listen"),
		"health_check.path":                                         healthPaths("liveness_paths"),
		"health_check.readiness":                                    none("/readyz fails while the router drains or a needed server is missing"),
		"homepage.enabled":                                          unless("false", "there is no home page; playground.enabled serves a playground"),
		"homepage.graph_ref":                                        none(noCloud),
		"sandbox.enabled":                                           changed(to("playground.enabled"), "the playground is GraphiQL, with query plans"),
		"cors.allow_any_origin":                                     custom(anyOrigin, "`true` is `[\"*\"]`", "cors.allow_origins"),
		"cors.origins":                                              to("cors.allow_origins"),
		"cors.match_origins":                                        custom(originPatterns, "a pattern matches the whole origin", "cors.match_origins"),
		"cors.policies":                                             custom(corsPolicies, "", "cors.policies"),
		"cors.allow_credentials":                                    to("cors.allow_credentials"),
		"cors.allow_headers":                                        to("cors.allow_headers"),
		"cors.expose_headers":                                       to("cors.expose_headers"),
		"cors.max_age":                                              via("cors.max_age", seconds),
		"cors.methods":                                              to("cors.allow_methods"),
		"csrf.required_headers":                                     to("csrf.required_headers"),
		"csrf.unsafe_disabled":                                      via("csrf.enabled", not),
		"override_subgraph_url.*":                                   to("override_subgraph_urls.*"),
		"include_subgraph_errors.all":                               subgraphErrors("include_subgraph_errors.all"),
		"include_subgraph_errors.subgraphs.*":                       subgraphErrors("include_subgraph_errors.subgraphs.*"),
		"authorization.require_authentication":                      to("authentication.jwt.required"),
		"authorization.directives.enabled":                          to("authorization.enabled"),
		"authorization.directives.reject_unauthorized":              to("authorization.reject_unauthorized"),
		"authorization.directives.dry_run":                          minor(unless("false", "authorisation is enforced or, with authorization.enabled: false, is not")),
		"authorization.directives.errors":                           minor(none("fields that are not authorised are null, with an error")),
		"apq.enabled":                                               to("persisted_documents.automatic"),
		"apq.router.cache.in_memory.limit":                          none("set caches.persisted_documents_bytes"),
		"apq.router.cache.redis":                                    custom(apolloDocumentsRedis, "", "persisted_documents.redis"),
		"apq.subgraph":                                              none("operations to subgraphs are sent whole"),
		"persisted_queries.enabled":                                 custom(apolloDocuments, "name the manifest, or its address in persisted_documents.remote.url", "persisted_documents.path"),
		"persisted_queries.local_manifests":                         firstOf("persisted_documents.path", "only one manifest can be named: put them into a directory, and name that"),
		"persisted_queries.experimental_local_manifests":            firstOf("persisted_documents.path", "only one manifest can be named: put them into a directory, and name that"),
		"persisted_queries.safelist.enabled":                        to("persisted_documents.require"),
		"persisted_queries.safelist.require_id":                     to("persisted_documents.require_id"),
		"persisted_queries.log_unknown":                             to("persisted_documents.log_unknown"),
		"persisted_queries.hot_reload":                              same("the manifest is read again when it changes"),
		"persisted_queries.experimental_prewarm_query_plan_cache":   minor(none("caches.warm_up plans the most used documents")),
		"batching.enabled":                                          to("http.batching.enabled"),
		"batching.maximum_size":                                     to("http.batching.max_size"),
		"batching.mode":                                             unless("batch_http_link", "a batch is a JSON array"),
		"batching.subgraph":                                         none("requests to subgraphs are not batched: entities of one subgraph are merged into one request"),
		"subscription.enabled":                                      to("subscriptions.enabled"),
		"subscription.enable_deduplication":                         to("subscriptions.deduplicate"),
		"subscription.deduplication.enabled":                        to("subscriptions.deduplicate"),
		"subscription.deduplication.ignored_headers":                none("subscriptions are shared by callers with the same identity and the same forwarded headers: leave those that do not matter out of headers.*.propagate"),
		"subscription.max_opened_subscriptions":                     to("subscriptions.max_connections"),
		"subscription.queue_capacity":                               to("subscriptions.queue_events"),
		"subscription.mode.passthrough.all":                         passthrough("subscriptions.all"),
		"subscription.mode.passthrough.subgraphs.*":                 passthrough("subscriptions.subgraphs.*"),
		"demand_control.enabled":                                    to("demand_control.enabled"),
		"demand_control.mode":                                       via("demand_control.measure", words(map[string]string{"measure": "true", "enforce": "false"})),
		"demand_control.strategy.static_estimated.list_size":        to("demand_control.list_size"),
		"demand_control.strategy.static_estimated.max":              to("demand_control.max"),
		"demand_control.strategy.static_estimated.actual_cost_mode": minor(none(actualCosts)),
		"rhai":                                   nonePresent("scripts are not run: " + useHook),
		"plugins":                                apolloPlugins(),
		"wasm":                                   none("there is no WebAssembly: " + useHook),
		"tls.supergraph":                         custom(apolloServerTLS, "names of files, not their contents", "tls.cert_file", "tls.key_file"),
		"tls.subgraph.all":                       apolloClientTLS("all"),
		"tls.subgraph.subgraphs.*":               apolloClientTLS("subgraphs.*"),
		"tls.connector":                          minor(none(noConnectors)),
		"connectors":                             none(noConnectors),
		"preview_connectors":                     none(noConnectors),
		"preview_file_uploads.enabled":           to("file_uploads.enabled"),
		"forbid_mutations":                       to("limits.forbid_mutations"),
		"progressive_override":                   same("override_labels activates labels; percent(n) needs none"),
		"reload":                                 same("the supergraph and the configuration are read again when they change; what fails leaves the last ones in use"),
		"fleet_detector":                         same("there is none"),
		"license_enforcement":                    same("no licence is needed"),
		"experimental_chaos":                     none("there is no fault injection"),
		"experimental_diagnostics":               none("use `souk debug bundle` (admin.debug_bundle)"),
		"experimental_mock_subgraphs":            none("use `souk dev --mock NAME`"),
		"experimental_type_conditioned_fetching": same("fields are always fetched by type"),
		"experimental_hoist_orphan_errors":       none("errors have the path of the field of the client's operation"),
		"experimental_batching.enabled":          to("http.batching.enabled"),
		"experimental_batching.mode":             unless("batch_http_link", "a batch is a JSON array"),
		"experimental_batching.subgraph":         none("requests to subgraphs are not batched: entities of one subgraph are merged into one request"),
		"server.http.header_read_timeout":        via("limits.http_header_timeout", duration),
		"server.http.tls_handshake_timeout":      none("limits.http_header_timeout bounds handshakes, too"),
		"preview_entity_cache":                   custom(responseCache, "list what is cached in types and root of each subgraph", "response_cache"),
		"preview_response_cache":                 custom(responseCache, "list what is cached in types and root of each subgraph", "response_cache"),
		"response_cache":                         custom(responseCache, "list what is cached in types and root of each subgraph", "response_cache"),
		"coprocessor":                            custom(coprocessor, "the stages have the same protocol; without conditions", "coprocessor"),
	}
	t.with("preview_file_uploads.protocols.multipart", table{
		"enabled":              custom(multipartEnabled, "uploads have no other protocol", "file_uploads.enabled"),
		"mode":                 unless("stream", "files are always forwarded while they arrive"),
		"limits.max_files":     to("file_uploads.max_files"),
		"limits.max_file_size": via("file_uploads.max_file_bytes", size),
	})
	for _, mode := range []string{"callback", "preview_callback"} {
		t.with("subscription.mode."+mode, table{
			"public_url":         to("subscriptions.callback.public_url"),
			"listen":             to("subscriptions.callback.listen"),
			"path":               to("subscriptions.callback.path"),
			"heartbeat_interval": via("subscriptions.callback.heartbeat_interval", heartbeat),
			"subgraphs":          custom(callbackSubgraphs, "a list of names", "subscriptions.subgraphs.*.protocol", "subscriptions.all.protocol"),
		})
	}
	for _, key := range []string{"experimental_paths_limit", "experimental_plans_limit", "experimental_parallelism", "legacy_introspection_caching", "experimental_introspection_mode"} {
		t["supergraph.query_planning."+key] = none("the planner bounds its work itself")
	}
	t.with("headers", headerRules()).with("demand_control.strategy.static_estimated.subgraph", subgraphBudgets()).with("limits", apolloLimits()).with("limits.router", apolloLimits())
	t["limits.subgraph"] = none("traffic_shaping.all.max_response_bytes bounds responses of subgraphs")
	t["limits.connector"] = minor(none(noConnectors))
	t.with("authentication", apolloAuthentication()).with("traffic_shaping", apolloTraffic()).with("telemetry", apolloTelemetry())
	t.with("server", apolloServer(t))
	return &source{
		name: "apollo", title: "Apollo Router", rules: t,
		expand: func(text string) string { return text }, // ${env.NAME:-default} is the same
		known: []string{
			"supergraph.listen", "supergraph.query_planning", "homepage", "sandbox", "include_subgraph_errors", "rhai", "apq", "persisted_queries", "subscription",
			"authentication.router", "override_subgraph_url", "telemetry.exporters", "telemetry.tracing.trace_config", "server.landing_page", "telemetry.instrumentation", "telemetry.apollo", "health_check.listen", "coprocessor.router",
			"preview_entity_cache", "preview_operation_limits", "preview_demand_control", "forbid_mutations", "limits.parser_max_tokens", "limits.router", "supergraph.introspection", "csrf.unsafe_disabled", "cors.origins", "authorization.require_authentication", "plugins", "batching.mode",
		},
		protects: []string{
			"authentication", "authorization", "cors", "csrf", "limits", "demand_control", "persisted_queries", "include_subgraph_errors", "tls", "forbid_mutations", "coprocessor", "rhai", "plugins", "wasm",
			"supergraph.introspection", "supergraph.redact_query_validation_errors", "supergraph.strict_variable_validation", "traffic_shaping.router", "traffic_shaping.all.global_rate_limit", "traffic_shaping.subgraphs.*.global_rate_limit",
			"server.http", "server.cors", "server.introspection", "subscription.max_opened_subscriptions", "subscription.queue_capacity", "batching.maximum_size",
		},
		switches: map[string]toggle{
			"persisted_queries":      {key: "enabled", off: "false"},
			"subscription":           {key: "enabled", off: "false"},
			"preview_entity_cache":   {key: "enabled", off: "false"},
			"preview_response_cache": {key: "enabled", off: "false"},
			"response_cache":         {key: "enabled", off: "false"},
			"preview_file_uploads":   {key: "enabled", off: "false", absent: true},
		},
		finish: func(c *conversion) {
			if section := c.root.get("subscription"); section == nil || section.get("enabled").is("false") {
				c.fallback("false", "subscriptions", "enabled")
			}
			c.uploadDefaults("4", "512000")
			c.callbackDefaults()
			c.fallback(`"/"`, "path")
			c.fallback("false", "introspection")
			c.fallback("30s", "traffic_shaping", "all", "timeout")
			c.noHeaders()
		},
	}
}

// noHeaders forwards no header unless the input does: other routers forward none by default.
func (c *conversion) noHeaders() {
	if !c.out.has("headers", "all", "propagate") {
		c.out.at("headers", "all", "propagate").isList = true
	}
}

func apolloLimits() table {
	return table{
		"http_max_request_bytes":       via("limits.http_max_request_bytes", size),
		"http1_max_request_buf_size":   via("limits.http_max_header_bytes", size),
		"http1_max_request_headers":    minor(none("limits.http_max_header_bytes bounds the headers")),
		"http2_max_headers_list_bytes": via("limits.http_max_header_bytes", size),
		"max_aliases":                  to("limits.max_aliases"),
		"max_depth":                    to("limits.max_depth"),
		"max_height":                   to("limits.max_height"),
		"max_root_fields":              to("limits.max_root_fields"),
		"max_recursive_selections":     same("limits.max_fields bounds the fields after fragments are expanded"),
		"parser_max_tokens":            to("limits.parser_max_tokens"),
		"parser_max_recursion":         custom(recursion("limits.parser_max_recursion"), "at most 1000", "limits.parser_max_recursion"),
		"introspection_max_depth":      same("the depth of introspection is always limited"),
		"warn_only":                    via("limits.mode", words(map[string]string{"false": "enforce", "true": "log"})),
	}
}

func apolloAuthentication() table {
	return table{
		"connector":                        minor(none(noConnectors)),
		"subgraph":                         none("requests to subgraphs are not signed: headers.subgraphs.*.set sets a fixed token, and a hook may sign (examples/signing)"),
		"router.jwt.header_name":           to("authentication.jwt.header"),
		"router.jwt.header_value_prefix":   to("authentication.jwt.scheme"),
		"router.jwt.ignore_other_prefixes": minor(unless("true", "a request with another scheme is anonymous")),
		"router.jwt.on_error":              minor(unless("Error", "an invalid token is always refused")),
		"router.jwt.sources":               tokenSources("type", "value_prefix"),
		"router.jwt.jwks":                  custom(apolloKeys, "no shared secrets (HS256)", "authentication.jwt.jwks"),
	}
}

func apolloTraffic() table {
	t := table{
		"router.timeout":           via("traffic_shaping.router.timeout", duration),
		"router.concurrency_limit": to("traffic_shaping.router.max_in_flight"),
		"router.global_rate_limit": custom(globalRateLimit, "a policy with by: all", "rate_limit.policies"),
		"deduplicate_variables":    same("queries with equal variables are the same"),
		"connector":                minor(none(noConnectors)),
	}
	for _, scope := range []string{"all", "subgraphs.*"} {
		target := "traffic_shaping." + scope
		t.with(scope, table{
			"timeout":                            via(target+".timeout", duration),
			"deduplicate_query":                  to(target + ".deduplicate_query"),
			"compression":                        unless("identity", "requests to subgraphs are not compressed; responses may be"),
			"dns_resolution_strategy":            none("the resolver of the system decides"),
			"global_rate_limit":                  none(globalRate),
			"http2":                              via(target+".http2", words(map[string]string{"http2only": "true", "enable": "false", "disable": "false"})),
			"experimental_http2":                 via(target+".http2", words(map[string]string{"http2only": "true", "enable": "false", "disable": "false"})),
			"pool_idle_timeout":                  via(target+".idle_timeout", duration),
			"experimental_retry.retry_percent":   to(target + ".retry.budget"),
			"experimental_retry.min_per_sec":     none("the budget of retries is a ratio of requests"),
			"experimental_retry.ttl":             none("the budget of retries is a ratio of requests"),
			"experimental_retry.retry_mutations": unless("false", "only queries are retried"),
		})
	}
	return t
}

// apolloDocuments is about trusted documents: without a local manifest they are those of
// Apollo's service.
func apolloDocuments(c *conversion, n *node, _ []string) {
	for _, key := range []string{"local_manifests", "experimental_local_manifests"} {
		if c.root.get("persisted_queries").get(key) != nil {
			unless("true", "persisted_documents.path enables them").convert(c, n, nil)
			return
		}
	}
	none("name the manifest in persisted_documents.path, or its address in persisted_documents.remote.url").convert(c, n, nil)
}

// apolloDocumentsRedis converts the Redis of documents that clients register.
func apolloDocumentsRedis(c *conversion, n *node, _ []string) {
	c.redis(n, "persisted_documents", "redis")
}

// buckets converts bounds in seconds.
func buckets(c *conversion, n *node, _ []string) {
	var list []string
	for _, item := range n.children {
		item.read = true
		seconds, err := strconv.ParseFloat(item.text(), 64)
		if err != nil || seconds <= 0 {
			c.note(n, None, "", "telemetry.duration_buckets has durations, such as 100ms")
			return
		}
		list = append(list, time.Duration(seconds*float64(time.Second)).String())
	}
	c.set(n, "["+strings.Join(list, ", ")+"]", "telemetry", "duration_buckets")
}

func logFormat(c *conversion, n *node, _ []string) {
	name := n.text()
	if n.isMap && len(n.children) == 1 {
		name = n.children[0].key
		n.children[0].read = true // as {json: {}}
	}
	if name != "json" && name != "text" {
		c.note(n, None, "", "log.format is json or text")
		return
	}
	c.set(n, c.quote(name), "log", "format")
	for _, child := range n.children {
		c.others(child, "the fields of log records are fixed")
	}
}

// globalRateLimit converts the limit of all clients together.
func globalRateLimit(c *conversion, n *node, _ []string) {
	made := newBranch()
	made.at("name").text = c.quote("global")
	c.itemValue("rate_limit.policies", made, n.get("capacity"), "requests", plain)
	c.itemValue("rate_limit.policies", made, n.get("interval"), "interval", duration)
	made.at("by").text = c.quote("all")
	if !made.has("requests") || !made.has("interval") {
		c.spare(n, "a limit of all clients is a policy in rate_limit.policies with requests, interval and by: all")
		return
	}
	c.fallback("true", "rate_limit", "enabled")
	c.fallback("0", "rate_limit", "requests")
	at := c.out.at("rate_limit", "policies")
	at.isList, at.items = true, append(at.items, made)
	c.note(n, Converted, "rate_limit.policies", "")
	c.others(n, "see rate_limit.policies in docs/router.yaml", "capacity", "interval")
}

// subgraphErrors converts true, false or an object with lists of extensions.
func subgraphErrors(key string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		if !n.isMap {
			to(key).convert(c, n, names)
			return
		}
		for _, child := range n.children {
			if child.key == "redact_message" {
				via(key, not).convert(c, child, names)
				continue
			}
			c.note(child, None, "", "the extensions of errors are shown or hidden together with their messages")
		}
	}, "messages and extensions are shown or hidden together", key)
}

// firstOf copies the first item of a list.
func firstOf(key, others string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		for i, item := range n.children {
			if i > 0 {
				c.note(item, None, "", "%s", others)
				continue
			}
			to(key).convert(c, item, names)
		}
	}, others, key)
}

// passthrough converts how subscriptions are sent to subgraphs.
func passthrough(below string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		for _, child := range n.children {
			switch child.key {
			case "protocol":
				via(below+".protocol", words(map[string]string{"graphql_ws": `"ws"`, "graphql_transport_ws": `"ws"`, "http": `"sse"`})).convert(c, child, names)
			case "heartbeat_interval":
				if child.is("disabled") {
					c.note(child, None, "", "a WebSocket that is silent is always pinged, every %s.ping_interval", strings.Join(fill(below, names), "."))
					continue
				}
				via(below+".ping_interval", duration).convert(c, child, names)
			case "path":
				if !child.isNull {
					c.note(child, None, "", "set the whole URL in subscriptions.subgraphs.NAME.url")
				}
			default:
				c.note(child, Unknown, "", "see subscriptions.all in docs/router.yaml")
			}
		}
	}, "set the whole URL, not a path, in subscriptions.subgraphs.NAME.url", below+".protocol", below+".ping_interval")
}
