package convert

import "strings"

// tokenSources converts a list of places of tokens, such as {type: cookie, name: session}.
func tokenSources(kind, prefix string) rule {
	return custom(func(c *conversion, n *node, _ []string) {
		for _, item := range n.children {
			c.tokenSource(item, kind, prefix)
		}
	}, "", "authentication.jwt.sources")
}

// tokenSource adds a place of tokens. kind is the key that says whether it is a header or a
// cookie, prefix the one with the scheme.
func (c *conversion) tokenSource(item *node, kind, prefix string) {
	name := item.value("name")
	key := strings.TrimSuffix(item.value(kind), "s") // header, cookie or cookies
	switch {
	case name == "" || key != "header" && key != "cookie":
		c.spare(item, "a token is in a header or a cookie, which has a name (authentication.jwt.sources)")
		return
	case !c.expandable(item, name, item.value(prefix)):
		return
	}
	scheme := ""
	if key == "header" {
		scheme = item.value(prefix)
	}
	c.addSource(item, key, name, scheme)
	c.note(item, Converted, "authentication.jwt.sources", "")
	c.others(item, "see authentication.jwt.sources in docs/router.yaml", kind, "name", prefix)
}

// addSource adds a header or a cookie to the places of tokens. The scheme may be empty.
func (c *conversion) addSource(item *node, key, name, scheme string) {
	made := newBranch()
	made.at(key).text, made.at(key).from = c.quote(name), []string{c.paths[item]}
	if scheme = strings.TrimSpace(scheme); scheme != "" {
		made.at("scheme").text, made.at("scheme").from = c.quote(scheme), []string{c.paths[item]}
	}
	list := c.out.at("authentication", "jwt", "sources")
	list.isList, list.items = true, append(list.items, made)
}

// cosmoSources converts header_sources, whose headers may have several prefixes.
func cosmoSources(c *conversion, n *node, _ []string) {
	for _, item := range n.children {
		name, prefixes := item.value("name"), item.get("value_prefixes").texts()
		if item.value("type") != "header" || name == "" || !c.expandable(item, append(prefixes, name)...) {
			c.spare(item, "a token is in a header or a cookie, which has a name (authentication.jwt.sources)")
			continue
		}
		if len(prefixes) == 0 {
			prefixes = []string{""}
		}
		for _, prefix := range prefixes {
			c.addSource(item, "header", name, prefix)
		}
		c.note(item, Converted, "authentication.jwt.sources", "")
		c.others(item, "see authentication.jwt.sources in docs/router.yaml", "type", "name", "value_prefixes")
	}
}

// issuers adds the issuers of a key set.
func (c *conversion) issuers(made *branch, n *node) {
	list := n.texts()
	if len(list) == 0 {
		return
	}
	if !made.has("issuer") {
		made.at("issuer").text, made.at("issuer").from = c.quote(list[0]), []string{c.paths[n]}
		list = list[1:]
	}
	if len(list) > 0 {
		at := made.at("issuers")
		at.isList, at.list, at.from = true, c.quoted(list), []string{c.paths[n]}
	}
	c.note(n, Converted, "authentication.jwt.jwks.issuers", "")
}

// keyAlgorithms adds the algorithms of a key set.
func (c *conversion) keyAlgorithms(made *branch, n *node) {
	if list := c.asymmetric(n); len(list) > 0 {
		at := made.at("algorithms")
		at.isList, at.list, at.from = true, c.quoted(list), []string{c.paths[n]}
		c.note(n, Converted, "authentication.jwt.jwks.algorithms", "")
	}
}

// keyHeaders adds the headers of requests for a key set, a list of {name, value}.
func (c *conversion) keyHeaders(made *branch, n *node) {
	if n == nil {
		return
	}
	for _, item := range n.children {
		name, value := item.value("name"), item.value("value")
		if name == "" || !c.expandable(item, name, value) {
			continue
		}
		at := made.at("headers", name)
		at.text, at.from = c.quote(value), []string{c.paths[item]}
		c.note(item, Converted, "authentication.jwt.jwks.headers", "")
	}
}
