package convert

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// headerRules are the rules of Apollo and Hive for headers.
func headerRules() table {
	return table{
		"all.request":          headerList("headers.all"),
		"all.response":         responseHeaders("headers.all"),
		"subgraphs.*.request":  headerList("headers.subgraphs.*"),
		"subgraphs.*.response": responseHeaders("headers.subgraphs.*"),
		"connector":            none("connectors are not supported"),
	}
}

const useHeaderHook = "use a hook or a coprocessor (docs/extending.md)"

const (
	orderOfHeaders = "rules for propagation, removal and fixed values apply in this order"
	mergedHeaders  = "single headers, with first, last or append"
)

// headerKeys are the keys for the headers of subgraphs' requests.
func headerKeys(below string) []string {
	var keys []string
	for _, key := range []string{"propagate", "propagate_matching", "rename", "defaults", "remove", "remove_matching", "set", "set_from_claims", "set_from_context"} {
		keys = append(keys, below+"."+key)
	}
	return keys
}

// headerList converts a list of rules such as {propagate: {named: Authorization}}.
func headerList(below string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		var before headerOrder
		for _, item := range n.children {
			for _, op := range item.children {
				c.headerRule(op, op.key, fill(below, names))
				c.order(&before, op, op.key)
			}
		}
	}, orderOfHeaders, headerKeys(below)...)
}

// headerRule converts a rule of a kind: propagate, remove or insert.
func (c *conversion) headerRule(op *node, kind string, below []string) {
	at := func(key string) []string { return append(append([]string{}, below...), key) }
	name, pattern := op.get("named"), op.get("matching")
	switch {
	case kind == "propagate" && name != nil && pattern == nil:
		c.propagate(op, name.texts(), at)
	case op.get("negate_match").is("true"):
		c.note(op, None, "", "patterns select the headers that match: name those in headers.*.%s", kind)
		c.notes[len(c.notes)-1].Protection = true
	case kind == "remove" && name != nil && pattern == nil:
		c.add(op, c.quoted(name.texts()), at("remove")...)
		c.others(op, useHeaderHook, "op", "named")
	case (kind == "propagate" || kind == "remove") && pattern != nil && name == nil:
		c.headerPattern(op, kind, at)
	case (kind == "insert" || kind == "set") && op.value("name") != "" && op.get("value").isScalar():
		c.set(op, c.quote(op.value("value")), append(at("set"), http.CanonicalHeaderKey(op.value("name")))...)
		c.others(op, useHeaderHook, "op", "name", "value")
	case kind == "insert" || kind == "set":
		c.computedHeader(op, at)
	default:
		c.note(op, Unknown, "", "headers.all has the rules of this router")
	}
}

// claimExpression matches an expression of Cosmo that is a claim.
var claimExpression = regexp.MustCompile(`^request\.auth\.claims(?:\.([A-Za-z_][A-Za-z0-9_.]*)|\[["']([^"'.\]]+)["']\])$`)

// apolloClaims is the key of the claims in the context of Apollo Router.
const apolloClaims = "apollo::authentication::jwt_claims"

// contextValues are the keys of the context of Apollo Router that this router sets, too.
var contextValues = map[string]bool{"apollo::supergraph::operation_name": true, "apollo::supergraph::operation_kind": true}

// contextHeaders are the keys of the context of Apollo Router with the value of a header of the
// client, and that header, unless telemetry.apollo names another one.
var contextHeaders = map[string]string{
	"apollo::telemetry::client_name": "apollographql-client-name", "apollo::telemetry::client_version": "apollographql-client-version",
	"apollo_telemetry::client_name": "apollographql-client-name", "apollo_telemetry::client_version": "apollographql-client-version", // of version 1
}

// clientHeader returns the header of the client that a key of the context has the value of.
func (c *conversion) clientHeader(key string) string {
	setting := key[strings.LastIndexByte(key, ':')+1:] + "_header"
	if name := c.root.get("telemetry").get("apollo").value(setting); name != "" {
		return name
	}
	return contextHeaders[key]
}

