package convert

import "strings"

const (
	gatewayPlugins  = "plugins of Hive Gateway do not run here: " + useHook
	gatewaySigned   = "requests to subgraphs are not signed: a hook may sign (examples/signing)"
	gatewayTraces   = "set OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_EXPORTER_OTLP_HEADERS and OTEL_TRACES_SAMPLER; telemetry.traces turns traces off"
	gatewayOneGraph = "this router serves a supergraph: compose one with `souk compose`"
)

// hiveGateway has the rules for the configuration of Hive Gateway, which is a program in TypeScript
// (gateway.config.ts), JSON or YAML.
func hiveGateway() *source {
	t := table{
		"supergraph":                  custom(gatewaySupergraph, "a file, or an address such as that of Hive's CDN; no functions", "supergraph.file", "supergraph.remote.url", "supergraph.remote.headers"),
		"pollingInterval":             via("supergraph.poll_interval", millis),
		"port":                        custom(gatewayListen, "host and port in one", "listen"),
		"host":                        custom(gatewayListen, "host and port in one", "listen"),
		"graphqlEndpoint":             to("path"),
		"logging":                     via("log.level", words(map[string]string{"trace": "debug", "debug": "debug", "info": "info", "warn": "warn", "error": "error", "true": "info", "false": "error"})),
		"healthCheckEndpoint":         healthPaths("liveness_paths"),
		"readinessCheckEndpoint":      healthPaths("readiness_paths"),
		"graphiql":                    gatewaySwitch("playground.enabled"),
		"landingPage":                 same("there is no landing page"),
		"maxTokens":                   gatewayLimit("limits.parser_max_tokens"),
		"maxDepth":                    gatewayLimit("limits.max_depth"),
		"upstreamTimeout":             via("traffic_shaping.all.timeout", millis),
		"requestTimeout":              via("traffic_shaping.router.timeout", millis),
		"batching":                    gatewayOptions("http.batching.enabled", "limit", "http.batching.max_size"),
		"maskedErrors":                via("include_subgraph_errors.all", words(map[string]string{"true": "false", "false": "true"})),
		"blockFieldSuggestions":       minor(none("messages name similar fields; introspection is off by default")),
		"cors.origin":                 to("cors.allow_origins"),
		"cors.methods":                to("cors.allow_methods"),
		"cors.allowedHeaders":         to("cors.allow_headers"),
		"cors.exposedHeaders":         to("cors.expose_headers"),
		"cors.credentials":            to("cors.allow_credentials"),
		"cors.maxAge":                 via("cors.max_age", seconds),
		"csrfPrevention":              gatewayOptions("csrf.enabled", "requestHeaders", "csrf.required_headers"),
		"demandControl.maxCost":       to("demand_control.max"),
		"demandControl.listSize":      to("demand_control.list_size"),
		"demandControl.*":             minor(none("see demand_control in docs/router.yaml: costs are those of the specification, and extensions.cost is demand_control.expose")),
		"disableWebsockets":           via("subscriptions.enabled", not),
		"openTelemetry":               none(gatewayTraces),
		"openTelemetrySetup":          none(gatewayTraces),
		"prometheus":                  none("telemetry.metrics serves metrics on the admin port, with names of this router; they are in docs/metrics.md"),
		"jwt.signingKeyProviders":     custom(gatewayKeys, "key sets by createRemoteJwksSigningKeyProvider; no shared secrets", "authentication.jwt.jwks"),
		"jwt.singingKeyProviders":     custom(gatewayKeys, "key sets by createRemoteJwksSigningKeyProvider; no shared secrets", "authentication.jwt.jwks"),
		"jwt.tokenLookupLocations":    custom(gatewayLocations, "extractFromHeader and extractFromCookie", "authentication.jwt.sources"),
		"jwt.tokenVerification":       custom(gatewayVerification, "of each key set", "authentication.jwt.jwks.audiences", "authentication.jwt.jwks.issuers", "authentication.jwt.algorithms"),
		"jwt.reject.missingToken":     to("authentication.jwt.required"),
		"jwt.reject.invalidToken":     unless("true", "a token that is not valid is always rejected"),
		"jwt.forward":                 minor(none("headers.all.set_from_claims sends claims to subgraphs, headers.all.propagate the token")),
		"jwt.extendContext":           minor(none("claims are for @requiresScopes, @policy and headers.all.set_from_claims")),
		"jwt.*":                       none("see authentication.jwt in docs/router.yaml"),
		"genericAuth":                 none("authentication.jwt verifies tokens, and authentication.jwt.required requires one (protect-all); @authenticated, @requiresScopes and @policy protect fields (protect-granular), and coprocessor decides by a service of yours in place of resolveUserFn"),
		"hmacSignature":               none(gatewaySigned),
		"hmacUpstreamSignature":       none(gatewaySigned),
		"inboundHmacSignature":        none("signatures of clients are not checked: a coprocessor or a hook may check them (docs/extending.md)"),
		"awsSigv4":                    none(gatewaySigned),
		"plugins":                     none(gatewayPlugins),
		"pubsub":                      none("event_sources.providers names brokers (kinds redis, nats and kafka), and @eventStream the fields that they feed; subscriptions of subgraphs need none"),
		"transports":                  none("subgraphs are reached over HTTP, with GraphQL; run one in front of another protocol"),
		"transportEntries.*.location": to("override_subgraph_urls.*"),
		"transportEntries.*.headers":  custom(gatewayHeaders, "a list of names and values", "headers.subgraphs.*.set"),
		"transportEntries.*.kind":     minor(unless("http", "subgraphs are reached over HTTP, with GraphQL; subscriptions.subgraphs.NAME.protocol selects WebSocket or server-sent events")),
		"transportEntries.*.*":        none("traffic_shaping.subgraphs.NAME and subscriptions.subgraphs.NAME have settings for a subgraph"),
		"persistedDocuments":          none("name the manifest in persisted_documents.path, or its address in persisted_documents.remote.url, and set persisted_documents.require"),
		"reporting":                   none(hiveCloud),
		"responseCaching":             none("response_cache keeps entities and root fields of subgraphs, in Redis, by @cacheControl and Cache-Control"),
		"cache":                       none("response_cache.redis names the server of the response cache"),
		"rateLimiting":                none("rate_limit limits requests by caller, address, header or claim; limits for one field are not supported"),
		"propagateHeaders":            none("name the headers in headers.all.propagate, or patterns in headers.all.propagate_matching, and those of responses in headers.all.return"),
		"upstreamRetry":               none("traffic_shaping.all.retry retries queries that failed"),
		"upstreamCSRFPrevention":      minor(none("headers.all.set adds a header to requests to subgraphs")),
		"progressiveOverride":         none("override_labels.header lets clients activate labels; percent(n) needs no code"),
		"sslCredentials":              none("name the files in tls.cert_file and tls.key_file"),
		"deferStream":                 same("@defer needs no switch"),
		"contentEncoding":             same("responses are compressed as Accept-Encoding says"),
		"requestId":                   same("telemetry.trace_id_header returns the trace ID"),
		"fork":                        same("one process uses all cores"),
		"webhooks":                    none("event_sources.providers names brokers that feed subscriptions"),
		"cookies":                     same("headers of clients are available without a switch"),
		"additionalTypeDefs":          none("add the fields to a subgraph, and compose"),
		"additionalResolvers":         none("add the resolvers to a subgraph: this router runs none"),
		"unifiedGraphHandler":         none("the planner is part of this router"),
		"schema":                      none(gatewayOneGraph),
		"subgraph":                    none(gatewayOneGraph),
		"proxy":                       none(gatewayOneGraph),
	}
	return &source{
		name: "hive-gateway", title: "Hive Gateway", rules: t,
		expand: func(text string) string { return text },
		known: []string{
			"graphqlEndpoint", "openTelemetry", "openTelemetrySetup", "genericAuth", "hmacSignature", "transportEntries", "pollingInterval", "upstreamTimeout", "maskedErrors", "persistedDocuments", "propagateHeaders",
			"healthCheckEndpoint", "readinessCheckEndpoint", "csrfPrevention", "demandControl", "jwt.signingKeyProviders", "jwt.singingKeyProviders", "responseCaching", "rateLimiting", "maxTokens", "maxDepth",
			"pubsub", "landingPage", "additionalResolvers", "progressiveOverride", "upstreamRetry", "hmacUpstreamSignature", "awsSigv4",
		},
		protects: []string{
			"jwt", "genericAuth", "hmacSignature", "hmacUpstreamSignature", "inboundHmacSignature", "awsSigv4", "cors", "csrfPrevention", "maxTokens", "maxDepth", "demandControl", "persistedDocuments", "rateLimiting", "maskedErrors", "plugins", "blockFieldSuggestions",
		},
		switches: map[string]toggle{
			"cors": {off: "false"}, "jwt": {off: "false"}, "genericAuth": {off: "false"}, "demandControl": {off: "false"}, "persistedDocuments": {off: "false"}, "rateLimiting": {off: "false"},
			"hmacSignature": {off: "false"}, "hmacUpstreamSignature": {off: "false"}, "inboundHmacSignature": {off: "false"}, "awsSigv4": {off: "false"},
			"responseCaching": {off: "false"}, "openTelemetry": {off: "false"}, "reporting": {off: "false"}, "webhooks": {off: "false"},
		},
		finish: func(c *conversion) {
			if c.out.has("authentication", "jwt", "jwks") {
				c.fallback("true", "authentication", "jwt", "required")
			}
			c.fallback(`"0.0.0.0:4000"`, "listen")
			c.fallback("false", "csrf", "enabled")
			c.fallback("true", "introspection")
			if !c.out.has("subscriptions", "all", "protocol") {
				c.out.at("subscriptions", "all", "protocol").text = `"sse"`
			}
			c.noHeaders()
		},
	}
}

