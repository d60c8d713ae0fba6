package config

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Telemetry configures traces, metrics and logs. The standard OTEL_ environment
// variables configure their export.
type Telemetry struct {
	ServiceName string `yaml:"service_name" desc:"Value of service.name in traces, metrics and logs." empty:"no"`
	Traces      bool   `yaml:"traces" desc:"Export traces if the standard OTEL_ environment variables configure an exporter. false turns them off whatever these say."`
	Document    bool   `yaml:"document" desc:"Record the operation text in traces, with argument values redacted."`
	Metrics     bool   `yaml:"metrics" desc:"Serve Prometheus metrics on the admin port."`
	MetricsPath string `yaml:"metrics_path" desc:"Path of the metrics." format:"path" empty:"no"`

	ClientErrorCodes []string `yaml:"client_error_codes" desc:"Values of extensions.code by which subgraphs say that the client caused an error, besides common ones such as BAD_USER_INPUT, UNAUTHENTICATED, FORBIDDEN and NOT_FOUND. Metrics count operations with only such errors as client_errors, so that they do not count as failures." example:"OUT_OF_STOCK"`

	Buckets                []time.Duration `yaml:"duration_buckets" desc:"Upper bounds of the histograms of durations of requests, operations and subgraph requests, ascending. Include the threshold of a service level objective, so that it can be computed exactly. If empty, those that OpenTelemetry recommends for HTTP: 5ms to 10s."`
	Operations             MetricNames     `yaml:"operation_metrics" desc:"Metrics by the name of the operation."`
	Clients                MetricNames     `yaml:"client_metrics" desc:"Metrics by the name and version of the client, from the headers GraphQL-Client-Name and GraphQL-Client-Version or those with Apollographql-."`
	SubgraphOperationNames bool            `yaml:"subgraph_operation_names" desc:"Name the operations that subgraphs get after the client's: NAME__SUBGRAPH__N, where N is the number of the fetch in the query plan. Subgraphs can tell in traces and metrics which operation they work for. Queries that differ in their names only are not shared by deduplication. An operation without a name has none there, either."`

	TraceIDHeader TraceIDHeader `yaml:"trace_id_header" desc:"Response header with the ID of the trace, so that a client can report which request failed. The trace is that of the client's trace context or, if traces are on, a new one. A request without a trace has no such header. Pages of other origins may read it."`

	Deprecated bool `yaml:"deprecated_use" desc:"Count operations that use deprecated fields, arguments, input fields and enum values, by client."`

	Attributes     map[string]Attribute  `yaml:"attributes" desc:"Values of operations, by name, for spans, instruments and the access log. A value is cut to 256 bytes."`
	SpanAttributes []string              `yaml:"span_attributes" desc:"Names of attributes in telemetry.attributes that the span of a request has." example:"tenant"`
	Instruments    map[string]Instrument `yaml:"instruments" desc:"Metrics of your own, by name. Dots in names are underscores for Prometheus. They count operations: each of a batch and of a WebSocket, and none that is refused before it is read. A subscription counts when it ends."`

	SubgraphErrors SubgraphErrors `yaml:"subgraph_errors" desc:"Log of errors in responses of subgraphs."`
	AccessLog      AccessLog      `yaml:"access_log" desc:"A line on standard output for each request: JSON, without variables or query strings, and without headers but those in attributes."`
	UsageExport    UsageExport    `yaml:"usage_export" desc:"Files with the fields, arguments, input fields and enum values that clients use, for souk schema check --usage."`
	ServerTiming   bool           `yaml:"server_timing" desc:"Add the header Server-Timing to every response: the durations of the stages and of requests to subgraphs. They tell everyone the names of the subgraphs."`
	Deprecations   []Deprecation  `yaml:"deprecations" desc:"Dates of deprecated elements, for the headers Deprecation and Sunset of REST responses. They replace those in the reason of @deprecated, such as \"Use cost. Since 2026-01-15. Sunset 2027-01-15.\""`
}

// BucketSeconds returns the bounds of histograms in seconds.
func (t *Telemetry) BucketSeconds() []float64 {
	var seconds []float64
	for _, d := range t.Buckets {
		seconds = append(seconds, d.Seconds())
	}
	return seconds
}