// computedHeader converts a rule that sets a header to a claim, or to a value of the request
// context.
func (c *conversion) computedHeader(op *node, at func(string) []string) {
	name := op.value("name")
	from, context := op.get("expression"), op.get("from_context")
	switch claim := claimExpression.FindStringSubmatch(strings.TrimSpace(op.value("expression"))); {
	case name != "" && from.isScalar() && claim != nil:
		c.set(from, c.quote(claim[1]+claim[2]), append(at("set_from_claims"), http.CanonicalHeaderKey(name))...)
		c.others(op, useHeaderHook, "op", "name", "expression")
	case name != "" && contextHeaders[context.text()] != "":
		c.set(context, c.quote(name), append(at("rename"), c.clientHeader(context.text()))...)
		c.others(op, useHeaderHook, "op", "name", "from_context")
	case name != "" && context.text() == apolloClaims:
		c.note(op, None, "", "Apollo Router does not insert this value, which is no string: name a claim in headers.*.set_from_claims")
	case name != "" && context.isScalar() && !context.isNull && (!strings.HasPrefix(context.text(), "apollo::") || contextValues[context.text()]):
		c.set(context, c.quote(context.text()), append(at("set_from_context"), http.CanonicalHeaderKey(name))...)
		c.others(op, useHeaderHook, "op", "name", "from_context")
	default:
		c.note(op, None, "", "headers.*.set has fixed values, headers.*.set_from_claims claims, and headers.*.set_from_context values of the request context; otherwise %s", useHeaderHook)
	}
}

// propagate converts a rule for single headers, which may rename one or have a default.
func (c *conversion) propagate(op *node, names []string, at func(string) []string) {
	to := names
	rename := op.value("rename")
	if rename != "" && len(names) != 1 {
		c.note(op, None, "", "headers.*.rename renames single headers: list each")
		return
	}
	if rename != "" {
		to = []string{rename}
		c.set(op.get("rename"), c.quote(rename), append(at("rename"), names[0])...)
		c.note(op, Converted, strings.Join(at("rename"), "."), "")
	} else {
		c.add(op, c.quoted(names), at("propagate")...)
	}
	if op.get("default").isScalar() && len(to) == 1 {
		c.set(op.get("default"), c.quote(op.value("default")), append(at("defaults"), to[0])...)
	}
	c.others(op, useHeaderHook, "op", "named", "rename", "default")
}

var plainPattern = regexp.MustCompile(`^(?:\(\?i\))?\^?([A-Za-z0-9-]+)\$?$`)

// headerPattern converts a pattern. One that only one name matches becomes the name. A pattern of
// the others matches a part of a name; one of this router, a whole name.
func (c *conversion) headerPattern(op *node, kind string, at func(string) []string) {
	var headers, patterns []string
	for _, pattern := range op.get("matching").texts() {
		switch match := plainPattern.FindStringSubmatch(pattern); {
		case match != nil && strings.Contains(pattern, "^") && strings.HasSuffix(pattern, "$"):
			headers = append(headers, match[1])
		default:
			whole := wholePattern(pattern)
			if _, err := regexp.Compile(whole); err != nil {
				c.note(op, None, "", "%q is no regular expression of RE2: name the headers in headers.*.%s", pattern, kind)
				c.notes[len(c.notes)-1].Protection = kind == "remove"
				return
			}
			patterns = append(patterns, whole)
		}
	}
	if len(headers) > 0 {
		c.add(op, c.quoted(headers), at(kind)...)
	}
	if len(patterns) > 0 {
		c.add(op, c.quoted(patterns), at(kind+"_matching")...)
	}
	for _, excluded := range op.get("exclude").texts() {
		whole := wholePattern(excluded)
		if kind != "propagate" {
			c.note(op.get("exclude"), None, "", "all headers that match are removed: name those to remove in headers.*.remove")
			continue
		}
		if _, err := regexp.Compile(whole); err != nil {
			c.note(op.get("exclude"), None, "", "%q is no regular expression of RE2: name the headers in headers.*.remove", excluded)
			c.notes[len(c.notes)-1].Protection = true
			continue
		}
		c.add(op.get("exclude"), c.quoted([]string{whole}), at("remove_matching")...)
		c.note(op.get("exclude"), Changed, "headers.*.remove_matching", "the headers are removed also if another rule forwards them")
	}
	c.others(op, useHeaderHook, "op", "matching", "negate_match", "exclude")
}