// gatewaySupergraph converts the place of the supergraph.
func gatewaySupergraph(c *conversion, n *node, _ []string) {
	switch {
	case n.isMap && n.value("type") == "hive" && n.get("endpoint").isScalar():
		address := strings.TrimSuffix(n.value("endpoint"), "/")
		c.set(n.get("endpoint"), c.quote(strings.TrimSuffix(address, "/supergraph")+"/supergraph"), "supergraph", "remote", "url")
		if key := n.get("key"); key != nil {
			c.copy(key, asText, "supergraph", "remote", "headers", "X-Hive-CDN-Key")
		}
		c.others(n, "see supergraph.remote in docs/router.yaml", "type", "endpoint", "key")
	case n.isMap || n.isList:
		c.note(n, None, "", "name a file in supergraph.file, or an address in supergraph.remote.url")
	case strings.Contains(n.text(), "://"):
		c.copy(n, asText, "supergraph", "remote", "url")
	case strings.Contains(n.text(), "{") && !strings.HasPrefix(n.text(), "${"):
		c.note(n, None, "", "it is a schema: write it to a file, and name that in supergraph.file")
	default:
		c.copy(n, asText, "supergraph", "file")
	}
}

// gatewayListen joins the host and the port.
func gatewayListen(c *conversion, n *node, _ []string) {
	host, port := "0.0.0.0", "4000"
	if text, ok := c.root.get("host").scalar(); ok {
		host = text
	}
	if text, ok := c.root.get("port").scalar(); ok {
		port = text
	}
	if strings.Contains(host, ":") && !strings.Contains(host, "${") {
		host = "[" + host + "]"
	}
	if !n.isScalar() {
		c.note(n, None, "", "it is not a single value: see listen in docs/router.yaml")
		return
	}
	c.set(n, c.quote(host+":"+port), "listen")
}

