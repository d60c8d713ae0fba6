package convert

import (
	"cmp"
	"slices"
)

// cosmoContext has the fields of the context of Cosmo Router that are keys of an operation.
var cosmoContext = map[string]string{"operation_name": "name", "operation_type": "type", "operation_sha256": "hash"}

// cosmoAttribute defines an attribute of Cosmo Router, and returns its name.
func (c *conversion) cosmoAttribute(n *node) (name string, ok bool) {
	name = n.value("key")
	from, fixed := n.get("value_from"), n.get("default")
	s, source := selected{}, from
	switch {
	case from.value("request_header") != "":
		s = selected{"request_header", from.value("request_header")}
	case from.value("response_header") != "":
		s = selected{"response_header", from.value("response_header")}
	case cosmoContext[from.value("context_field")] != "":
		s = selected{"operation", cosmoContext[from.value("context_field")]}
	case claimExpression.MatchString(from.value("expression")):
		found := claimExpression.FindStringSubmatch(from.value("expression"))
		s = selected{"claim", cmp.Or(found[1], found[2])}
	case from == nil && fixed.text() != "":
		s, source, fixed = selected{"static", fixed.text()}, fixed, nil
	}
	path := []string{"telemetry", "attributes", name}
	at := func(key string) []string { return append(slices.Clone(path), key) }
	if s.from == "" || !attributeName.MatchString(name) {
		c.spare(n, "attributes are headers, claims of the token, fixed values, and the name, type and hash of the operation")
		n.settled = true
		return "", false
	}
	if here := c.out.at(path...); !here.empty() && (here.at("from").text != s.from || here.at("key").text != c.quote(s.key)) {
		c.spare(n, "telemetry.attributes.%s is another attribute: choose another name", name)
		n.settled = true
		return "", false
	}
	c.fallback(s.from, at("from")...)
	c.set(source, c.quote(s.key), at("key")...)
	if fixed.text() != "" {
		c.copy(fixed, asText, at("default")...)
	}
	c.others(n, "an attribute has no other settings", "key", "default", "value_from")
	if from == nil {
		return name, c.out.has(at("key")...)
	}
	c.others(from, "an attribute has one source", "request_header", "response_header", "context_field", "expression")
	return name, c.out.has(at("key")...)
}

// cosmoAttributes converts attributes of the span of a request.
func cosmoAttributes(c *conversion, n *node, _ []string) {
	for _, item := range n.children {
		name, ok := c.cosmoAttribute(item)
		at := c.out.at("telemetry", "span_attributes")
		if ok && !slices.Contains(at.list, c.quote(name)) {
			at.isList, at.list = true, append(at.list, c.quote(name))
		}
	}
}

// cosmoLabels converts attributes of the metrics of requests.
func cosmoLabels(c *conversion, n *node, _ []string) {
	var names []string
	for _, item := range n.children {
		if name, ok := c.cosmoAttribute(item); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		c.instrument("router.request.duration", "histogram", "duration", names)
		c.note(n, Changed, "telemetry.instruments", "the metric with these attributes is router_request_duration_seconds")
	}
}
