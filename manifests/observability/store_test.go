package observability_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"souk/dev"
	"souk/internal/loopback/loopbacktest"
	"souk/subgraphs"
)

// A real OpenTelemetry Collector with the configuration of the manifests sends the store's
// traces to a real Jaeger, and a real Prometheus with the rules of the manifests scrapes the
// store while it is used a little.
func TestStoreProducesTracesAndAlertSeries(t *testing.T) {
	jaeger := program(t, "JAEGER", "jaeger", "make jaeger")
	collector := program(t, "COLLECTOR", "otel-collector", "make collector")
	prometheus := program(t, "PROMETHEUS", "prometheus", "install Debian's package prometheus")
	stored, traces := loopbacktest.Address(t), loopbacktest.Address(t)
	t.Setenv("SPAN_STORAGE_TYPE", "memory")
	run(t, jaeger, "--collector.otlp.enabled=true", "--collector.otlp.grpc.host-port="+stored, "--query.http-server.host-port="+traces,
		"--collector.otlp.http.host-port="+loopbacktest.Address(t), "--query.grpc-server.host-port="+loopbacktest.Address(t), "--admin.http.host-port="+loopbacktest.Address(t),
		"--collector.grpc-server.host-port="+loopbacktest.Address(t), "--collector.http-server.host-port="+loopbacktest.Address(t))
	eventually(t, 30*time.Second, "Jaeger answers", func() bool { return get(t.Context(), "http://"+traces+"/api/services", new(any)) })
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+collect(t, collector, stored))
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
	store, err := dev.Start(t.Context(), dev.Options{Listen: "127.0.0.1:0", AuthMode: "tutorial"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Stop(); err != nil {
			t.Error(err)
		}
	})
	metrics := watch(t, prometheus, store)

	trace := order(t, store)
	t.Run("one trace spans the REST call to the e-mail", func(t *testing.T) { checkTrace(t, traces, trace) })
	t.Run("service dependencies", func(t *testing.T) { checkDependencies(t, traces) })
	t.Run("rules have values", func(t *testing.T) { checkRules(t, metrics, store) })
	t.Run("queries are valid and their metrics exist", func(t *testing.T) { checkQueries(t, metrics) })
}

// collect starts the collector in front of a trace store and returns its address. Only
// addresses differ from those in the cluster.
func collect(t *testing.T, collector, stored string) (address string) {
	t.Helper()
	address, health := loopbacktest.Address(t), loopbacktest.Address(t)
	run(t, collector, "--config=config/collector.yaml", "--set=exporters.otlp_grpc/jaeger.endpoint="+stored,
		"--set=receivers.otlp.protocols.http.endpoint="+address, "--set=receivers.otlp.protocols.grpc.endpoint="+loopbacktest.Address(t),
		"--set=extensions.health_check.endpoint="+health)
	eventually(t, 30*time.Second, "the collector answers", func() bool { return get(t.Context(), "http://"+health, new(any)) })
	return address
}

// order creates a user and a product and places an order, in a trace whose ID it returns.
func order(t *testing.T, store *dev.System) string {
	t.Helper()
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	post(t, store, "", "/api/users", `{"username":"watched","email":"watched@example.com"}`)
	product := post(t, store, "", "/api/products", `{"name":"Watch","price":10,"stock":5}`)
	user := post(t, store, "", "/api/users", `{"username":"buyer","email":"buyer@example.com"}`)
	post(t, store, trace, "/api/orders", fmt.Sprintf(`{"userId":%v,"productId":%v,"quantity":1}`, user["id"], product["id"]))
	return trace
}