// gatewaySwitch is true, false, or options without an equivalent.
func gatewaySwitch(key string) rule { return gatewayOptions(key, "", "") }

// gatewayOptions is true, false, or options, which enable it and of which one has an equivalent.
func gatewayOptions(key, option, target string) rule {
	names := []string{key}
	if target != "" {
		names = append(names, target)
	}
	return custom(func(c *conversion, n *node, _ []string) {
		if !n.isMap {
			to(key).convert(c, n, nil)
			return
		}
		c.set(n, "true", strings.Split(key, ".")...)
		if child := n.get(option); child != nil {
			to(target).convert(c, child, nil)
		}
		c.others(n, "see "+strings.Join(names, ", ")+" in docs/router.yaml", option)
	}, "", names...)
}

// gatewayLimit is a number, {limit: NUMBER}, or true or false.
func gatewayLimit(key string) rule {
	return custom(func(c *conversion, n *node, _ []string) {
		switch {
		case n.isMap && n.get("limit").isScalar():
			to(key).convert(c, n.get("limit"), nil)
			c.others(n, "the limit is in "+key, "limit")
		case n.is("false"):
			c.set(n, "0", strings.Split(key, ".")...)
		case n.is("true"):
			c.note(n, Converted, "", "%s has a default", key)
		default:
			to(key).convert(c, n, nil)
		}
	}, "a number; 0 is off", key)
}

