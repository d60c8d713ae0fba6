package convert

import (
	"cmp"
	"strings"
)

const hiveCloud = "nothing is reported to a service in the cloud; the console shows the traffic (docs/console.md)"

// hive has the rules for the router.config.yaml of Hive Router.
func hive() *source {
	t := table{
		"http":                             custom(hiveListen, "host and port in one", "listen", "path"),
		"supergraph":                       custom(hiveSupergraph, "a file, or the address of Hive's CDN", "supergraph.file", "supergraph.remote", "supergraph.poll_interval"),
		"log.level":                        via("log.level", words(map[string]string{"trace": "debug", "debug": "debug", "info": "info", "warn": "warn", "error": "error"})),
		"log.format":                       via("log.format", words(map[string]string{"json": "json", "text": "text", "pretty-tree": "text", "pretty-compact": "text", "pretty": "text", "compact": "text"})),
		"log.filter":                       none("log.level applies to all parts"),
		"log.*":                            none("logs go to standard error; log.level and log.format configure them"),
		"graphiql.enabled":                 to("playground.enabled"),
		"laboratory.enabled":               to("playground.enabled"),
		"laboratory.*":                     none("the playground is GraphiQL, with query plans"),
		"introspection.enabled":            hiveSwitch("introspection"),
		"query_planner.timeout":            none("the planner bounds its work itself"),
		"query_planner.allow_expose":       exposePlans("Hive-Expose-Query-Plan"),
		"query_planner.*":                  none("the planner bounds its work itself"),
		"authorization.directives.enabled": to("authorization.enabled"),
		"authorization.directives.unauthorized.mode": via("authorization.reject_unauthorized", words(map[string]string{"reject": "true", "filter": "false"})),
		"csrf.enabled":                                              to("csrf.enabled"),
		"csrf.required_headers":                                     to("csrf.required_headers"),
		"cors.enabled":                                              unless("true", "leave cors.allow_origins empty"),
		"cors.allow_any_origin":                                     custom(anyOrigin, "`true` is `[\"*\"]`", "cors.allow_origins"),
		"cors.allow_credentials":                                    to("cors.allow_credentials"),
		"cors.allow_headers":                                        to("cors.allow_headers"),
		"cors.expose_headers":                                       to("cors.expose_headers"),
		"cors.max_age":                                              via("cors.max_age", seconds),
		"cors.methods":                                              to("cors.allow_methods"),
		"cors.policies":                                             custom(corsPolicies, "", "cors.policies"),
		"override_subgraph_urls.*.url":                              custom(hiveURL, "no expressions", "override_subgraph_urls.*"),
		"override_labels":                                           custom(hiveLabels, "no expressions; override_labels.header lets clients activate labels", "override_labels.active"),
		"jwt":                                                       custom(hiveJWT, "no shared secrets; claims reach subgraphs by headers.*.set_from_claims", "authentication.jwt"),
		"limits.max_depth.n":                                        to("limits.max_depth"),
		"limits.max_depth.ignore_introspection":                     minor(unless("false", "the depth of introspection is limited, too")),
		"limits.max_depth.flatten_fragments":                        same("fragments are expanded, and add no level"),
		"limits.max_directives.n":                                   to("limits.max_directives"),
		"limits.max_tokens.n":                                       to("limits.parser_max_tokens"),
		"limits.max_aliases.n":                                      to("limits.max_aliases"),
		"limits.max_request_body_size":                              via("limits.http_max_request_bytes", size),
		"persisted_documents.enabled":                               unless("true", "persisted_documents.path enables them"),
		"persisted_documents.require_id":                            custom(hiveRequireID, "", "persisted_documents.require", "persisted_documents.require_id"),
		"persisted_documents.log_missing_id":                        to("persisted_documents.log_unknown"),
		"persisted_documents.storage":                               custom(hiveStorage, "a file", "persisted_documents.path"),
		"persisted_documents.extractors":                            minor(none("documents are identified by extensions.persistedQuery.sha256Hash or documentId")),
		"subscriptions.enabled":                                     to("subscriptions.enabled"),
		"persisted_documents.selectors":                             minor(none("documents are identified by extensions.persistedQuery.sha256Hash or documentId")),
		"subscriptions.callback.enabled":                            unless("true", "subscriptions.*.protocol selects the protocol"),
		"subscriptions.callback.public_url":                         to("subscriptions.callback.public_url"),
		"subscriptions.callback.listen":                             to("subscriptions.callback.listen"),
		"subscriptions.callback.path":                               to("subscriptions.callback.path"),
		"subscriptions.callback.heartbeat_interval":                 via("subscriptions.callback.heartbeat_interval", heartbeat),
		"subscriptions.callback.subgraphs":                          custom(callbackSubgraphs, "a list of names", "subscriptions.subgraphs.*.protocol", "subscriptions.all.protocol"),
		"subscriptions.websocket.all":                               hiveWebSocket("subscriptions.all"),
		"subscriptions.websocket.subgraphs.*":                       hiveWebSocket("subscriptions.subgraphs.*"),
		"subscriptions.*":                                           none("see subscriptions in docs/router.yaml"),
		"websocket.enabled":                                         unless("true", "subscriptions.enabled also enables WebSocket"),
		"websocket.path":                                            none("WebSocket clients use the path of GraphQL"),
		"websocket.headers":                                         none("headers that the payload of connection_init may set are in subscriptions.init_headers"),
		"websocket.*":                                               none("see subscriptions in docs/router.yaml"),
		"demand_control.enabled":                                    to("demand_control.enabled"),
		"demand_control.mode":                                       via("demand_control.measure", words(map[string]string{"measure": "true", "enforce": "false"})),
		"demand_control.strategy.static_estimated.max":              to("demand_control.max"),
		"demand_control.strategy.static_estimated.list_size":        to("demand_control.list_size"),
		"demand_control.strategy.static_estimated.actual_cost_mode": minor(none(actualCosts)),
		"demand_control.expose_headers":                             exposeCosts(),
		"query_complexity":                                          none("limits.max_fields, limits.max_depth and demand_control bound operations"),
		"error_masking.all.error_message":                           via("include_subgraph_errors.all", not),
		"error_masking.subgraphs.*.error_message":                   via("include_subgraph_errors.subgraphs.*", not),
		"error_masking.all.extensions":                              none("the extensions of errors are shown or hidden together with their messages"),
		"error_masking.subgraphs.*.extensions":                      none("the extensions of errors are shown or hidden together with their messages"),
		"error_masking.redacted_error_message":                      minor(none("the message says which subgraph failed")),
		"telemetry.service.name":                                    to("telemetry.service_name"),
		"telemetry.service.*":                                       none("set OTEL_RESOURCE_ATTRIBUTES"),
		"telemetry.resource":                                        none("set OTEL_RESOURCE_ATTRIBUTES"),
		"telemetry.client_identification":                           none("the names of clients are read from the headers of Apollo's and Hive's clients"),
		"telemetry.tracing.collect":                                 none("set OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG"),
		"telemetry.tracing.exporters":                               none("set OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL and OTEL_EXPORTER_OTLP_HEADERS"),
		"telemetry.tracing.propagation":                             none("set OTEL_PROPAGATORS, such as tracecontext,baggage,b3"),
		"telemetry.tracing.instrumentation":                         none(fixedMetrics),
		"telemetry.metrics.exporters":                               custom(hiveMetrics, "Prometheus; others by OTEL_METRICS_EXPORTER", "telemetry.metrics", "telemetry.metrics_path"),
		"telemetry.metrics.instrumentation":                         none(fixedMetrics),
		"telemetry.hive":                                            none(hiveCloud),
		"usage_reporting":                                           none(hiveCloud),
		"aws_sig_v4":                                                none("requests to subgraphs are not signed: a hook may sign (examples/signing)"),
		"hmac_signature":                                            none("requests to subgraphs are not signed: a hook may sign (examples/signing)"),
		"coprocessor":                                               none("the protocol differs: see docs/extending.md"),
		"response_extensions.propagate":                             custom(hiveExtensions, "name the members: there, all are propagated without allow", "response_extensions.*"),
		"plugins":                                                   noneNamed("plugins of Hive Router do not run here: " + useHook),
		"storage":                                                   none("files are read from the disk"),
		"traffic_shaping.max_connections_per_host":                  to("traffic_shaping.all.max_connections"),
		"traffic_shaping.router.request_timeout":                    via("traffic_shaping.router.timeout", duration),
		"traffic_shaping.router.dedupe.enabled":                     to("traffic_shaping.router.deduplicate"),
		"traffic_shaping.router.dedupe.headers":                     custom(dedupeHeaders, "", "traffic_shaping.router.deduplicate_headers"),
		"traffic_shaping.router.max_long_lived_clients":             to("subscriptions.max_connections"),
		"traffic_shaping.router.tls":                                custom(hiveServerTLS, "one file for each", "tls.cert_file", "tls.key_file", "tls.client_ca_file", "tls.client_certificates"),
	}
	for _, scope := range []string{"all", "subgraphs.*"} {
		target := "traffic_shaping." + scope
		t.with("traffic_shaping."+scope, table{
			"request_timeout":                  hiveTimeout(target + ".timeout"),
			"pool_idle_timeout":                via(target+".idle_timeout", duration),
			"dedupe_enabled":                   to(target + ".deduplicate_query"),
			"circuit_breaker.enabled":          to(target + ".circuit_breaker.enabled"),
			"circuit_breaker.error_threshold":  via(target+".circuit_breaker.error_threshold", percent),
			"circuit_breaker.volume_threshold": to(target + ".circuit_breaker.min_requests"),
			"circuit_breaker.reset_timeout":    via(target+".circuit_breaker.rest", duration),
			"allow_only_http2":                 to(target + ".http2"),
			"tls":                              hiveClientTLS(scope),
		})
	}
	t.with("headers", headerRules()).with("demand_control.strategy.static_estimated.subgraph", subgraphBudgets())
	return &source{
		name: "hive", title: "Hive Router", rules: t,
		expand: func(text string) string { return text },
		known: []string{
			"supergraph.source", "http.port", "http.host", "jwt", "graphiql", "laboratory", "query_planner", "override_subgraph_urls", "usage_reporting", "log", "persisted_documents",
			"traffic_shaping.max_connections_per_host", "traffic_shaping.all.dedupe_enabled", "traffic_shaping.all.request_timeout", "limits.max_depth.n", "limits.max_tokens", "telemetry.hive", "cors.enabled", "csrf.enabled", "error_masking", "websocket.enabled",
		},
		protects: []string{
			"jwt", "authorization", "cors", "csrf", "limits", "demand_control", "query_complexity", "persisted_documents", "introspection", "error_masking", "aws_sig_v4", "hmac_signature", "coprocessor", "plugins",
			"traffic_shaping.router",
		},
		switches: map[string]toggle{
			"cors":                {key: "enabled", off: "false", absent: true},
			"jwt":                 {key: "enabled", off: "false"},
			"persisted_documents": {key: "enabled", off: "false"},
			"subscriptions":       {key: "enabled", off: "false"},
		},
		finish: func(c *conversion) {
			if csrf := c.root.get("csrf"); csrf != nil && !c.out.has("csrf", "enabled") {
				c.note(csrf, Changed, "csrf.enabled", "it is false, the default of Hive Router: set it to true to check requests")
			}
			c.fallback("false", "subscriptions", "enabled")
			c.fallback("false", "csrf", "enabled")
			c.fallback(`"0.0.0.0:4000"`, "listen")
			c.fallback("30s", "traffic_shaping", "all", "timeout")
			c.fallback("1m0s", "traffic_shaping", "router", "timeout")
			c.fallback("false", "persisted_documents", "automatic")
			if !c.out.has("subscriptions", "all", "protocol") {
				c.out.at("subscriptions", "all", "protocol").text = `"sse"`
			}
			c.noHeaders()
		},
	}
}

