package convert

import (
	"slices"
	"strings"
	"testing"

	"souk/router/gateway/config"
)

// Attributes, metrics and conditions of Apollo Router are those of this router.
func TestInstrumentationIsConverted(t *testing.T) {
	result, c := convertedFrom(t, "apollo", `
telemetry:
  instrumentation:
    spans:
      mode: spec_compliant
      default_attribute_requirement_level: required
      router:
        attributes:
          http.response.status_code: true
          tenant: {request_header: x-tenant, default: none}
          env: {static: prod}
          user: {request_context: user_id}
      supergraph:
        attributes:
          graphql.operation.name: true
          graphql.document: true
          served: {supergraph_response_header: x-served}
      subgraph: {attributes: {subgraph.name: true}}
    instruments:
      default_requirement_level: required
      router:
        http.server.active_requests: true
        http.server.request.duration:
          attributes:
            http.response.status_code: true
            graphql.operation: {operation_name: string}
            graphql.errors: {on_graphql_error: true}
        acme.request.log:
          value: unit
          type: counter
          unit: request
          description: Wanted requests.
          attributes: {tenant: {request_header: x-tenant, default: none}}
          condition: {all: [{eq: [{request_header: x-wanted}, "yes"]}, {not: {exists: {request_header: x-test}}}]}
      subgraph: {http.client.request.duration: {attributes: {subgraph.name: true}}}
    events:
      router:
        request: {level: info, condition: {eq: ["log", {request_header: x-log-request}]}}
        response: off
`)
	for _, n := range result.Lost() {
		if n.Status != Changed {
			t.Errorf("lost %+v", n)
		}
	}
	x := c.Telemetry
	if !slices.Equal(x.SpanAttributes, []string{"tenant", "env", "user", "served"}) || !x.Document {
		t.Errorf("spans have %v, %v", x.SpanAttributes, x.Document)
	}
	for name, want := range map[string]config.Attribute{
		"tenant": {From: "request_header", Key: "x-tenant", Default: "none"}, "env": {From: "static", Key: "prod"}, "user": {From: "context", Key: "user_id"},
		"served": {From: "response_header", Key: "x-served"}, "graphql.operation": {From: "operation", Key: "name"}, "graphql.errors": {From: "operation", Key: "errors"},
		"request_header.x-wanted": {From: "request_header", Key: "x-wanted"},
	} {
		if got := x.Attributes[name]; got != want {
			t.Errorf("%s is %+v", name, got)
		}
	}
	own := x.Instruments["acme.request.log"]
	if own.Type != "counter" || own.Measure != "operations" || own.Description != "Wanted requests." || !slices.Equal(own.Attributes, []string{"tenant"}) ||
		!slices.Equal(own.Conditions, []config.Condition{{Attribute: "request_header.x-wanted", Equals: "yes"}, {Attribute: "request_header.x-test", Not: true}}) {
		t.Errorf("got %+v", own)
	}
	if got := x.Instruments["router.request.duration"]; got.Measure != "duration" || !slices.Equal(got.Attributes, []string{"graphql.operation", "graphql.errors"}) {
		t.Errorf("got %+v", got)
	}
	if got := x.AccessLog; !got.Enabled || !slices.Equal(got.Conditions, []config.Condition{{Attribute: "request_header.x-log-request", Equals: "log"}}) {
		t.Errorf("got %+v", got)
	}
}

