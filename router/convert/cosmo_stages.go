package convert

import "strings"

// cosmoHeaders are the rules for the headers of subgraphs, lists of operations such as
// {op: propagate, named: Authorization}.
func cosmoHeaders() table {
	return table{
		"all.request":          cosmoHeaderList("headers.all", orderOfHeaders, true, (*conversion).headerRule, headerKeys("headers.all")...),
		"all.response":         cosmoHeaderList("headers.all", mergedHeaders, false, (*conversion).responseHeader, "headers.all.return"),
		"subgraphs.*.request":  cosmoHeaderList("headers.subgraphs.*", orderOfHeaders, true, (*conversion).headerRule, headerKeys("headers.subgraphs.*")...),
		"subgraphs.*.response": cosmoHeaderList("headers.subgraphs.*", mergedHeaders, false, (*conversion).responseHeader, "headers.subgraphs.*.return"),
		"cookie_whitelist":     none("cookies are forwarded if headers.all.propagate has Cookie, all or none: " + useHook),
		"router":               none("responses of the router have no headers by configuration: " + useHook),
	}
}

func cosmoHeaderList(below, note string, ordered bool, convert func(c *conversion, op *node, kind string, below []string), to ...string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		var before headerOrder
		for _, op := range n.children {
			convert(c, op, op.value("op"), fill(below, names))
			if ordered {
				c.order(&before, op, op.value("op"))
			}
		}
	}, note, to...)
}

func cosmoAuthentication() table {
	return table{
		"jwt.jwks":                custom(cosmoKeys, "no shared secrets", "authentication.jwt.jwks"),
		"jwt.header_name":         to("authentication.jwt.header"),
		"jwt.header_value_prefix": to("authentication.jwt.scheme"),
		"jwt.header_sources":      custom(cosmoSources, "", "authentication.jwt.sources"),
		"jwt.scope_claim":         minor(none("scopes are in the claims scope and scp")),
		"providers":               custom(cosmoProviders, "", "authentication.jwt.jwks", "authentication.jwt.header", "authentication.jwt.scheme"),
		"ignore_introspection":    minor(unless("false", "introspection needs a token if authentication.jwt.required is set")),
	}
}

func cosmoKeys(c *conversion, n *node, _ []string) {
	for _, item := range n.children {
		if item.get("secret") != nil {
			c.note(item, None, "", "shared secrets are not supported: a key that verifies such a token can make one, too")
			continue
		}
		made := c.keySet(item)
		if made == nil {
			continue
		}
		c.itemValue(keySets, made, item.get("refresh_interval"), "refresh", duration)
		c.audiences(made, item.get("audiences"))
		c.keyAlgorithms(made, item.get("algorithms"))
		c.others(item, "a key that is not known makes the router fetch the set again, at most once in a while", "url", "refresh_interval", "audiences", "algorithms")
	}
}

// cosmoProviders converts the form of older versions.
func cosmoProviders(c *conversion, n *node, _ []string) {
	for _, item := range n.children {
		set := item.get("jwks")
		if set == nil {
			c.note(item, None, "", "only providers with jwks are known")
			continue
		}
		if made := c.keySet(set); made != nil {
			c.itemValue(keySets, made, set.get("refresh_interval"), "refresh", duration)
		}
		c.single(set.get("header_names"), "authentication.jwt.header")
		c.single(set.get("header_value_prefixes"), "authentication.jwt.scheme")
		c.others(set, "see authentication.jwt in docs/router.yaml", "url", "refresh_interval", "header_names", "header_value_prefixes")
		if name := item.get("name"); name != nil {
			c.spare(name, "key sets have no names")
		}
		c.others(item, "only jwks is known", "jwks", "name")
	}
}

// single copies a list of one item to a key that has one value.
func (c *conversion) single(n *node, key string) {
	switch list := n.texts(); len(list) {
	case 0:
	case 1:
		c.set(n, c.quote(list[0]), fill(key, nil)...)
	default:
		c.set(n, c.quote(list[0]), fill(key, nil)...)
		c.note(n, Changed, key, "it has one value: the first is kept")
	}
}

func cosmoRateLimit() table {
	return table{
		"enabled":                 to("rate_limit.enabled"),
		"strategy":                unless("simple", "there is one strategy: the generic cell rate algorithm"),
		"simple_strategy.rate":    weaker(to("rate_limit.requests"), "the limit is for each caller (rate_limit.by), not for all together"),
		"simple_strategy.burst":   minor(none("bursts of rate_limit.requests are possible")),
		"simple_strategy.period":  via("rate_limit.interval", duration),
		"simple_strategy.*":       minor(none("a caller over the limit gets status 429 and the headers RateLimit and Retry-After")),
		"storage.url":             to("rate_limit.redis.url"),
		"storage.urls":            custom(cosmoRedis, "the nodes of a cluster; otherwise the first", "rate_limit.redis.url", "rate_limit.redis.addresses", "rate_limit.redis.cluster", "rate_limit.redis.username", "rate_limit.redis.password", "rate_limit.redis.tls"),
		"storage.addr":            custom(redisAddress, "", "rate_limit.redis.url"),
		"storage.password":        to("rate_limit.redis.password"),
		"storage.cluster_enabled": to("rate_limit.redis.cluster"),
		"storage.key_prefix":      via("rate_limit.redis.key_prefix", keyPrefix),
		"key_suffix_expression":   none("rate_limit.by is ip, subject or header; policies also count by claim, client or all together"),
		"error_extension_code":    minor(none("the code is RATE_LIMIT_EXCEEDED")),
		"debug":                   minor(none("the console and the metrics show limited operations")),
	}
}

