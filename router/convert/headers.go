package convert

import "regexp"

// patternAdvice is about headers that a pattern selects.
const patternAdvice = "a pattern would also select headers that nobody thought of: name the headers in headers.*.%s"

// headerRules are the rules of Apollo and Hive for the headers of subgraphs.
func headerRules() table {
	return table{
		"all.request":          headerList("headers.all"),
		"all.response":         none("response headers of subgraphs do not reach clients; a coprocessor or a hook can add headers (docs/extending.md)"),
		"subgraphs.*.request":  headerList("headers.subgraphs.*"),
		"subgraphs.*.response": none("response headers of subgraphs do not reach clients; a coprocessor or a hook can add headers (docs/extending.md)"),
		"connector":            none("connectors are not supported"),
	}
}

// headerList converts a list of rules such as {propagate: {named: Authorization}}.
func headerList(below string) rule {
	return func(c *conversion, n *node, names []string) {
		for _, item := range n.children {
			for _, op := range item.children {
				c.headerRule(op, fill(below, names))
			}
		}
	}
}

func (c *conversion) headerRule(op *node, below []string) {
	at := func(key string) []string { return append(append([]string{}, below...), key) }
	const moved = "use a hook or a coprocessor (docs/extending.md)"
	name := op.get("named")
	switch {
	case op.key == "propagate" && name != nil && op.get("matching") == nil:
		c.add(op, c.quoted(name.texts()), at("propagate")...)
		c.others(op, moved, "named")
	case op.key == "remove" && name != nil && op.get("matching") == nil:
		c.add(op, c.quoted(name.texts()), at("remove")...)
		c.others(op, moved, "named")
	case (op.key == "propagate" || op.key == "remove") && op.get("matching") != nil:
		c.headerPattern(op, at(op.key))
	case op.key == "insert" && op.value("name") != "" && op.get("value").isScalar():
		c.set(op, c.quote(op.value("value")), append(at("set"), op.value("name"))...)
		c.others(op, moved, "name", "value")
	case op.key == "insert":
		c.note(op, None, "", "only fixed values can be set with headers.*.set; %s", moved)
	default:
		c.note(op, Unknown, "", "headers.all.propagate, remove and set are the rules of this router")
	}
}

var plainPattern = regexp.MustCompile(`^(?:\(\?i\))?\^?([A-Za-z0-9-]+)\$?$`)

// headerPattern converts a pattern that only one name matches.
func (c *conversion) headerPattern(op *node, path []string) {
	var headers []string
	for _, pattern := range op.get("matching").texts() {
		match := plainPattern.FindStringSubmatch(pattern)
		if match == nil {
			c.note(op, None, "", patternAdvice, path[len(path)-1])
			c.notes[len(c.notes)-1].Protection = path[len(path)-1] == "remove"
			return
		}
		headers = append(headers, match[1])
	}
	c.add(op, c.quoted(headers), path...)
}

func (c *conversion) quoted(texts []string) []string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = c.quote(text)
	}
	return list
}
