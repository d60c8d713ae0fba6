package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"souk/internal/loopback/loopbacktest"
	"souk/telemetry/otlptest"
)

const telemetrySupergraph = `
schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query }
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
scalar join__FieldSet
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
enum join__Graph { PRODUCTS @join__graph(name: "products", url: "SUBGRAPH") }
type Query @join__type(graph: PRODUCTS) { name: String price: Int @deprecated(reason: "Use cost. Since 2026-01-15.") failing: String }
`

// telemetrySubgraph is a subgraph that reports an error for the field failing.
func telemetrySubgraph(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(string(body), "failing") {
			_, _ = io.WriteString(w, `{"data":{"failing":null},"errors":[{"message":"the shelf is empty","path":["failing"],"extensions":{"code":"EMPTY"}}]}`)
			return
		}
		_, _ = io.WriteString(w, `{"data":{"name":"lamp","price":3}}`)
	}))
	t.Cleanup(s.Close)
	return s
}

// A telemetryRouter is a running souk router with one subgraph.
type telemetryRouter struct {
	*process
	address, admin, config string
}

func startTelemetryRouter(t *testing.T, environment []string, config string) *telemetryRouter {
	t.Helper()
	r := &telemetryRouter{address: loopbacktest.Address(t), admin: loopbacktest.Address(t), config: filepath.Join(t.TempDir(), "router.yaml")}
	graph := filepath.Join(filepath.Dir(r.config), "supergraph.graphql")
	r.write(t, graph, strings.Replace(telemetrySupergraph, "SUBGRAPH", telemetrySubgraph(t).URL, 1))
	r.write(t, r.config, r.settings(config))
	routes := t.TempDir()
	r.write(t, filepath.Join(routes, "routes.graphql"), `"The price" query GetPrice @rest(method: GET, path: "/api/price", result: "price") { price }
"The name" query GetName @rest(method: GET, path: "/api/name", result: "name") { name }
`)
	r.process = souk(t, environment, "router", "--config", r.config, "--routes", routes)
	await(t, r.process, "the router is ready", func() bool { return status(t, "http://"+r.address+"/readyz") == http.StatusOK })
	return r
}

func (r *telemetryRouter) settings(more string) string {
	return fmt.Sprintf("listen: %q\nadmin: {listen: %q}\nsupergraph: {path: %q, poll_interval: 20ms}\n%s", r.address, r.admin, filepath.Join(filepath.Dir(r.config), "supergraph.graphql"), more)
}