// gatewayKeys converts the key sets.
func gatewayKeys(c *conversion, n *node, _ []string) {
	for _, item := range n.children {
		address, ok := item.get("jwksUri").scalar()
		if !ok || !item.get(called).is("createRemoteJwksSigningKeyProvider") {
			c.note(item, None, "", "only key sets with a URL or a file verify tokens (authentication.jwt.jwks): a shared secret that verifies a token can make one, too")
			continue
		}
		if !c.expandable(item, address) {
			continue
		}
		made := c.newKeySet(item, "url", address)
		verification := c.root.get("jwt").get("tokenVerification")
		c.audiences(made, verification.get("audience"))
		c.issuers(made, verification.get("issuer"))
		c.others(item, "see authentication.jwt.jwks in docs/router.yaml", called, "jwksUri")
	}
}

// gatewayVerification reports what no key set has taken over.
func gatewayVerification(c *conversion, n *node, _ []string) {
	if list := n.get("algorithms"); list != nil {
		c.algorithms(list)
	}
	for _, key := range []string{"issuer", "audience"} {
		if child := n.get(key); child != nil && !c.noted[child] && !child.read && child.computed == "" && !child.hollow() {
			c.note(child, None, "", "there is no key set that it applies to")
		}
	}
	c.others(n, "see authentication.jwt.jwks in docs/router.yaml", "issuer", "audience", "algorithms")
}

// gatewayLocations converts the places of tokens.
func gatewayLocations(c *conversion, n *node, _ []string) {
	for _, item := range n.children {
		name, ok := item.get("name").scalar()
		kind := item.get(called).text()
		if !ok || kind != "extractFromHeader" && kind != "extractFromCookie" || !c.expandable(item, name, item.value("prefix")) {
			c.spare(item, "a token is in a header or a cookie, which has a name (authentication.jwt.sources)")
			continue
		}
		if kind == "extractFromCookie" {
			c.addSource(item, "cookie", name, "")
		} else {
			c.addSource(item, "header", name, item.value("prefix"))
		}
		c.note(item, Converted, "authentication.jwt.sources", "")
		c.others(item, "see authentication.jwt.sources in docs/router.yaml", called, "name", "prefix")
	}
}

// gatewayHeaders converts a list of pairs of a name and a value.
func gatewayHeaders(c *conversion, n *node, names []string) {
	for _, item := range n.children {
		if item.isList && len(item.children) == 2 && item.children[0].isScalar() && item.children[1].isScalar() && !strings.Contains(item.children[1].raw, "{context") {
			c.set(item, c.quote(item.children[1].text()), "headers", "subgraphs", names[0], "set", item.children[0].text())
			continue
		}
		c.note(item, None, "", "headers.subgraphs.NAME.set has names and fixed values; set_from_claims and set_from_context have others")
	}
}
