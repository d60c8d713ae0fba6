package convert

import "cmp"

// traceIDHeader converts the response header with the ID of the trace, which has a name unless the
// input says otherwise.
func traceIDHeader(name string) conversionFunc {
	formats := words(map[string]string{
		"hexadecimal": "hexadecimal", "open_telemetry": "hexadecimal", "decimal": "decimal", "datadog": "datadog", "uuid": "uuid",
	})
	return func(c *conversion, n *node, _ []string) {
		if !n.get("enabled").is("true") {
			c.note(n, Converted, "", "it is not enabled")
			return
		}
		header := cmp.Or(n.get("header_name"), n)
		c.set(header, c.quote(cmp.Or(n.value("header_name"), name)), "telemetry", "trace_id_header", "name")
		if format := n.get("format"); format != nil {
			c.copy(format, formats, "telemetry", "trace_id_header", "format")
		}
		n.get("enabled").read = true
		c.others(n, "see telemetry.trace_id_header in docs/router.yaml", "enabled", "header_name", "format")
	}
}