func post(t *testing.T, store *dev.System, trace, path, body string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, store.URL("router")+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if trace != "" {
		req.Header.Set("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	answer := map[string]any{}
	if err != nil || res.StatusCode != http.StatusCreated || json.Unmarshal(text, &answer) != nil {
		t.Fatalf("%s: got status %d: %s, err %v", path, res.StatusCode, text, err)
	}
	return answer
}

// span is a span as Jaeger returns it.
type span struct {
	SpanID, OperationName, ProcessID string
	References                       []struct{ RefType, SpanID string }
	Tags                             []struct {
		Key   string
		Value any
	}
}

// name returns the span's name, and its SQL statement.
func (s span) name() string {
	name := s.OperationName
	for _, tag := range s.Tags {
		if tag.Key == "db.query.text" || tag.Key == "db.statement" {
			name = fmt.Sprintf("%s %.200s", name, tag.Value)
		}
	}
	return strings.Join(strings.Fields(name), " ")
}

// steps are spans of an order's trace, each below the one before it.
var steps = []string{
	`souk-router: POST /api/orders`,
	`souk-router: graphql\.subgraph\.operation`,
	`souk-order: POST`,
	`souk-order: mutation`,
	`souk-order: Mutation\.placeOrder`,
}

// branches are spans somewhere below the last step.
var branches = []string{
	`souk-order: (?i).*insert into order_events`,
	`souk-order: (?i).*insert into event_outbox`,
	`souk-inventory: POST`,
	`souk-inventory: (?i).*reservations`,
	`souk-order: send order\.created`,
	`souk-notification: process order\.created`,
	`souk-notification: (?i).*insert into notifications`,
	`souk-notification: send email`,
	`souk-notification: send notification\.sent`,
}

func checkTrace(t *testing.T, jaeger, trace string) {
	var missing []string
	var paths []string
	eventually(t, 30*time.Second, "the whole trace is in Jaeger", func() bool {
		paths = readTrace(t, jaeger, trace)
		missing = nil
		for _, branch := range branches {
			pattern := regexp.MustCompile("(?s)" + strings.Join(append(slices.Clone(steps), branch), ".*\n"))
			if !slices.ContainsFunc(paths, pattern.MatchString) {
				missing = append(missing, branch)
			}
		}
		return missing == nil
	})
	if missing != nil {
		t.Errorf("no span below placeOrder matches %q; spans:\n%s", missing, strings.Join(paths, "\n\n"))
	}
}

// readTrace returns the path from the root for each span of a trace.
func readTrace(t *testing.T, jaeger, trace string) []string {
	var answer struct {
		Data []struct {
			Spans     []span
			Processes map[string]struct{ ServiceName string }
		}
	}
	if !get(t.Context(), "http://"+jaeger+"/api/traces/"+trace, &answer) || len(answer.Data) != 1 {
		return nil
	}
	found := answer.Data[0]
	byID := map[string]span{}
	for _, s := range found.Spans {
		byID[s.SpanID] = s
	}
	var paths []string
	for _, s := range found.Spans {
		var path []string
		for current, ok := s, true; ok && len(path) < 100; {
			path = append(path, found.Processes[current.ProcessID].ServiceName+": "+current.name())
			if len(current.References) == 0 {
				break
			}
			current, ok = byID[current.References[0].SpanID]
		}
		slices.Reverse(path)
		paths = append(paths, strings.Join(path, "\n"))
	}
	return paths
}

func checkDependencies(t *testing.T, jaeger string) {
	wanted := [][2]string{
		{"souk-router", "souk-order"}, {"souk-router", "souk-user"}, {"souk-router", "souk-product"},
		{"souk-order", "souk-inventory"}, {"souk-order", "souk-product"}, {"souk-order", "souk-user"},
		{"souk-order", "souk-notification"}, {"souk-notification", "souk-user"},
	}
	var missing [][2]string
	eventually(t, 20*time.Second, "every dependency is seen", func() bool {
		var answer struct {
			Data []struct{ Parent, Child string }
		}
		get(t.Context(), fmt.Sprintf("http://%s/api/dependencies?lookback=3600000&endTs=%d", jaeger, time.Now().UnixMilli()), &answer)
		missing = slices.DeleteFunc(slices.Clone(wanted), func(edge [2]string) bool {
			return slices.ContainsFunc(answer.Data, func(d struct{ Parent, Child string }) bool { return d.Parent == edge[0] && d.Child == edge[1] })
		})
		return len(missing) == 0
	})
	if len(missing) > 0 {
		t.Errorf("missing dependencies: %v", missing)
	}
}

// watch starts a Prometheus that scrapes the store, with the rules of the manifests.
func watch(t *testing.T, prometheus string, store *dev.System) (url string) {
	t.Helper()
	rules, err := filepath.Abs("rules/souk.yml")
	if err != nil {
		t.Fatal(err)
	}
	var config bytes.Buffer
	fmt.Fprintf(&config, "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%q]\nscrape_configs:\n", rules)
	target := func(app, url string) {
		fmt.Fprintf(&config, "  - job_name: %s\n    static_configs: [{targets: [%q], labels: {app: %s}}]\n", app, strings.TrimPrefix(url, "http://"), app)
	}
	target("api-gateway", store.URL("admin"))
	for _, name := range subgraphs.Names() {
		target(name+"-service", store.URL(name))
	}
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(file, config.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	address := loopbacktest.Address(t)
	run(t, prometheus, "--config.file="+file, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+address)
	url = "http://" + address
	eventually(t, 30*time.Second, "Prometheus answers", func() bool { return get(t.Context(), url+"/api/v1/status/buildinfo", new(any)) })
	return url
}

// query returns the values of a query by the label app.
func query(t *testing.T, prometheus, expression string) map[string]float64 {
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	get(t.Context(), prometheus+"/api/v1/query?query="+url.QueryEscape(expression), &answer)
	values := map[string]float64{}
	for _, r := range answer.Data.Result {
		text, _ := r.Value[1].(string)
		if value, err := strconv.ParseFloat(text, 64); err == nil {
			values[r.Metric["app"]] = value
		}
	}
	return values
}

func checkRules(t *testing.T, prometheus string, store *dev.System) {
	body := `{"query":"{ products(first: 20) { nodes { id name inStock } } }"}`
	ask := func() {
		res, err := http.Post(store.URL("router")+"/graphql", "application/json", strings.NewReader(body)) //nolint:noctx // bounded by the test
		if err == nil {
			_ = res.Body.Close()
		}
	}
	for _, rule := range []struct {
		expression, app string
		low, high       float64
	}{
		{expression: "up", app: "notification-service", low: 1, high: 1},
		{expression: "app:http_requests:rate5m", app: "api-gateway", low: 0.01, high: 1000},
		{expression: "app:http_requests:rate5m", app: "product-service", low: 0.001, high: 1000},
		{expression: "app:http_errors:ratio_rate5m", app: "api-gateway", low: 0, high: 0},
		{expression: "app:http_request_duration_seconds:p95_5m", app: "api-gateway", low: 0.0001, high: 10},
		{expression: "router:operation_duration_seconds:p99_5m", app: "", low: 0.0001, high: 10},
		{expression: "router:entity_cache:hit_ratio_rate5m", app: "", low: 0.2, high: 1},
		{expression: "slo:unanswered:ratio_rate5m", app: "", low: 0, high: 0},
		{expression: "app:event_outbox_age_seconds:max", app: "order-service", low: 0, high: 5},
		{expression: "app:open_files:ratio", app: "api-gateway", low: 0.00001, high: 0.9},
	} {
		eventually(t, 40*time.Second, fmt.Sprintf("%s of %q is from %v to %v", rule.expression, rule.app, rule.low, rule.high), func() bool {
			ask()
			value, ok := query(t, prometheus, rule.expression)[rule.app]
			return ok && value >= rule.low && value <= rule.high
		})
	}
	if firing := query(t, prometheus, `ALERTS{alertstate="firing", alertname!="Watchdog"}`); len(firing) > 0 {
		t.Errorf("got firing alerts %v", firing)
	}
}