// hiveListen joins the host and the port.
func hiveListen(c *conversion, n *node, _ []string) {
	host, port := n.value("host"), n.value("port")
	if host == "" {
		host = "0.0.0.0"
	}
	if port == "" {
		port = "4000"
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	c.set(n, c.quote(host+":"+port), "listen")
	for _, key := range []string{"graphql_endpoint", "path"} {
		if child := n.get(key); child != nil {
			to("path").convert(c, child, nil)
		}
	}
	c.others(n, "see listen and path in docs/router.yaml", "host", "port", "graphql_endpoint", "path")
}

// hiveSupergraph converts a file, or the address of Hive's CDN.
func hiveSupergraph(c *conversion, n *node, _ []string) {
	kind := n.value("source")
	if kind != "" && kind != "file" && kind != "hive" {
		c.note(n, None, "", "the source %s is not supported: write the supergraph to a file, such as with `souk compose`, and name it in supergraph.file, or name its address in supergraph.remote.url", kind)
		return
	}
	block := "supergraph"
	if kind == "hive" {
		block = "supergraph.remote"
	}
	for _, child := range n.children {
		switch child.key {
		case "source": // it was read
		case "path":
			c.hiveText(child, "supergraph", "file")
		case "endpoint":
			c.hiveEndpoint(child)
		case "key":
			c.hiveText(child, "supergraph", "remote", "headers", "X-Hive-CDN-Key")
		case "poll_interval":
			via(block+".poll_interval", duration).convert(c, child, nil)
		case "request_timeout":
			via("supergraph.remote.timeout", duration).convert(c, child, nil)
		case "accept_invalid_certs":
			to("supergraph.remote.tls.insecure_skip_verify").convert(c, child, nil)
		default:
			c.note(child, None, "", "see supergraph in docs/router.yaml")
		}
	}
}

// hiveEndpoint converts the address of a target in Hive's CDN. The supergraph is below it.
func (c *conversion) hiveEndpoint(n *node) {
	const key, artifact = "supergraph.remote.url", "/supergraph"
	first := n.text()
	switch list := n.texts(); {
	case n.value("from_env") != "":
		first = "${env." + n.value("from_env") + "}"
		c.others(n, "the variable has the first endpoint alone", "from_env")
	case len(list) > 0:
		first = list[0]
		if len(list) > 1 {
			c.note(n, Changed, key, "it has one value: the first is kept; set supergraph.remote.cache_file for a time when that is away")
		}
	}
	if first == "" {
		c.note(n, None, "", "name the address in %s", key)
		return
	}
	c.set(n, c.quote(strings.TrimSuffix(strings.TrimSuffix(first, "/"), artifact)+artifact), strings.Split(key, ".")...)
}

// hiveExtensions converts the members of subgraphs' extensions that clients get.
func hiveExtensions(c *conversion, n *node, _ []string) {
	algorithm, allow := cmp.Or(n.value("algorithm"), "last"), n.get("allow")
	if len(allow.texts()) == 0 {
		c.note(n, None, "", "name the members that clients get in response_extensions")
		return
	}
	for _, name := range allow.texts() {
		c.set(allow, c.quote(algorithm), "response_extensions", name)
	}
	c.others(n, "see response_extensions in docs/router.yaml", "algorithm", "allow")
}

// hiveRequireID converts the switch that refuses documents without an ID.
func hiveRequireID(c *conversion, n *node, _ []string) {
	to("persisted_documents.require").convert(c, n, nil)
	to("persisted_documents.require_id").convert(c, n, nil)
}

// hiveText copies a text, or an object such as {from_env: NAME, default: x}.
func (c *conversion) hiveText(n *node, path ...string) {
	switch {
	case n.value("from_env") != "":
		reference := "${env." + n.value("from_env")
		if d, ok := n.get("default").scalar(); ok {
			reference += ":-" + d
		}
		c.set(n, c.quote(reference+"}"), path...)
	case n.isMap:
		c.note(n, None, "", "expressions are not evaluated: %s", useHook)
	default:
		c.copy(n, asText, path...)
	}
}

func hiveURL(c *conversion, n *node, names []string) {
	c.hiveText(n, "override_subgraph_urls", names[0])
}

func hiveSwitch(key string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		if n.isMap {
			c.note(n, None, "", "expressions are not evaluated; %s is true or false", key)
			return
		}
		to(key).convert(c, n, names)
	}, "true or false, no expression", key)
}