// headerOrder has the rules that were converted, by their turn in this router: propagate, remove,
// set.
type headerOrder [3][]headerTarget

// A headerTarget is what a rule is about: names and patterns.
type headerTarget struct {
	names    []string
	patterns []*regexp.Regexp
}

var headerTurns = map[string]int{"propagate": 0, "remove": 1, "insert": 2, "set": 2}

// order reports a rule that concerns the header of an earlier one whose turn here is later: the
// result would differ.
func (c *conversion) order(before *headerOrder, op *node, kind string) {
	turn, known := headerTurns[kind]
	if !known {
		return
	}
	var t headerTarget
	for _, key := range []string{"named", "name", "rename"} {
		t.names = append(t.names, op.get(key).texts()...)
	}
	for _, pattern := range op.get("matching").texts() {
		if compiled, err := regexp.Compile("(?i)" + pattern); err == nil {
			t.patterns = append(t.patterns, compiled)
		}
	}
	for later := turn + 1; later < len(before); later++ {
		if slices.ContainsFunc(before[later], t.overlaps) {
			c.note(op, None, "", "it follows a rule for the same header, but propagate, remove and set apply in this order here: check what the subgraph is to get")
			c.notes[len(c.notes)-1].Protection = true
			break
		}
	}
	before[turn] = append(before[turn], t)
}

// overlaps reports whether two rules may concern the same header.
func (t headerTarget) overlaps(other headerTarget) bool {
	if len(t.patterns) > 0 && len(other.patterns) > 0 {
		return true
	}
	return t.hits(other.names) || other.hits(t.names)
}

func (t headerTarget) hits(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(t.names, func(own string) bool { return strings.EqualFold(own, name) }) ||
			slices.ContainsFunc(t.patterns, func(p *regexp.Regexp) bool { return p.MatchString(name) })
	})
}

// wholePattern returns the pattern of whole names that has the matches of a pattern of parts.
func wholePattern(pattern string) string {
	pattern = strings.TrimPrefix(pattern, "(?i)") // as all patterns here
	if strings.Contains(pattern, "|") {
		return ".*(?:" + pattern + ").*"
	}
	whole, begins := strings.CutPrefix(pattern, "^")
	if !begins && !strings.HasPrefix(whole, ".*") {
		whole = ".*" + whole
	}
	whole, ends := strings.CutSuffix(whole, "$")
	if !ends && !strings.HasSuffix(whole, ".*") {
		whole += ".*"
	}
	return whole
}

// responseHeaders converts the rules for the headers of subgraphs' responses.
func responseHeaders(below string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		for _, item := range n.children {
			for _, op := range item.children {
				c.responseHeader(op, op.key, fill(below, names))
			}
		}
	}, mergedHeaders, below+".return")
}

// merging maps how others merge the values of several responses.
var merging = map[string]string{"": "first", "first": "first", "first_write": "first", "last": "last", "last_write": "last", "append": "append"}

func (c *conversion) responseHeader(op *node, kind string, below []string) {
	merge := merging[op.value("algorithm")]
	if kind != "propagate" || op.get("named") == nil || merge == "" {
		c.note(op, None, "", "only single headers of subgraphs reach clients (headers.*.return: first, last or append); Cache-Control is computed. Otherwise %s", useHeaderHook)
		return
	}
	for _, name := range op.get("named").texts() {
		c.set(op, c.quote(merge), append(append([]string{}, below...), "return", name)...)
	}
	if op.get("default").isScalar() {
		c.note(op.get("default"), None, "", "a client gets only headers that a subgraph has sent")
	}
	c.others(op, useHeaderHook, "op", "named", "algorithm", "default")
}

func (c *conversion) quoted(texts []string) []string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = c.quote(text)
	}
	return list
}