// cosmoRedis converts the URLs of a Redis. Cosmo Router uses all of them with cluster_enabled, and the
// first without.
func cosmoRedis(c *conversion, n *node, _ []string) {
	storage := c.root.get("rate_limit").get("storage")
	cluster := storage.get("cluster_enabled").is("true")
	c.redisURLs(n, cluster, storage, "rate_limit", "redis")
	if !cluster && len(n.texts()) > 1 {
		c.note(n, Changed, "rate_limit.redis.url", "the first URL alone is used without cluster_enabled, as in Cosmo Router")
	}
}

func redisAddress(c *conversion, n *node, _ []string) {
	c.copy(n, func(c *conversion, n *node) (string, error) {
		text, err := n.one()
		return c.quote("redis://" + text), err
	}, "rate_limit", "redis", "url")
}

// limit is a limit with enabled and limit.
func limit(key string) rule {
	return custom(func(c *conversion, n *node, _ []string) {
		if n.get("enabled").is("false") {
			c.note(n, Converted, "", "it is not enabled: the default of %s applies", key)
			return
		}
		if value := n.get("limit"); value != nil {
			to(key).convert(c, value, nil)
		}
		if ignored := n.get("ignore_persisted_operations"); ignored != nil {
			minor(unless("false", "limits apply to all operations")).convert(c, ignored, nil)
		}
		c.others(n, "limits apply to all operations", "enabled", "limit", "ignore_persisted_operations")
	}, "it applies to all operations", key)
}

func cosmoSecurity() table {
	return table{
		"block_mutations":                        blocked("true", "limits.forbid_mutations"),
		"block_subscriptions":                    blocked("false", "subscriptions.enabled"),
		"block_non_persisted_operations":         blocked("true", "persisted_documents.require"),
		"block_persisted_operations":             none("leave persisted_documents.path empty"),
		"complexity_calculation_cache":           same("limits are checked once for each document"),
		"complexity_limits.depth":                limit("limits.max_depth"),
		"complexity_limits.total_fields":         limit("limits.max_fields"),
		"complexity_limits.root_fields":          limit("limits.max_root_fields"),
		"complexity_limits.root_field_aliases":   changedLimit("limits.max_aliases", "it counts all aliases of an operation"),
		"complexity_limits.ignore_introspection": minor(unless("false", "limits apply to introspection, too")),
		"depth_limit":                            limit("limits.max_depth"),
		"cost_control.enabled":                   to("demand_control.enabled"),
		"cost_control.mode":                      via("demand_control.measure", words(map[string]string{"measure": "true", "enforce": "false"})),
		"cost_control.max_estimated_limit":       to("demand_control.max"),
		"cost_control.estimated_list_size":       to("demand_control.list_size"),
		"cost_control.expose_headers":            exposeCosts(),
		"parser_limits.approximate_depth_limit":  custom(recursion("limits.parser_max_recursion"), "it also counts lists and objects; at most 1000", "limits.parser_max_recursion"),
		"parser_limits.total_fields_limit":       none("limits.parser_max_tokens bounds the document, and limits.max_fields its fields"),
		"operation_name_length_limit":            minor(none("limits.http_max_request_bytes bounds the request")),
	}
}

// blocked is a kind of operations that may be refused: a key with a value refuses them here.
func blocked(value, key string) rule {
	const conditional = "conditions are not evaluated: "
	return custom(func(c *conversion, n *node, _ []string) {
		enabled := n
		if n.isMap {
			enabled = n.get("enabled")
		}
		switch {
		case enabled == nil || enabled.isNull || enabled.is("false"):
			c.note(n, Converted, "", "it is not enabled")
		case n.get("condition").text() != "":
			c.note(n, None, "", conditional+"%s: %s refuses them in each case, and a hook some (docs/extending.md)", key, value)
		case enabled.is("true"):
			c.override(enabled, value, key)
			c.others(n, "see "+key+" in docs/router.yaml", "enabled", "condition")
		default:
			c.note(n, None, "", "set %s: %s", key, value)
		}
	}, "no conditions", key)
}

// override sets a key, also if another key of the input has set it.
func (c *conversion) override(n *node, value, key string) {
	for i := range c.notes {
		if c.notes[i].To == key {
			c.notes[i].Note = c.paths[n] + " goes before it"
		}
	}
	at := c.out.at(strings.Split(key, ".")...)
	at.text, at.from, at.fixed = value, append(at.from, c.paths[n]), c.paths[n]
	c.note(n, Converted, key, "")
}

func changedLimit(key, difference string) rule { return changed(limit(key), difference) }

func cosmoEngineRules() table {
	return table{
		"enable_single_flight":                       to("traffic_shaping.all.deduplicate_query"),
		"force_enable_single_flight":                 unless("false", "mutations are never shared"),
		"enable_inbound_request_deduplication":       to("traffic_shaping.router.deduplicate"),
		"force_enable_inbound_request_deduplication": unless("false", "mutations are never shared"),
		"enable_subgraph_fetch_operation_name":       to("telemetry.subgraph_operation_names"),
		"execution_plan_cache_size":                  none(boundedCaches),
		"normalization_cache_size":                   none(boundedCaches),
		"validation_cache_size":                      none(boundedCaches),
		"operation_hash_cache_size":                  none(boundedCaches),
		"enable_request_tracing":                     none("development mode (dev) adds statistics to responses, and the console shows traces"),
		"websocket_client_ping_interval":             via("subscriptions.all.ping_interval", duration),
		"subscription_fetch_timeout":                 via("subscriptions.all.connect_timeout", duration),
		"max_concurrent_resolvers":                   none("traffic_shaping.router.max_in_flight and limits.max_in_flight_bytes bound the work in progress"),
		"debug":                                      none("`souk plan --explain` and the console show plans"),
		"*":                                          none(cosmoEngine),
	}
}