func hiveTimeout(key string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		if n.get("expression") != nil {
			c.note(n, None, "", "expressions are not evaluated; %s is a duration", key)
			return
		}
		if inner := n.get("duration"); inner != nil {
			c.others(n, key+" is one duration", "duration")
			n = inner
		}
		via(key, duration).convert(c, n, names)
	}, "a duration, no expression", key)
}

// hiveLabels converts labels that are always on.
func hiveLabels(c *conversion, n *node, _ []string) {
	for _, child := range n.children {
		switch {
		case child.is("true"):
			c.add(child, c.quoted([]string{child.key}), "override_labels", "active")
		case child.is("false"):
			c.note(child, Converted, "", "the label is not active")
		default:
			c.note(child, None, "", "expressions are not evaluated: let clients activate labels with override_labels.header, or use percent(n) as a label")
		}
	}
}

func hiveJWT(c *conversion, n *node, _ []string) {
	for _, child := range n.children {
		switch child.key {
		case "enabled":
			unless("true", "without authentication.jwt.jwks no token is checked").convert(c, child, nil)
		case "issuers", "audiences": // of each key set
		case "jwks_providers":
			c.hiveKeys(child, n)
		case "lookup_locations":
			c.hiveLocations(child)
		case "require_authentication":
			to("authentication.jwt.required").convert(c, child, nil)
		case "allowed_algorithms":
			c.algorithms(child)
		case "forward_claims_to_upstream_extensions", "scopes_claim":
			c.spare(child, "scopes are in the claims scope and scp; a hook can forward claims (docs/extending.md)")
		default:
			c.note(child, None, "", "claims are for @requiresScopes and @policy; a hook can forward them (docs/extending.md)")
		}
	}
}