// What cannot be an attribute, an instrument or a condition is reported, and an instrument or a log
// is not converted without its condition.
func TestInstrumentationThatDiffersIsReported(t *testing.T) {
	for input, lost := range map[string]string{
		"spans: {router: {attributes: {a: {response_body: '$.a'}}}}":                                                  "spans.router.attributes.a",
		"spans: {router: {attributes: {a: {env: HOME}}}}":                                                             "spans.router.attributes.a",
		"spans: {router: {attributes: {network.peer.port: true}}}":                                                    "network.peer.port",
		"spans: {router: {attributes: {a: {request_header: x}}}, supergraph: {attributes: {a: {request_header: y}}}}": "spans.supergraph.attributes.a",
		"spans: {subgraph: {attributes: {a: {subgraph_response_header: x}}}}":                                         "spans.subgraph.attributes.a",
		"instruments: {router: {http.server.request.body.size: true}}":                                                "body.size",
		"instruments: {router: {a.b: {type: counter, value: {request_header: x}}}}":                                   "a.b",
		"instruments: {router: {a.b: {type: counter, value: unit, condition: {gt: [{response_status: code}, 299]}}}}": "a.b.condition",
		"instruments: {subgraph: {a.b: {type: counter, value: unit}}}":                                                "a.b",
		"events: {router: {request: {level: info, condition: {any: [{exists: {request_header: x}}]}}}}":               "events.router.request",
		"events: {router: {my.event: {message: a, level: info, on: request}}}":                                        "my.event",
		"events: {router: {request: info, response: {level: info, condition: {exists: {request_header: x}}}}}":        "events.router.response",
		"events: {subgraph: {request: info}}":                                                                         "events.subgraph",
	} {
		result, c := convertedFrom(t, "apollo", "telemetry: {instrumentation: {"+input+"}}")
		if !slices.ContainsFunc(result.Lost(), func(n Note) bool { return n.Status == None && strings.Contains(n.Key, lost) }) {
			t.Errorf("%s: lost %+v", input, result.Lost())
		}
		if len(c.Telemetry.Instruments) > 0 || len(c.Telemetry.AccessLog.Conditions) > 0 {
			t.Errorf("%s: got\n%s", input, result.Config)
		}
	}
}

// Requests with a header are logged, as in versions before events.
func TestLogsByHeaderAreConverted(t *testing.T) {
	_, c := convertedFrom(t, "apollo", "telemetry: {exporters: {logging: {experimental_when_header: [{name: X-Log, match: '^foo', headers: true, body: true}]}}}")
	want := []config.Condition{{Attribute: "request_header.x-log", Matches: "(?:foo)(?s:.*)"}}
	if got := c.Telemetry.AccessLog; !got.Enabled || !slices.Equal(got.Conditions, want) || c.Telemetry.Attributes["request_header.x-log"].Key != "X-Log" {
		t.Errorf("got %+v", c.Telemetry)
	}
}

func TestAttributesOfCosmoAreConverted(t *testing.T) {
	result, c := convertedFrom(t, "cosmo", `
version: "1"
telemetry:
  attributes:
    - {key: env, default: prod}
    - {key: tenant, default: none, value_from: {request_header: X-Tenant}}
    - {key: hash, value_from: {context_field: graphql_error_codes}}
  tracing:
    attributes:
      - {key: user, value_from: {expression: request.auth.claims.sub}}
      - {key: tenant, value_from: {request_header: X-Other}}
  metrics:
    attributes:
      - {key: operation, value_from: {context_field: operation_name}}
`)
	x := c.Telemetry
	for name, want := range map[string]config.Attribute{
		"env": {From: "static", Key: "prod"}, "tenant": {From: "request_header", Key: "X-Tenant", Default: "none"}, "user": {From: "claim", Key: "sub"}, "operation": {From: "operation", Key: "name"},
	} {
		if got := x.Attributes[name]; got != want {
			t.Errorf("%s is %+v", name, got)
		}
	}
	if !slices.Equal(x.SpanAttributes, []string{"env", "tenant", "user"}) || !slices.Equal(x.Instruments["router.request.duration"].Attributes, []string{"operation"}) {
		t.Errorf("got %+v", x)
	}
	var lost []string
	for _, n := range result.Lost() {
		if n.Status == None {
			lost = append(lost, n.Key)
		}
	}
	if !slices.Equal(lost, []string{"telemetry.attributes[2]", "telemetry.tracing.attributes[1]"}) {
		t.Errorf("lost %v", lost)
	}
}

// The parser has a bound of its own, which the conversion says.
func TestRecursionIsAtMostWhatTheParserNests(t *testing.T) {
	result, c := convertedFrom(t, "apollo", "limits: {parser_max_recursion: 4096}")
	lost := result.Lost()
	if c.Limits.MaxRecursion != 1000 || len(lost) != 1 || !strings.Contains(lost[0].Note, "it is 4096, but") {
		t.Errorf("got %d, %+v", c.Limits.MaxRecursion, lost)
	}
}