// TraceIDHeader configures the response header with the ID of the trace.
type TraceIDHeader struct {
	Name   string `yaml:"name" desc:"Name of the header. If empty, there is none." format:"header" example:"X-Trace-Id"`
	Format string `yaml:"format" desc:"How the ID is written: hexadecimal, 32 digits; uuid, the same with hyphens; decimal; datadog, the lower 64 bits as a decimal number; traceresponse, the version, trace ID, span ID and flags of the W3C header Traceresponse." enum:"hexadecimal,uuid,decimal,datadog,traceresponse"`
}

// MetricNames bounds the values of a label that clients choose.
type MetricNames struct {
	Max   int      `yaml:"max" desc:"How many names have time series of their own: those that occur most, besides those in names. All others count as _other. 0 and no names means no such metric." max:"1000"`
	Names []string `yaml:"names" desc:"Names that have time series of their own in any case." example:"checkout"`
}

// SubgraphErrors configures the log of errors of subgraphs.
type SubgraphErrors struct {
	Log       bool `yaml:"log" desc:"Log errors with the subgraph, code, path and trace ID. The message is that of the subgraph."`
	PerSecond int  `yaml:"per_second" desc:"Records per second and subgraph. Further errors are counted in the next record." min:"1" max:"1000"`
}

// AccessLog configures the access log.
type AccessLog struct {
	Enabled    bool        `yaml:"enabled" desc:"Write the access log."`
	Sample     float64     `yaml:"sample" desc:"Ratio of requests that are logged. Requests with errors are always logged." max:"1"`
	Fields     []string    `yaml:"fields" desc:"Fields of a line. client_address, user_agent and path (without the query string) may be personal data, so they are not among the defaults." enum:"method,route,path,protocol,status,duration_ms,request_bytes,response_bytes,operation_name,operation_type,operation_hash,carrier,client_name,client_version,client_address,user_agent,cost_estimated,cost_actual,document_cache,entity_cache,fetches,fetch_ms,subgraphs,shared,errors,error_codes,trace_id"`
	Attributes []string    `yaml:"attributes" desc:"Names of attributes in telemetry.attributes that a line has, too." example:"tenant"`
	Conditions []Condition `yaml:"conditions" desc:"Only requests for which all of these hold are logged, also of those with errors."`
}

// UsageExport configures the export of the usage of the schema.
type UsageExport struct {
	Directory string        `yaml:"directory" desc:"Directory of the files. If empty, none are written. Several routers may share it." example:"/var/lib/souk/usage"`
	OTLP      bool          `yaml:"otlp" desc:"Export the usage as log records of OTLP, too, if the OTEL_ environment variables turn logs on. The body of a record is a JSON document like the files."`
	Interval  time.Duration `yaml:"interval" desc:"How often the file is written." min:"1s"`
	Rotate    time.Duration `yaml:"rotate" desc:"How long a file covers. Then another one begins." min:"1m"`
	MaxFiles  int           `yaml:"max_files" desc:"How many files of this router are kept. The oldest are removed. A file has at most 20000 elements and 64 clients." min:"1" max:"10000"`
}

// Enabled reports whether the usage is exported.
func (u UsageExport) Enabled() bool { return u.Directory != "" || u.OTLP }

// A Deprecation has the dates of a deprecated element.
type Deprecation struct {
	Coordinate string `yaml:"coordinate" desc:"The element: a field, such as Product.price, an argument, such as Query.products(limit:), an input field or an enum value." example:"Product.price"`
	Since      string `yaml:"since" desc:"Date from which it is deprecated, such as 2026-01-15." format:"date" example:"2026-01-15"`
	Sunset     string `yaml:"sunset" desc:"Date on which it goes away, such as 2027-01-15." format:"date" example:"2027-01-15"`
}