func (c *conversion) hiveKeys(list, jwt *node) {
	defer func() {
		for _, key := range []string{"audiences", "issuers"} {
			if n := jwt.get(key); n != nil && !c.noted[n] && !n.isNull {
				c.note(n, None, "", "there is no key set that it applies to")
			}
		}
	}()
	for _, item := range list.children {
		made := c.hiveKeySet(item)
		if made == nil {
			continue
		}
		c.itemValue(keySets, made, item.get("polling_interval"), "refresh", duration)
		c.audiences(made, jwt.get("audiences"))
		c.issuers(made, jwt.get("issuers"))
		if prefetch := item.get("prefetch"); prefetch != nil {
			c.spare(prefetch, "key sets are fetched when the router starts")
		}
		if kind := item.get("source"); kind != nil && !kind.is("file") {
			unless("remote", "key sets are fetched from their URL").convert(c, kind, nil)
		}
		c.others(item, "see authentication.jwt.jwks in docs/router.yaml", "source", "url", "path", "polling_interval", "prefetch")
	}
}

// hiveKeySet adds a key set from a URL or a file.
func (c *conversion) hiveKeySet(item *node) *branch {
	path, ok := item.get("path").scalar()
	if item.value("source") != "file" || !ok || !c.expandable(item, path) {
		return c.keySet(item)
	}
	if url := item.get("url"); url != nil {
		c.note(url, None, "", "the key set is a file")
	}
	return c.newKeySet(item, "file", path)
}

