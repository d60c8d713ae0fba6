package convert

import (
	"maps"
	"strings"
)

func apolloTelemetry() table {
	ownAttributes := custom(spanAttributes, attributesOnly, "telemetry.span_attributes", "telemetry.attributes", "telemetry.document")
	ownInstruments := custom(instruments, "counters and histograms of operations and durations, by "+attributesOnly, "telemetry.instruments", "telemetry.attributes", "telemetry.document")
	t := table{
		"apollo":                  none(noCloud),
		"instrumentation.*":       none(fixedMetrics),
		"instrumentation.spans.*": none(fixedMetrics),
		"instrumentation.spans.default_attribute_requirement_level": same("spans have the attributes of the specification"),
		"instrumentation.spans.router.attributes":                   ownAttributes,
		"instrumentation.spans.supergraph.attributes":               ownAttributes,
		"instrumentation.spans.subgraph.attributes":                 custom(standardOnly(fixedSpans), fixedSpans),
		"instrumentation.instruments.default_requirement_level":     same("metrics have fixed labels, and instruments their attributes"),
		"instrumentation.instruments.router":                        ownInstruments,
		"instrumentation.instruments.supergraph":                    ownInstruments,
		"instrumentation.instruments.subgraph":                      custom(subgraphInstruments, "`souk_router_subgraph_request_duration_seconds` is always measured, by subgraph; others are not"),
		"instrumentation.instruments.*":                             none(fixedMetrics),
		"instrumentation.events.router":                             custom(events, logLine, "telemetry.access_log", "telemetry.attributes"),
		"instrumentation.events.supergraph":                         custom(events, logLine, "telemetry.access_log", "telemetry.attributes"),
		"instrumentation.events.*":                                  none("requests to subgraphs are not logged; their errors are (telemetry.subgraph_errors)"),
		"instrumentation.spans.mode":                                unless("spec_compliant", "spans have the attributes of the specification (docs/metrics.md)"),
		"exporters.logging.common":                                  none("logs go to standard error; log.level and log.format configure them"),
		"exporters.logging.stdout.enabled":                          unless("true", "logs are always written, to standard error"),
		"exporters.logging.stdout.format":                           custom(logFormat, "json or text; the fields are fixed", "log.format"),
		"exporters.logging.stdout.tty_format":                       none("log.format applies to terminals, too"),
		"exporters.logging.stdout.rate_limit":                       none("logs are not limited; log.level is"),
		"exporters.metrics.common.service_name":                     to("telemetry.service_name"),
		"exporters.metrics.common.buckets":                          custom(buckets, "durations, such as 100ms", "telemetry.duration_buckets"),
		"exporters.metrics.common.resource":                         none("set OTEL_RESOURCE_ATTRIBUTES"),
		"exporters.metrics.common.service_namespace":                none("set OTEL_RESOURCE_ATTRIBUTES"),
		"exporters.metrics.common.views":                            none(fixedMetrics),
		"exporters.metrics.otlp":                                    none("set OTEL_METRICS_EXPORTER=otlp, and OTEL_EXPORTER_OTLP_ENDPOINT"),
		"exporters.metrics.prometheus.enabled":                      to("telemetry.metrics"),
		"exporters.metrics.prometheus.listen":                       changed(to("admin.listen"), "the admin port serves metrics and health checks"),
		"exporters.metrics.prometheus.path":                         to("telemetry.metrics_path"),
		"exporters.metrics.prometheus.resource_selector":            none(fixedMetrics),
		"exporters.tracing.common.service_name":                     to("telemetry.service_name"),
		"exporters.tracing.common.sampler":                          none("set OTEL_TRACES_SAMPLER=parentbased_traceidratio and OTEL_TRACES_SAMPLER_ARG"),
		"exporters.tracing.common.parent_based_sampler":             unless("true", "set OTEL_TRACES_SAMPLER"),
		"exporters.tracing.common.*":                                none(useOTLP),
		"exporters.tracing.otlp.enabled":                            to("telemetry.traces"),
		"exporters.tracing.otlp.endpoint":                           none("set OTEL_EXPORTER_OTLP_ENDPOINT"),
		"exporters.tracing.otlp.protocol":                           none("set OTEL_EXPORTER_OTLP_PROTOCOL to grpc or http/protobuf"),
		"exporters.tracing.otlp.*":                                  none(useOTLP),
		"exporters.tracing.propagation":                             none("set OTEL_PROPAGATORS, such as tracecontext,baggage,b3"),
		"exporters.tracing.response_trace_id":                       custom(traceIDHeader("apollo-trace-id"), "a request without a trace has no such header", "telemetry.trace_id_header"),
		"exporters.tracing.datadog":                                 none("traces go by OTLP, which the Datadog agent accepts"),
		"exporters.tracing.zipkin":                                  none("traces go by OTLP, which an OpenTelemetry collector sends on"),
		"exporters.tracing.jaeger":                                  none("traces go by OTLP, which Jaeger accepts"),
		"exporters.tracing.experimental_response_trace_id":          custom(traceIDHeader("apollo-trace-id"), "a request without a trace has no such header", "telemetry.trace_id_header"),
		"exporters.logging.experimental_when_header":                custom(whenHeader, logLine, "telemetry.access_log", "telemetry.attributes"),
	}
	// In earlier versions, the exporters of metrics and traces are not below exporters.
	for pattern, r := range maps.Clone(t) {
		former, signal := strings.CutPrefix(pattern, "exporters.")
		if !signal || strings.HasPrefix(former, "logging.") {
			continue
		}
		t[former] = r
		if rest, common := strings.CutPrefix(former, "tracing.common."); common {
			t["tracing.trace_config."+rest] = r
		}
	}
	return t
}

// apolloServer is the block server of the versions before 1.0.
func apolloServer(t table) table {
	former := table{
		"listen": t["supergraph.listen"], "endpoint": t["supergraph.path"], "introspection": t["supergraph.introspection"],
		"landing_page": unless("false", "there is no home page; playground.enabled serves a playground"),
	}
	for pattern, r := range t {
		if strings.HasPrefix(pattern, "cors.") {
			former[pattern] = r
		}
	}
	return former
}