func (r *telemetryRouter) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// send sends an operation and returns the response and its body.
func (r *telemetryRouter) send(t *testing.T, query string, header map[string]string) (*http.Response, string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+r.address+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

func (r *telemetryRouter) scrape(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+r.admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// lines returns the lines of the access log.
func (r *telemetryRouter) lines(t *testing.T) (list []map[string]any) {
	t.Helper()
	for line := range strings.Lines(r.stdout.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, one)
	}
	return list
}

const tracedBy = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// SIGTERM sends what remains: the default intervals of exports are longer than the test.
func TestRouterSendsTelemetryBeforeItEnds(t *testing.T) {
	c := otlptest.Start(t)
	usage := t.TempDir()
	r := startTelemetryRouter(t, []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.GRPC, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_METRICS_EXPORTER=otlp", "OTEL_LOGS_EXPORTER=otlp",
	}, fmt.Sprintf(`telemetry:
  duration_buckets: [60s]
  operation_metrics: {max: 5}
  client_metrics: {max: 5}
  access_log: {enabled: true}
  usage_export: {directory: %q, otlp: true}
`, usage))
	r.send(t, "query Lamp { name price }", map[string]string{"GraphQL-Client-Name": "web", "GraphQL-Client-Version": "1.2", "Traceparent": tracedBy})
	r.send(t, `query Broken { failing }`, map[string]string{"Traceparent": tracedBy})
	metrics := r.scrape(t)
	for _, want := range []string{
		`souk_router_operation_duration_seconds_bucket{graphql_operation_type="query",outcome="data",le="60.0"} 1 # {trace_id="0af7651916cd43dd8448eb211c80319c"}`,
		`souk_router_named_operation_duration_seconds_count{graphql_operation_name="Lamp",graphql_operation_type="query",outcome="data"} 1`,
		`souk_router_client_operation_duration_seconds_count{client_name="web",client_version="1.2",outcome="data"} 1`,
		`souk_router_deprecated_use_total{client_name="web",client_version="1.2",coordinate="Query.price"} 1`,
		`souk_router_subgraph_request_duration_seconds_bucket{subgraph="products",le="60.0"} 2 # {trace_id="0af7651916cd43dd8448eb211c80319c"}`,
	} {
		if !strings.Contains(metrics, want) && !strings.Contains(metrics, strings.Replace(want, "} 1 # {", "} 1.0 # {", 1)) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if err := r.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := r.wait(t); code != 0 {
		t.Fatalf("exit status %d:\n%s", code, &r.stderr)
	}
	if len(c.Spans()) < 4 || c.Metric("souk_router_named_operation_duration_seconds") == nil {
		t.Errorf("received %d spans and the metric %v", len(c.Spans()), c.Metric("souk_router_named_operation_duration_seconds"))
	}
	var failure, exported bool
	for _, l := range c.Logs() {
		failure = failure || l.Body.GetStringValue() == "subgraph error" && len(l.TraceId) == 16
		exported = exported || l.EventName == "souk.schema.usage" && strings.Contains(l.Body.GetStringValue(), `"Query.price":{"requests":1,"deprecated":true,"clients":[{"name":"web","version":"1.2","requests":1}]}`)
	}
	if !failure || !exported {
		t.Errorf("the logs have the error: %v, the usage: %v: %v", failure, exported, c.Logs())
	}
	if want := `"subgraph":"products","code":"EMPTY","error":"the shelf is empty","path":"failing","trace_id":"0af7651916cd43dd8448eb211c80319c"`; !strings.Contains(r.stderr.String(), want) {
		t.Errorf("the log lacks %s:\n%s", want, &r.stderr)
	}
	lines := r.lines(t)
	if len(lines) != 2 {
		t.Fatalf("the access log is %v", lines)
	}
	for name, want := range map[string]any{
		"method": "POST", "route": "/graphql", "status": 200.0, "operation_name": "Lamp", "operation_type": "query", "client_name": "web", "client_version": "1.2",
		"fetches": 1.0, "errors": 0.0, "document_cache": "miss", "trace_id": "0af7651916cd43dd8448eb211c80319c",
	} {
		if lines[0][name] != want {
			t.Errorf("%s is %v, want %v", name, lines[0][name], want)
		}
	}
	if fmt.Sprint(lines[1]["error_codes"]) != "[EMPTY]" {
		t.Errorf("the second line is %v", lines[1])
	}

	// The files name the clients that a change breaks.
	files, err := filepath.Glob(filepath.Join(usage, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	dir := t.TempDir()
	r.write(t, filepath.Join(dir, "old.graphql"), "type Query { name: String price: Int failing: String }")
	r.write(t, filepath.Join(dir, "new.graphql"), "type Query { name: String failing: String }")
	check := soukIn(t, dir, nil, "schema", "check", "--against", "old.graphql", "--usage", files[0], "new.graphql")
	if code := check.wait(t); code == 0 || !strings.Contains(check.stdout.String(), "- Query.price (breaking: used by web 1.2)") {
		t.Errorf("exit status %d:\n%s%s", code, &check.stdout, &check.stderr)
	}
}

// A change of the configuration while the router runs turns everything on and off.
func TestTelemetryFollowsTheConfiguration(t *testing.T) {
	r := startTelemetryRouter(t, nil, "")
	plan := map[string]string{"Souk-Expose-Query-Plan": "true", "Souk-Expose-Token": "0123456789abcdef"}
	res, body := r.send(t, "{ name }", plan)
	if res.Header.Get("Server-Timing") != "" || strings.Contains(body, "extensions") {
		t.Errorf("without configuration: %v %s", res.Header, body)
	}
	r.write(t, r.config, r.settings("telemetry: {access_log: {enabled: true, fields: [path, operation_name]}}\nexpose_query_plan: {enabled: true, token: 0123456789abcdef}\n"))
	await(t, r.process, "the configuration is in use", func() bool {
		res, body = r.send(t, "query Shown { name }", plan)
		return strings.Contains(body, `"plan":`)
	})
	for _, want := range []string{"plan;dur=", `fetch;desc="products";dur=`, "total;dur="} {
		if timing := res.Header.Get("Server-Timing"); !strings.Contains(timing, want) {
			t.Errorf("Server-Timing %q lacks %s", timing, want)
		}
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	plan["Souk-Expose-Query-Plan"] = "dry-run"
	if _, body := r.send(t, "{ name }", plan); !strings.HasPrefix(body, `{"data":null,"extensions":{"souk":`) || !strings.Contains(body, `"plan":`) {
		t.Errorf("dry-run: %s", body)
	}
	plan["Souk-Expose-Token"] = "wrong"
	if res, body := r.send(t, "{ name }", plan); strings.Contains(body, "extensions") || res.Header.Get("Server-Timing") != "" {
		t.Errorf("with a wrong token: %v %s", res.Header, body)
	}
	await(t, r.process, "the access log is written", func() bool {
		return strings.Contains(r.stdout.String(), `"msg":"request","path":"/graphql","operation_name":"Shown"}`)
	})
	r.interrupt(t)
	if code := r.wait(t); code != 0 {
		t.Errorf("exit status %d:\n%s", code, &r.stderr)
	}
}

// get sends a request to a REST route.
func (r *telemetryRouter) get(t *testing.T, path string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+r.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res
}

// The date of the reason is replaced by those in the configuration.
func TestRoutesThatUseDeprecatedFieldsSaySo(t *testing.T) {
	for name, c := range map[string]struct{ config, since, sunset string }{
		"the reason":        {"", "@1768435200", ""},
		"the configuration": {"  deprecations: [{coordinate: Query.price, since: 2026-03-01, sunset: 2027-03-01}]\n", "@1772323200", "Mon, 01 Mar 2027 00:00:00 GMT"},
	} {
		t.Run(name, func(t *testing.T) {
			r := startTelemetryRouter(t, nil, "telemetry:\n  server_timing: true\n  access_log: {enabled: true, fields: [route, operation_name, carrier, trace_id]}\n"+c.config)
			res := r.get(t, "/api/price")
			if res.StatusCode != http.StatusOK || res.Header.Get("Deprecation") != c.since || res.Header.Get("Sunset") != c.sunset || !strings.Contains(res.Header.Get("Server-Timing"), "fetch;desc") {
				t.Errorf("got %s %v", res.Status, res.Header)
			}
			if res := r.get(t, "/api/name"); res.StatusCode != http.StatusOK || res.Header.Get("Deprecation") != "" || res.Header.Get("Sunset") != "" {
				t.Errorf("without a deprecated field: %s %v", res.Status, res.Header)
			}
			r.interrupt(t)
			if code := r.wait(t); code != 0 {
				t.Errorf("exit status %d:\n%s", code, &r.stderr)
			}
			lines := r.lines(t)
			if len(lines) != 2 || lines[0]["route"] != "GET /api/price" || lines[0]["operation_name"] != "GetPrice" || lines[0]["carrier"] != "rest" || lines[0]["trace_id"] != res.Header.Get("Souk-Trace-Id") {
				t.Errorf("the access log is %v", lines)
			}
		})
	}
}
