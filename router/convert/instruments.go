package convert

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What is said about several keys.
const (
	attributesOnly = "request and response headers, values of the context, static values, the name, hash and kind of the operation, the status, and whether there are errors"
	logLine        = "a line of the access log when the request has ended, without headers and bodies: name fields and attributes in telemetry.access_log"
	fixedSpans     = "spans of requests to subgraphs have fixed attributes (docs/metrics.md)"
)

// standardAttributes are those that spans and the metrics of requests have anyway.
var standardAttributes = map[string]bool{
	"http.request.method": true, "http.response.status_code": true, "http.route": true, "url.path": true, "client.address": true,
	"graphql.operation.name": true, "graphql.operation.type": true, "subgraph.name": true, "subgraph.graphql.operation.name": true, "server.address": true, "trace_id": true,
}

var attributeName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]{0,99}$`)

// A selected value is what a selector of Apollo Router selects.
type selected struct{ from, key string }

// selector returns what a selector selects, and its default. It does not know all.
func (c *conversion) selector(n *node) (s selected, fallback *node, ok bool) {
	if text, scalar := n.scalar(); scalar && n.isString {
		return selected{"static", text}, nil, true
	}
	for _, child := range n.children {
		var one selected
		switch text := child.text(); strings.TrimPrefix(child.key, "supergraph_") {
		case "default":
			fallback = child
			continue
		case "request_header":
			one = selected{"request_header", text}
		case "response_header":
			one = selected{"response_header", text}
		case "static":
			one = selected{"static", text}
		case "request_context", "response_context":
			one = selected{"context", text}
			if key, ofOperation := contextOfOperation[text]; ofOperation {
				one = selected{"operation", key}
			}
		case "operation_name", "operation_kind", "response_status", "on_graphql_error":
			key, known := operationSelectors[strings.TrimPrefix(child.key, "supergraph_")+" "+text]
			if !known {
				return s, nil, false
			}
			one = selected{"operation", key}
		default:
			return s, nil, false
		}
		if s.from != "" || one.key == "" || one.key == apolloClaims {
			return s, nil, false
		}
		s = one
	}
	return s, fallback, s.from != ""
}

var (
	contextOfOperation = map[string]string{"apollo::supergraph::operation_name": "name", "apollo::supergraph::operation_kind": "type", "operation_name": "name", "operation_kind": "type"}
	operationSelectors = map[string]string{
		"operation_name string": "name", "operation_name hash": "hash", "operation_kind string": "type", "response_status code": "status", "on_graphql_error true": "errors",
	}
)

// attribute defines an attribute with a name. It reports false, and why, if it cannot.
func (c *conversion) attribute(n *node, name string) bool {
	s, fallback, ok := c.selector(n)
	if !ok || !attributeName.MatchString(name) {
		c.spare(n, "attributes are %s", attributesOnly)
		return false
	}
	path := []string{"telemetry", "attributes", name}
	key := append(slices.Clone(path), "key")
	if at := c.out.at(path...); !at.empty() && (at.at("from").text != s.from || at.at("key").text != c.quote(s.key)) {
		c.spare(n, "telemetry.attributes.%s is another attribute: choose another name", name)
		return false
	}
	c.fallback(s.from, append(slices.Clone(path), "from")...)
	c.set(n, c.quote(s.key), key...)
	if fallback != nil {
		c.copy(fallback, asText, append(slices.Clone(path), "default")...)
	}
	return c.out.has(key...)
}

// attributes defines the attributes below a node, and returns the names of those of its own.
func (c *conversion) attributes(n *node) (names []string) {
	if n == nil {
		return nil
	}
	for _, child := range n.children {
		switch on := child.is("true"); {
		case child.isNull:
		case child.key == "graphql.document" && (on || child.is("false")):
			c.copy(child, plain, "telemetry", "document")
		case on && standardAttributes[child.key]:
			c.note(child, Converted, "", "it is always there")
		case on:
			c.spare(child, "there is no such attribute")
		case child.is("false") && standardAttributes[child.key]:
			c.note(child, Changed, "", "it is always there")
		case child.is("false"):
			c.note(child, Converted, "", "there is no such attribute")
		case c.attribute(child, child.key):
			names = append(names, child.key)
		}
	}
	return names
}

// spanAttributes converts attributes of the span of a request.
func spanAttributes(c *conversion, n *node, _ []string) {
	for _, name := range c.attributes(n) {
		at := c.out.at("telemetry", "span_attributes")
		at.isList = true
		if !slices.Contains(at.list, c.quote(name)) {
			at.list = append(at.list, c.quote(name))
		}
	}
}

// standardOnly converts attributes of which there are no others than the standard ones.
func standardOnly(why string) conversionFunc {
	return func(c *conversion, n *node, _ []string) {
		for _, child := range n.children {
			if child.isNull || (child.is("true") || child.is("false")) && standardAttributes[child.key] {
				c.note(child, Converted, "", "it is always there")
				continue
			}
			minor(noneUnless(why, never)).convert(c, child, nil)
		}
	}
}

// instruments converts metrics of requests.
func instruments(c *conversion, n *node, _ []string) {
	for _, child := range n.children {
		switch {
		case child.key == "http.server.request.duration" && child.isMap:
			if names := c.attributes(child.get("attributes")); len(names) > 0 {
				c.instrument("router.request.duration", "histogram", "duration", names)
				c.note(child, Changed, "telemetry.instruments", "the metric with these attributes is router_request_duration_seconds, besides http_server_request_duration_seconds")
			}
			c.others(child, fixedMetrics, "attributes")
		case child.key == "http.server.request.duration" || child.key == "http.server.active_requests":
			c.note(child, Converted, "", "it is always measured")
			child.settled = true
		case child.is("false"):
			c.note(child, Converted, "", "it is not enabled")
		case child.isMap && (child.get("type") != nil || child.get("value") != nil):
			c.ownInstrument(child)
		default:
			minor(noneUnless(fixedMetrics, never)).convert(c, child, nil)
		}
	}
}

func (c *conversion) instrument(name, kind, measure string, attributes []string) {
	at := c.out.at("telemetry", "instruments", name)
	at.at("type").text, at.at("measure").text = kind, measure
	for _, attribute := range attributes {
		list := at.at("attributes")
		list.isList, list.list = true, append(list.list, c.quote(attribute))
	}
}

// ownInstrument converts a counter or a histogram of requests or their durations.
func (c *conversion) ownInstrument(n *node) {
	kind, value := n.value("type"), n.value("value")
	measure := map[string]string{"unit": "operations", "duration": "duration"}[value]
	if kind != "counter" && kind != "histogram" || measure == "" || !attributeName.MatchString(n.key) {
		c.spare(n, "telemetry.instruments has counters and histograms of operations, durations, errors, fetches and costs")
		n.settled = true
		return
	}
	conditions, ok := c.conditions(n.get("condition"))
	if !ok {
		c.spare(n.get("condition"), "telemetry.instruments.NAME.conditions compare attributes; there is no instrument without its condition")
		n.settled = true
		return
	}
	c.instrument(n.key, kind, measure, c.attributes(n.get("attributes")))
	at := c.out.at("telemetry", "instruments", n.key)
	if d := n.get("description"); d != nil {
		c.copy(d, asText, "telemetry", "instruments", n.key, "description")
	}
	if len(conditions) > 0 {
		at.at("conditions").isList, at.at("conditions").items = true, conditions
	}
	c.note(n, Converted, "telemetry.instruments", "")
	if unit := n.get("unit"); unit != nil {
		unit.read = true // the name says it
	}
	c.others(n, fixedMetrics, "type", "value", "unit", "description", "attributes", "condition")
}

// conditions converts a condition to some that must all hold.
func (c *conversion) conditions(n *node) (list []*branch, ok bool) {
	if n == nil || n.isNull {
		return nil, true
	}
	for _, child := range n.children {
		switch child.key {
		case "all":
			for _, one := range child.children {
				more, ok := c.conditions(one)
				if !ok {
					return nil, false
				}
				list = append(list, more...)
			}
		case "not":
			inner, ok := c.conditions(child)
			if !ok || len(inner) != 1 {
				return nil, false
			}
			if inner[0].has("not") {
				inner[0].remove("not")
			} else {
				inner[0].at("not").text = "true"
			}
			list = append(list, inner[0])
		case "exists":
			made, ok := c.condition(child)
			if !ok {
				return nil, false
			}
			list = append(list, made)
		case "eq":
			made, ok := c.equality(child)
			if !ok {
				return nil, false
			}
			list = append(list, made)
		default:
			return nil, false
		}
	}
	return list, len(list) > 0
}

// equality converts a comparison of a selector with a value, in any order.
func (c *conversion) equality(n *node) (*branch, bool) {
	if len(n.children) != 2 {
		return nil, false
	}
	by, value := n.children[0], n.children[1]
	if !by.isMap {
		by, value = value, by
	}
	text, scalar := value.scalar()
	if !scalar || text == "" || !by.isMap {
		return nil, false
	}
	made, ok := c.condition(by)
	if ok {
		made.at("equals").text = c.quote(text)
	}
	return made, ok
}

var notInName = regexp.MustCompile(`[^a-zA-Z0-9_.-]+`)

// condition returns a condition on what a selector selects, for which it defines an attribute.
func (c *conversion) condition(by *node) (*branch, bool) {
	s, _, ok := c.selector(by)
	if !ok {
		return nil, false
	}
	name := notInName.ReplaceAllString(fmt.Sprintf("%s.%s", s.from, strings.ToLower(s.key)), "_")
	if !c.attribute(by, name) {
		return nil, false
	}
	made := newBranch()
	made.at("attribute").text = c.quote(name)
	return made, true
}

// events converts log records about requests to lines of the access log.
func events(c *conversion, n *node, _ []string) {
	for _, child := range n.children {
		level := child.text()
		if child.isMap {
			level = child.value("level")
		}
		switch {
		case level == "off" || child.isNull || child.is("false"):
			c.note(child, Converted, "", "it is not enabled")
			child.settled = true
		case child.key != "request" && child.key != "response" && child.key != "error":
			minor(noneUnless("events are not logged; "+useHook, never)).convert(c, child, nil)
		default:
			c.accessLog(child, child.get("condition"))
			c.others(child, logLine, "level", "condition")
		}
	}
}

// accessLog converts a log record to the access log, under a condition.
func (c *conversion) accessLog(n, condition *node) {
	conditions, ok := c.conditions(condition)
	if !ok {
		c.spare(n, "telemetry.access_log.conditions compare attributes")
		return
	}
	c.logWhen(n, conditions)
}

// logWhen turns the access log on for requests for which conditions hold.
func (c *conversion) logWhen(n *node, conditions []*branch) {
	at := c.out.at("telemetry", "access_log", "conditions")
	if c.out.has("telemetry", "access_log", "enabled") && !sameConditions(at.items, conditions) {
		c.spare(n, "telemetry.access_log.conditions is already set: the access log has one list of conditions, which must all hold")
		return
	}
	if len(conditions) > 0 {
		at.isList, at.items = true, conditions
	}
	c.fallback("true", "telemetry", "access_log", "enabled")
	c.note(n, Changed, "telemetry.access_log", "%s", logLine)
}

func sameConditions(a, b []*branch) bool {
	text := func(list []*branch) string {
		out := &writer{}
		for _, item := range list {
			item.write(out, "")
			out.print("-\n")
		}
		return out.String()
	}
	return text(a) == text(b)
}

// whenHeader converts the log of requests with a header, of which there may be one.
func whenHeader(c *conversion, n *node, _ []string) {
	for _, item := range n.children {
		header := item.get("name")
		name := notInName.ReplaceAllString("request_header."+strings.ToLower(header.text()), "_")
		if header.text() == "" || !attributeName.MatchString(name) {
			c.spare(item, "telemetry.access_log.conditions compare attributes")
			continue
		}
		made := newBranch()
		made.at("attribute").text = c.quote(name)
		if value := item.get("value"); value != nil {
			made.at("equals").text = c.quote(value.text())
		}
		if pattern := item.get("match"); pattern != nil {
			made.at("matches").text = c.quote(partOf(pattern.text()))
		}
		c.fallback("request_header", "telemetry", "attributes", name, "from")
		c.set(header, c.quote(header.text()), "telemetry", "attributes", name, "key")
		c.logWhen(item, []*branch{made})
		item.settled = true
	}
}

// partOf returns a pattern for a whole text that has a part that another pattern matches.
func partOf(pattern string) string {
	begins, ends := strings.HasPrefix(pattern, "^"), strings.HasSuffix(pattern, "$")
	pattern = "(?:" + strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$") + ")"
	if !begins {
		pattern = "(?s:.*)" + pattern
	}
	if !ends {
		pattern += "(?s:.*)"
	}
	return pattern
}

// subgraphInstruments converts metrics of requests to subgraphs, of which the duration is measured.
func subgraphInstruments(c *conversion, n *node, _ []string) {
	for _, child := range n.children {
		switch {
		case child.key == "http.client.request.duration" && child.isMap:
			if attributes := child.get("attributes"); attributes != nil {
				standardOnly(fixedMetrics)(c, attributes, nil)
			}
			c.others(child, fixedMetrics, "attributes")
		case child.key == "http.client.request.duration":
			c.note(child, Converted, "", "it is always measured")
			child.settled = true
		case child.is("false"):
			c.note(child, Converted, "", "it is not enabled")
		default:
			minor(noneUnless(fixedMetrics, never)).convert(c, child, nil)
		}
	}
}