// ExposeQueryPlan configures who may see plans and timings.
type ExposeQueryPlan struct {
	Enabled bool   `yaml:"enabled" desc:"Allow clients to ask for the query plan and the timings of an operation. They get them in the extensions souk of the response, and in Server-Timing."`
	Header  string `yaml:"header" desc:"Request header that asks for them: true for the response with the plan, dry-run for the plan without execution." format:"header" empty:"no"`
	Token   string `yaml:"token" desc:"Secret that the request must send in the header Souk-Expose-Token, of at least 12 characters. Required if no scope is, except in development mode (dev)." secret:"yes"`
	Scope   string `yaml:"scope" desc:"Scope that allows a caller to see them without the token." example:"router:plan"`
}

func telemetry() Telemetry {
	return Telemetry{
		ServiceName: "souk-router", Traces: true, Metrics: true, MetricsPath: "/metrics", Deprecated: true,
		TraceIDHeader:  TraceIDHeader{Format: "hexadecimal"},
		SubgraphErrors: SubgraphErrors{Log: true, PerSecond: 5},
		AccessLog: AccessLog{Sample: 1, Fields: []string{
			"method", "route", "status", "duration_ms", "request_bytes", "response_bytes", "operation_name", "operation_type", "operation_hash", "carrier",
			"client_name", "client_version", "cost_estimated", "cost_actual", "document_cache", "entity_cache", "fetches", "fetch_ms", "errors", "error_codes", "trace_id",
		}},
		UsageExport: UsageExport{Interval: time.Minute, Rotate: 24 * time.Hour, MaxFiles: 30},
	}
}

// check adds what is wrong with the block.
func (t *Telemetry) check(add addFunc) {
	add(!slices.IsSortedFunc(t.Buckets, func(a, b time.Duration) int {
		if a < b {
			return -1
		}
		return 1 // equal bounds are not ascending either
	}) || len(t.Buckets) > maxBuckets || len(t.Buckets) > 0 && t.Buckets[0] <= 0, "telemetry.duration_buckets",
		fmt.Sprintf("telemetry.duration_buckets must be at most %d durations, each longer than the one before", maxBuckets))
	if name := t.TraceIDHeader.Name; name != "" && http.CanonicalHeaderKey(name) != "Traceresponse" {
		err := checkReturned(name)
		add(err != nil, "telemetry.trace_id_header.name", fmt.Sprintf("telemetry.trace_id_header.name is %s, which has another meaning; name another header, such as X-Trace-Id", name))
	}
	t.checkAttributes(add)
	add(t.AccessLog.Enabled && len(t.AccessLog.Fields) == 0, "telemetry.access_log.fields",
		"telemetry.access_log.fields is empty; name a field, such as status, or set telemetry.access_log.enabled to false", "telemetry.access_log.enabled")
	for i, d := range t.Deprecations {
		key := fmt.Sprintf("telemetry.deprecations[%d]", i)
		typ, member, ok := strings.Cut(d.Coordinate, ".")
		add(d.Coordinate == "", key, key+" has no coordinate")
		add(d.Coordinate != "" && (!ok || typ == "" || member == ""), key+".coordinate", fmt.Sprintf("%s.coordinate is %q; it must be a coordinate, such as Product.price", key, d.Coordinate))
		add(d.Since != "" && d.Sunset != "" && d.Sunset < d.Since, key+".sunset", fmt.Sprintf("%s.sunset is %s, before since, which is %s", key, d.Sunset, d.Since))
	}
}

// maxBuckets bounds the buckets of a histogram.
const maxBuckets = 50

// check adds what is wrong with the block.
func (e *ExposeQueryPlan) check(dev bool, add addFunc) {
	add(e.Enabled && e.Token == "" && e.Scope == "" && !dev, "expose_query_plan.enabled",
		"expose_query_plan.enabled needs expose_query_plan.token, such as ${env.SOUK_PLAN_TOKEN}, or expose_query_plan.scope; only development mode (dev) shows plans to everyone",
		"expose_query_plan.token", "expose_query_plan.scope", "dev")
	if n := len(e.Token); n > 0 {
		add(n < minConsoleToken, "expose_query_plan.token",
			fmt.Sprintf("expose_query_plan.token has %d characters, but needs %d; use a random one, such as the output of openssl rand -hex 16", n, minConsoleToken))
	}
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}