func (c *conversion) hiveLocations(n *node) {
	for i, item := range n.children {
		if i > 0 || item.value("source") != "header" {
			c.tokenSource(item, "source", "prefix")
			continue
		}
		c.copy(item.get("name"), asText, "authentication", "jwt", "header")
		c.copy(item.get("prefix"), asText, "authentication", "jwt", "scheme")
		c.others(item, "see authentication.jwt in docs/router.yaml", "source", "name", "prefix")
	}
}

func hiveStorage(c *conversion, n *node, _ []string) {
	if n.value("type") != "file" {
		c.note(n, None, "", "the storage %s is not supported: name a file in persisted_documents.path, or the address of one in persisted_documents.remote.url", n.value("type"))
		return
	}
	if file := n.get("path"); file != nil {
		c.hiveText(file, "persisted_documents", "path")
	}
	c.others(n, "the file is read again when it changes", "type", "path", "watch")
}

// hiveWebSocket sends subscriptions over WebSocket.
func hiveWebSocket(below string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		c.set(n, `"ws"`, fill(below+".protocol", names)...)
		if path := n.get("path"); path != nil && !path.isNull {
			c.note(path, None, "", "set the whole URL in subscriptions.subgraphs.NAME.url")
		}
		c.others(n, "see subscriptions.all in docs/router.yaml", "path")
	}, "set the whole URL, not a path, in subscriptions.subgraphs.NAME.url", below+".protocol")
}

func dedupeHeaders(c *conversion, n *node, _ []string) {
	if include := n.get("include"); include != nil {
		to("traffic_shaping.router.deduplicate_headers").convert(c, include, nil)
		c.others(n, "name all headers in traffic_shaping.router.deduplicate_headers", "include")
		return
	}
	c.note(n, Changed, "traffic_shaping.router.deduplicate_headers", "queries are the same if Authorization, Cookie, all propagated headers and deduplicate_headers are")
	n.settled = true
}

// hiveMetrics converts the exporter for Prometheus.
func hiveMetrics(c *conversion, n *node, _ []string) {
	for _, item := range n.children {
		if item.value("kind") != "prometheus" {
			c.note(item, None, "", "set OTEL_METRICS_EXPORTER=otlp, and OTEL_EXPORTER_OTLP_ENDPOINT")
			continue
		}
		value := "true"
		if enabled := item.get("enabled"); enabled != nil {
			value = enabled.text()
		}
		if value != "" {
			c.set(item, value, "telemetry", "metrics")
		}
		if path := item.get("path"); path != nil {
			to("telemetry.metrics_path").convert(c, path, nil)
		}
		c.others(item, "metrics are on the admin port (admin.listen)", "kind", "enabled", "path")
	}
}
